import threading
from contextlib import contextmanager

import pytest
from world import World, queue

from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
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
