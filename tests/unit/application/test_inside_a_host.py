"""A dispatcher in an event loop that is someone else's: it ends at its bound, and leaves everything as it was."""

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import pytest
from world import now, queue

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.application.dispatcher import Dispatcher
from loafer.application.heartbeat import Heartbeat, beating_on_a_thread
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.application.shutdown import Left
from loafer.domain.batch import Failure
from loafer.domain.message import Message

BOUND = 8


@attrs.define(eq=False)
class Stubborn(MemoryConsumer):
    """What it is told to be stubborn in ends only when the test ends, however often it is cancelled."""

    stubborn: tuple[str, ...] = ()
    let_go: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def receive(self, limit: int) -> Sequence[Message]:
        if "receive" in self.stubborn and not self.queue:
            await stay_until(self.let_go)
        return await super().receive(limit)

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        if "acknowledge" in self.stubborn:
            await stay_until(self.let_go)
        return await super().acknowledge(messages)

    async def close(self) -> None:
        if "close" in self.stubborn:
            await stay_until(self.let_go)


async def stay_until(let_go: asyncio.Event) -> None:
    while not let_go.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await let_go.wait()


@attrs.define(eq=False)
class Host:
    """Runs a dispatcher for a second, and stops it."""

    handle: Callable[[Any], Awaitable[object]]
    stubborn: tuple[str, ...] = ()
    let_go: asyncio.Event = attrs.field(factory=asyncio.Event)
    source: Any = attrs.field(factory=lambda: queue("orders", "one", "two"))

    async def run(self, grace_period: float = 2, asked: int = 1) -> Dispatcher:
        dispatcher = self.dispatcher(Options(grace_period=grace_period))
        running = asyncio.create_task(dispatcher.run())
        await asyncio.sleep(1)
        began = now()
        for _ in range(asked):
            dispatcher.stop()
        await running
        assert now() - began < grace_period + BOUND
        return dispatcher

    def dispatcher(self, options: Options) -> Dispatcher:
        route = Route("orders", "orders", self.consumer, lambda message: {"content": message.body}, self.handle)
        return Dispatcher([route], options, clock=now, threaded_heartbeat=False)

    def consumer(self) -> Stubborn:
        return Stubborn(self.source, 20, stubborn=self.stubborn, let_go=self.let_go)


@pytest.mark.parametrize("asked", [1, 2])
@pytest.mark.parametrize("grace_period", [0, 2])
async def test_the_block_ends_at_its_bound_and_tells_what_was_left_though_tasks_swallow_their_cancellation(
    grace_period: float, asked: int, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host(lambda _: stay_until(host.let_go))
    dispatcher = await host.run(grace_period, asked)
    assert dispatcher.left == Left(handlers=2)
    assert "left behind: 2 handlers that did not end" in caplog.messages[-1]
    host.let_go.set()


async def test_receives_and_closes_that_swallow_their_cancellation_end_it_at_its_bound_too() -> None:
    async def handle(content: Any) -> None: ...

    host = Host(handle, stubborn=("receive", "close"))
    dispatcher = await host.run()
    assert dispatcher.left == Left(consumers=1)
    host.let_go.set()


async def test_settlements_that_hang_as_while_credentials_do_end_it_at_its_bound_too() -> None:
    async def handle(content: Any) -> None: ...

    host = Host(handle, stubborn=("acknowledge",))
    dispatcher = await host.run()
    assert dispatcher.left == Left(messages=2)
    host.let_go.set()


@pytest.mark.parametrize(("times", "given_back"), [(1, 0), (2, 2), (1_000_000, 2)])
async def test_a_run_that_is_cancelled_stops_cleanly_and_one_that_is_cancelled_again_in_haste(
    times: int, given_back: int
) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(10)

    host = Host(handle)
    dispatcher = host.dispatcher(Options(grace_period=20))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    began = now()
    while times and not running.done():  # some hosts cancel again in each turn of the loop
        running.cancel()
        times -= 1
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (now() - began < 1) == bool(given_back)
    assert dispatcher.left == Left()
    await asyncio.sleep(20)  # a poll that was aborted may be served until then
    assert len(host.source.visible) == len(host.source) == given_back


@pytest.mark.parametrize(("times", "after"), [(1, 0.0), (2, 0.0), (1, 0.1), (2, 0.1), (1, 3.0), (2, 3.0)])
async def test_a_stop_whose_tasks_are_all_cancelled_as_by_a_second_ctrl_c_gives_everything_back(
    times: int, after: float, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(2)

    caplog.set_level(logging.INFO)
    host = Host(handle, source=queue("orders", *map(str, range(12)), visibility_timeout=600))
    dispatcher = host.dispatcher(Options(grace_period=5, max_jobs=10))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.5)
    running.cancel()
    for _ in range(times):
        await asyncio.sleep(after)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    began = now()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert now() - began < 3
    assert dispatcher.left == Left()
    told = [line.partition(" after")[0] for line in caplog.messages if line.startswith("stop")]
    assert [line.partition(":")[0] for line in told] == ["stopping", "stopped"]
    await asyncio.sleep(20)  # the poll that was cancelled may be served until then
    assert host.source.in_flight == []
    assert len(host.source.visible) == (2 if after == 3 else 12)


async def test_a_deletion_that_is_cancelled_with_all_tasks_of_a_stop_is_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[int] = []

    async def acknowledge(consumer: Stubborn, messages: Sequence[Message]) -> Sequence[Failure | None]:
        calls.append(len(messages))
        if len(calls) == 1:
            await asyncio.sleep(100)
        return await MemoryConsumer.acknowledge(consumer, messages)

    async def handle(content: Any) -> None: ...

    monkeypatch.setattr(Stubborn, "acknowledge", acknowledge)
    host = Host(handle)
    dispatcher = host.dispatcher(Options(grace_period=5))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.5)
    dispatcher.stop()
    await asyncio.sleep(0.5)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert dispatcher.left == Left()
    assert len(host.source) == 0


