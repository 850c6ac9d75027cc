import subprocess
import sys
import threading
from collections.abc import Callable

import attrs
import pytest

from loafer.application.heartbeat import CLOSING as HEARTBEAT_CLOSING
from loafer.application.shutdown import ABORTING, ARRIVING, CANCELLING, CLOSING, FLUSHING, SETTLED
from loafer.entrypoints.supervisor.supervisor import LONGEST_STOP
from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker.deadline import SAYING, SUPERVISOR, WORKER, Deadline, still_running

BOUND = 8
OTHERS: set[threading.Thread] = set()


@attrs.define(eq=False)
class Clock:
    """Seconds that pass when they are told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def deadline(grace_period: float, bound: float, clock: Callable[[], float]) -> tuple[Deadline, "list[float]"]:
    """Return a deadline, and the list that its end comes into."""
    ended: list[float] = []
    return Deadline(grace_period, bound, ended.append, clock), ended


@pytest.fixture(autouse=True)
def others() -> set[threading.Thread]:
    """The threads that other tests have left."""
    OTHERS.clear()
    OTHERS.update(threading.enumerate())
    return OTHERS


def wait_for_its_thread() -> None:
    for thread in set(threading.enumerate()) - OTHERS:
        if thread.name == "loafer-deadline":
            thread.join(60)


def test_it_ends_at_the_grace_period_and_the_bound() -> None:
    clock = Clock(100)
    made, ended = deadline(0, 0, clock)
    made.begin()
    wait_for_its_thread()
    assert ended == [0]


def test_it_counts_from_its_first_beginning() -> None:
    clock = Clock(100)
    made, ended = deadline(20, 7, clock)
    made.begin()
    clock.now = 110
    made.begin()
    clock.now = 127
    made.hurry()  # which is too late to change anything, but wakes it
    wait_for_its_thread()
    assert ended == [27]


def test_an_order_to_hurry_leaves_the_bound_alone() -> None:
    clock = Clock(100)
    made, ended = deadline(1e300, 0, clock)
    made.begin()
    clock.now = 103
    made.hurry()
    wait_for_its_thread()
    assert ended == [3]


def test_an_order_to_hurry_is_a_beginning_too() -> None:
    made, ended = deadline(3600, 0, Clock())
    made.hurry()
    wait_for_its_thread()
    assert ended == [0]


def test_the_parts_of_a_stop_fit_into_its_bound() -> None:
    assert CANCELLING + FLUSHING < SETTLED
    assert SETTLED - FLUSHING - ABORTING - ARRIVING > 0
    assert SETTLED + CLOSING + 2 * HEARTBEAT_CLOSING < WORKER
    assert WORKER + 2.5 * SAYING <= LONGEST_STOP < SUPERVISOR
    assert SUPERVISOR + 2.5 * SAYING < BOUND


def test_what_still_runs_is_said_in_words() -> None:
    go_on = threading.Event()
    threads = [threading.Thread(target=go_on.wait, args=(60,), name=f"left-{number}") for number in range(7)]
    for thread in threads:
        thread.start()
    main, left = still_running()
    go_on.set()
    for thread in threads:
        thread.join()  # or the next test finds it
    assert main.startswith("the main thread is in still_running (deadline.py:")
    assert left == "threads: left-0, left-1, left-2, left-3, left-4, …"


def test_of_daemon_threads_those_of_handlers_are_said_to_run_still() -> None:
    go_on = threading.Event()
    names = ("another", f"{HANDLER_THREAD}_of_a_test")
    threads = [threading.Thread(target=go_on.wait, args=(60,), name=name, daemon=True) for name in names]
    for thread in threads:
        thread.start()
    _, left = still_running()
    go_on.set()
    for thread in threads:
        thread.join()
    assert f"{HANDLER_THREAD}_of_a_test" in left
    assert "another" not in left


@pytest.mark.parametrize(
    ("log", "saying"),
    [("logging.basicConfig()", 60), ("logging.root.addHandler(Stuck())", 1)],
    ids=["free", "stuck"],
)
def test_the_process_is_ended_with_its_status_and_a_last_line_though_the_log_is_stuck(log: str, saying: int) -> None:
    code = f"""
import logging, threading
from loafer.entrypoints.worker import deadline
from loafer.entrypoints.worker.ending import Ending
class Stuck(logging.Handler):
    def emit(self, record):
        threading.Event().wait()
{log}
deadline.SAYING = {saying}
threading.Thread(target=threading.Event().wait).start()
deadline.cut_off(lambda ending: print(ending.text, flush=True), lambda: None, Ending(3, "so be it"), "what was left")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout) == (3, "so be it\n")
    assert done.stderr in {
        "ERROR:loafer.entrypoints.worker.deadline:what was left\n",
        "loafer: what was left\n",
    }
