import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from loafer.entrypoints.worker import signals
from loafer.entrypoints.worker.ending import SIGNALS, WRITING_THREAD
from loafer.entrypoints.worker.signals import ONE_SIGNAL, OTHERS, Signals, by_signals, heard
from loafer.entrypoints.worker.starting import stop_signals


def test_signals_within_half_a_second_of_one_that_counted_are_one() -> None:
    times = [100.0, 100.1, 100.49, 100.5, 100.9, 101.1]
    counting = Signals(iter(times).__next__)
    assert [counting.count() for _ in times] == [True, False, False, True, False, True]
    assert ONE_SIGNAL == 0.5


@contextmanager
def listening() -> Iterator[threading.Semaphore]:
    """Count what is heard of signals, in a semaphore."""
    counted = threading.Semaphore(0)
    with heard(counted.release):
        yield counted


def test_a_signal_is_heard_on_another_thread_while_the_main_thread_is_busy() -> None:
    threads: list[str] = []
    with heard(lambda: threads.append(threading.current_thread().name)):
        os.kill(os.getpid(), signal.SIGTERM)
        end = time.monotonic() + 60
        while not threads and time.monotonic() < end:
            pass
    assert threads == ["loafer-signals"]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_heard_though_something_else_has_taken_its_numbers(number: int) -> None:
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    with listening() as counted:
        ours = signal.set_wakeup_fd(writable)
        os.kill(os.getpid(), number)
        assert counted.acquire(timeout=60)
        assert signal.set_wakeup_fd(ours) == writable
    assert os.read(readable, 10) == bytes([number])
    os.close(readable)
    os.close(writable)


def test_other_signals_still_reach_the_event_loop() -> None:
    async def other() -> None:
        reached = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, reached.set)
        with listening() as counted:
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.wait_for(reached.wait(), 60)
            assert not counted.acquire(blocking=False)

    asyncio.run(other())


@pytest.mark.usefixtures("own_signals")
@pytest.mark.parametrize("afterwards", [None, signal.SIG_IGN])
def test_in_the_end_signals_have_the_action_that_they_are_to_have(afterwards: object) -> None:
    numbers = (*stop_signals(), *OTHERS)
    before = [signal.getsignal(number) for number in numbers]
    with heard(lambda: None, afterwards):
        during = [signal.getsignal(number) for number in numbers]
        assert not any(one == other for one, other in zip(during, before, strict=True))
    assert [signal.getsignal(number) for number in numbers] == (before if afterwards is None else [afterwards] * 5)
    assert signal.set_wakeup_fd(-1) == -1


def test_two_signals_at_once_ask_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "ONE_SIGNAL", 60)  # half a second may pass between two steps of a test
    asked = threading.Semaphore(0)
    with by_signals(asked.release):
        for number in (*SIGNALS, *SIGNALS):
            os.kill(os.getpid(), number)
        assert asked.acquire(timeout=60)
    assert not asked.acquire(blocking=False)


def test_a_signal_to_a_process_that_was_forked_ends_that_one_and_is_not_heard_here() -> None:
    code = """
import os, signal, time
from loafer.entrypoints.worker.signals import heard
counted = []
with heard(lambda: counted.append(1)):
    readable, writable = os.pipe()
    child = os.fork()
    if not child:
        os.write(writable, b"x")
        time.sleep(60)
        os._exit(0)
    os.read(readable, 1)
    os.kill(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    time.sleep(0.1)
assert counted == []
"""
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", code]  # there are threads
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_to_a_process_at_the_moment_it_is_forked_ends_that_one_and_is_not_heard_here() -> None:
    code = """
import os, signal, threading, time
from loafer.entrypoints.worker.signals import heard
os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))  # before what is registered later
counted, ends, masks = [], [], []
def fork():
    child = os.fork()
    if not child:
        time.sleep(60)
        os._exit(0)
    masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
    ends.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
with heard(lambda: counted.append(1)):
    fork()
    thread = threading.Thread(target=fork)
    thread.start()
    thread.join()
    time.sleep(0.1)
    assert (counted, ends, masks) == ([], [-signal.SIGTERM] * 2, [set()] * 2), (counted, ends, masks)
    os.kill(os.getpid(), signal.SIGTERM)
    while not counted:
        time.sleep(0.01)
"""
    command = [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", code]  # there are threads
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_giving_signals_back_does_not_write_down_all_that_a_worker_has() -> None:
    class Heard:
        def __call__(self) -> None: ...

        def __repr__(self) -> str:
            raise AssertionError("it has thousands of messages")

    with heard(Heard(), look=Heard()):
        pass


class HangingLook:
    """Counts looks, and keeps each of them until it may end."""

    def __init__(self) -> None:
        self.began = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.threads: set[str] = set()

    def __call__(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.began.release()
        self.may_end.acquire(timeout=60)


@contextmanager
def asked_to_look(look: HangingLook) -> Iterator[threading.Semaphore]:
    """Have a look begin and hang; count what is heard of signals that ask to stop meanwhile."""
    counted = threading.Semaphore(0)
    try:
        with heard(counted.release, look=look):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert look.began.acquire(timeout=60)
            yield counted
    finally:
        look.may_end.release(100)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_look_that_hangs_hides_no_signal_that_asks_to_stop(number: int) -> None:
    look = HangingLook()
    with asked_to_look(look) as counted:
        os.kill(os.getpid(), number)
        heard_it = counted.acquire(timeout=10)
        look.may_end.release(100)
    assert heard_it


def test_a_look_that_hangs_keeps_nothing_from_ending_and_is_taken_for_a_thread_that_is_blocked() -> None:
    look = HangingLook()
    with asked_to_look(look):
        pass
    assert look.threads == {WRITING_THREAD}


def test_looks_that_are_asked_for_while_one_is_under_way_are_one() -> None:
    look = HangingLook()
    with asked_to_look(look) as counted:
        for _ in range(5):
            os.kill(os.getpid(), signal.SIGUSR1)
        for _ in range(2):  # the first may be read together with those, and is heard before they are
            os.kill(os.getpid(), signal.SIGTERM)
            assert counted.acquire(timeout=60)
        assert not look.began.acquire(blocking=False)
        look.may_end.release()
        assert look.began.acquire(timeout=60)
        look.may_end.release()
        assert not look.began.acquire(timeout=0.1)


def test_a_look_that_fails_is_told_and_the_next_one_works(caplog: pytest.LogCaptureFixture) -> None:
    looked = threading.Semaphore(0)
    outcomes = iter([OSError("no room"), None])

    def look() -> None:
        failure = next(outcomes)
        looked.release()
        if failure is not None:
            raise failure

    with heard(lambda: None, look=look):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
            assert looked.acquire(timeout=60)
    assert [(record.message, str(record.exc_info[1])) for record in caplog.records if record.exc_info] == [
        ("what is held could not be logged", "no room")
    ]


def test_that_no_thread_is_left_for_a_look_is_told_and_hides_no_signal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with listening() as counted:
        monkeypatch.setattr(threading.Thread, "start", none_left)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        assert counted.acquire(timeout=60)
    assert [record.message for record in caplog.records] == ["what is held cannot be logged: can't start new thread"]


def none_left(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")