async def test_what_a_stop_has_left_behind_is_told_though_its_tasks_are_cancelled_after_that() -> None:
    async def handle(content: Any) -> None:
        if content == "one":
            await stay_until(host.let_go)

    host = Host(handle, ("acknowledge",))
    dispatcher = host.dispatcher(Options(grace_period=0.5))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    dispatcher.stop()
    await asyncio.sleep(4)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert dispatcher.left == Left(handlers=1, messages=1)
    host.let_go.set()


async def test_a_stop_that_is_given_up_because_all_is_cancelled_again_and_again_tells_what_it_leaves(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(1)

    host = Host(handle, ("acknowledge",))
    dispatcher = host.dispatcher(Options(grace_period=5))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1.5)
    dispatcher.stop()
    for _ in range(3):
        await asyncio.sleep(0.5)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert dispatcher.left == Left(messages=2, consumers=1)
    assert "left behind: 2 messages that could not be settled, 1 connections that could not be closed" in caplog.text
    host.let_go.set()


async def test_what_was_left_behind_settles_nothing_and_says_nothing_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = Host(lambda _: stay_until(host.let_go))
    await host.run()
    caplog.clear()
    host.let_go.set()
    await asyncio.sleep(1)
    assert caplog.messages == []
    assert host.source.counts["deleted"] == 0


async def test_the_host_keeps_its_signals_and_the_handlers_of_its_log() -> None:
    def those() -> list[object]:
        numbers = (signal.SIGINT, signal.SIGTERM)
        loggers = (logging.root, logging.getLogger("loafer"))
        return [
            *map(signal.getsignal, numbers),
            *(list(each.handlers) for each in loggers),
            logging.Logger.callHandlers,
        ]

    before, during = those(), []

    async def handle(content: Any) -> None:
        during.append(those())

    await Host(handle).run()
    assert during == [before, before]
    assert those() == before


async def test_a_heartbeat_whose_thread_hangs_at_the_end_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    go_on, hangs = threading.Event(), threading.Event()

    def look() -> float:
        hangs.set()
        go_on.wait(60)
        return 0.0

    others = set(threading.enumerate())
    heartbeat = Heartbeat([], lambda: 0.0, 900, look, lambda _: None)
    async with beating_on_a_thread(heartbeat, asyncio.new_event_loop):
        hangs.wait(60)
    assert caplog.messages == ["the heartbeat's thread has not ended: it is left behind"]
    [left] = set(threading.enumerate()) - others
    go_on.set()
    left.join(60)
