import threading
from contextlib import contextmanager

import attrs
import pytest
from world import World, queue

from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.entrypoints.wiring.threads import HANDLER_THREAD, handler_threads


async def test_a_function_whose_thread_cannot_be_started_fails_and_does_not_run_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, refusals = threading.Thread.start, [True]

    def refuse_once(thread: threading.Thread) -> None:
        if thread.name.startswith(HANDLER_THREAD) and refusals:
            refusals.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_once)
    ran: list[object] = []
    with contextmanager(handler_threads)(1) as pool:
        world = World(queue("orders", "one"), ThreadHandler(ran.append, pool), Options(max_jobs=1, retry_delay=1))
        await world.run_for(5)
    assert world.dispatcher.counts == {"received": 2, "failed": 1, "succeeded": 1}
    assert ran == ["one"]
    assert len(world.queue) == 0
    assert "can't start new thread" in caplog.text


def refuses(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_function_whose_thread_cannot_be_started_keeps_its_message_whatever_its_route_rejects(
    name: str,
) -> None:
    ran: list[object] = []
    letters = queue(name.replace("orders", "dead"))
    source = queue(name, max_receive_count=2, dead_letters=letters, visibility_timeout=600)
    source.send(OutgoingMessage("one", group="g" if source.fifo else None))
    pool = ThreadPool(1, start=refuses)
    world = World(source, ThreadHandler(ran.append, pool), Options(explain_dead_letters=True))
    world.dispatcher.routes = [attrs.evolve(world.route(), reject=(Exception,), retry=Retry(dead_letter_after=1))]
    await world.run_for(3)
    assert (len(source), len(letters), ran) == (1, 0, [])


async def test_a_head_that_no_thread_was_started_for_is_not_moved_unrun_and_runs_once_there_is_one() -> None:
    refusals = 5

    def start(thread: threading.Thread) -> None:
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            refuses(thread)
        thread.start()

    ran: list[object] = []
    letters = queue("dead.fifo")
    source = queue("orders.fifo", max_receive_count=2, dead_letters=letters)
    for body in ("one", "two"):
        source.send(OutgoingMessage(body, group="g"))
    with ThreadPool(1, start=start) as pool:
        await World(source, ThreadHandler(ran.append, pool), Options(retry_delay=1)).run_for(20)
    assert (ran, len(source), len(letters)) == (["one", "two"], 0, 0)
