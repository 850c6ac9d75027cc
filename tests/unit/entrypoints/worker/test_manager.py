import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker import manager as manager_module
from loafer.entrypoints.worker.ending import Ending
from loafer.entrypoints.worker.log_queue import HEARTBEAT
from loafer.entrypoints.worker.manager import Manager
from loafer.entrypoints.worker.signals import ONE_SIGNAL
from loafer.exceptions import ConfigurationError

SOURCE = "memory://managed"


async def quick(message: object) -> None: ...


async def leaves(message: object) -> None:
    raise SystemExit(3)


async def hears_signals_and_never_ends(message: object) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    while True:  # where the first one is heard late, the second is one with it
        await asyncio.sleep(ONE_SIGNAL + 0.05)
        os.kill(os.getpid(), signal.SIGTERM)


def sees_the_heartbeats_thread(message: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert HEARTBEAT in {thread.name for thread in threading.enumerate()}


LET_GO = threading.Event()
LEFT: list[Any] = []


def hangs() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    LET_GO.wait(60)


async def blocks_the_loop(message: object) -> None:
    threading.Thread(target=stop_once_blocked, args=[threading.get_ident()]).start()
    LET_GO.wait(60)


def stop_once_blocked(thread: int) -> None:
    while sys._current_frames()[thread].f_code.co_name != "wait":
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGTERM)


async def leaves_and_blocks_the_loop(message: object) -> None:
    asyncio.get_running_loop().call_soon(LET_GO.wait, 60)
    raise SystemExit(3)


async def waits_for_a_thread(message: object) -> None:
    await asyncio.to_thread(hangs)


TRANSPORT = "LOAFER_SQS_TRANSPORT"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    LET_GO.clear()
    yield
    LET_GO.set()
    LEFT.clear()


def manager(handler: str, **settings: Any) -> Manager:
    route = RouteSettings(source=SOURCE, handler=f"{__name__}.{handler}", options={"WaitTimeSeconds": 0.05})
    managed = Manager(Settings(routes=(route,), **settings))
    managed.broker.queue(SOURCE).send(OutgoingMessage("1"))
    return managed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(number: int) -> None:
    managed = manager("quick")
    managed.run(lambda: os.kill(os.getpid(), number))
    assert not managed.broker.queue(SOURCE).in_flight


def test_what_has_begun_is_told_before_anything_is_received() -> None:
    managed = manager("quick")
    queue = managed.broker.queue(SOURCE)

    def began() -> None:
        assert queue.counts["received"] == 0
        os.kill(os.getpid(), signal.SIGTERM)

    managed.run(began)


def test_a_second_signal_waits_for_no_handler() -> None:
    managed = manager("hears_signals_and_never_ends", grace_period=3600)
    managed.run()
    assert len(managed.broker.queue(SOURCE)) == 1


def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    manager("quick").run(lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_a_handler_may_not_raise_ends_it_and_keeps_the_message() -> None:
    managed = manager("leaves")
    with pytest.raises(SystemExit) as caught:
        managed.run()
    assert caught.value.code == 3
    assert len(managed.broker.queue(SOURCE)) == 1


async def lets_a_task_leave(message: object) -> None:
    if message == 1:
        LEFT.append(asyncio.create_task(leaves(message)))
        await asyncio.Event().wait()
    await asyncio.sleep(0.2)


async def lets_a_task_of_a_group_leave(message: object) -> None:
    if message == 1:
        async with asyncio.TaskGroup() as group:
            group.create_task(leaves(message))
            await asyncio.Event().wait()
    await asyncio.sleep(0.2)


@pytest.mark.parametrize("handler", ["lets_a_task_leave", "lets_a_task_of_a_group_leave"])
def test_system_exit_in_a_task_of_a_handler_ends_it_with_grace_for_the_others_and_keeps_the_message(
    handler: str, caplog: pytest.LogCaptureFixture
) -> None:
    managed = manager(handler, grace_period=0.5)
    queue = managed.broker.queue(SOURCE)
    for _ in range(3):
        queue.send(OutgoingMessage("2"))
    with pytest.raises(SystemExit) as caught:
        managed.run()
    assert caught.value.code == 3
    assert [message.body for message in queue.messages.values()] == ["1"]
    assert "never retrieved" not in caplog.text


def test_a_stop_that_does_not_end_is_cut_off_with_a_line_that_says_what_was_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(manager_module, "WORKER", 0.1)
    ends: list[tuple[Ending, str]] = []

    def cut_off(ending: Ending, line: str) -> None:
        ends.append((ending, line))
        LET_GO.set()

    managed = manager("blocks_the_loop", grace_period=0)
    managed.cut_off = cut_off
    managed.run()
    [(ending, line)] = ends
    assert ending == Ending()
    assert "left: 1 messages that are held, the main thread is in wait (threading.py:" in line


def test_a_stop_for_an_error_is_cut_off_too_with_the_status_of_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager_module, "WORKER", 0.1)
    ends: list[Ending] = []

    def cut_off(ending: Ending, _: str) -> None:
        ends.append(ending)
        LET_GO.set()

    managed = manager("leaves_and_blocks_the_loop", grace_period=0)
    managed.cut_off = cut_off
    with pytest.raises(SystemExit):
        managed.run()
    assert ends == [Ending(3)]


def test_a_thread_of_the_loop_that_hangs_as_a_look_up_may_is_not_waited_for() -> None:
    others = set(threading.enumerate())
    managed = manager("waits_for_a_thread", grace_period=0)
    try:
        managed.run()
        left = set(threading.enumerate()) - others
    finally:
        LET_GO.set()
    [hanging] = [thread for thread in left if thread.name.startswith(HANDLER_THREAD)]
    hanging.join(60)


def test_the_heartbeats_thread_has_the_name_by_which_the_log_knows_it() -> None:
    managed = manager("sees_the_heartbeats_thread")
    managed.run()
    assert not len(managed.broker.queue(SOURCE))


def test_the_transport_of_the_settings_reaches_the_consumer_and_not_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(TRANSPORT, raising=False)
    route = RouteSettings(source="orders", handler=f"{__name__}.quick")
    with Manager(Settings(routes=(route,), sqs_transport="aiobotocore")).prepared() as dispatcher:
        consumer = dispatcher.routes[0].consumer()
    assert isinstance(consumer, SQSConsumer)
    assert consumer.transport == "aiobotocore"
    assert TRANSPORT not in os.environ


def test_what_was_opened_is_closed_when_the_settings_are_mistaken() -> None:
    before = {*threading.enumerate()}
    with pytest.raises(ConfigurationError), manager("no_such").prepared():
        pytest.fail("it is ready")
    assert {*threading.enumerate()} <= before


def test_nothing_begins_with_mistaken_settings() -> None:
    with pytest.raises(ConfigurationError, match="there is no 'no_such'"):
        manager("no_such").run(lambda: pytest.fail("it began"))


def test_a_single_worker_imports_nothing_that_several_need() -> None:
    several = "{'multiprocessing.spawn', 'loafer.entrypoints.supervisor'}"
    program = f"import sys, loafer.entrypoints.worker.manager; sys.exit(bool({several} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
