"""From a message's start to its end, seen by those that come after it."""

import asyncio
import contextvars
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from world import FlakyConsumer, World, now, queue

from loafer.application.dispatcher import Dispatcher
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall
from loafer.domain.batch import Failure
from loafer.domain.message import Message

NEVER = Failure("the receipt is no longer valid", retryable=False)


async def test_a_message_that_another_one_started_begins_with_a_clean_context() -> None:
    variable = contextvars.ContextVar("variable", default="clean")
    seen = []

    async def handle(content: Any) -> None:
        seen.append(variable.get())
        variable.set("dirty")
        await asyncio.sleep(0.1)

    await World(queue("orders", *"xxx"), handle, Options(max_jobs=1)).run_for(1)
    assert seen == ["clean"] * 3


async def test_a_batch_that_another_one_started_begins_with_a_clean_context() -> None:
    variable = contextvars.ContextVar("variable", default="clean")
    seen = []

    async def handle(items: Any) -> None:
        seen.append(variable.get())
        variable.set("dirty")
        await asyncio.sleep(0.1)

    world = World(queue("orders", *"xxxxxx"), handle, Options(max_jobs=1))
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=2))]
    await world.run_for(1)
    assert seen == ["clean"] * 3


@pytest.mark.parametrize("batches", [False, True])
async def test_what_a_receive_has_set_in_its_context_is_in_no_handlers(
    batches: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = contextvars.ContextVar("variable", default="clean")
    receive, seen = FlakyConsumer.receive, []

    async def traced(consumer: FlakyConsumer, limit: int) -> Sequence[Message]:
        variable.set("of a receive")
        return await receive(consumer, limit)

    async def handle(_: Any) -> None:
        seen.append(variable.get())

    monkeypatch.setattr(FlakyConsumer, "receive", traced)
    world = World(queue("orders", "x", "x"), handle)
    if batches:
        world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=2))]
    await world.run_for(1)
    assert set(seen) == {"clean"}


async def test_a_coroutine_with_a_time_limit_gets_the_content_too() -> None:
    seen = []

    async def handle(content: Any) -> None:
        seen.append(content)

    await World(queue("orders", "one"), handle, Options(handler_timeout=5)).run_for(1)
    assert seen == ["one"]


async def test_a_function_with_a_time_limit_gets_the_content_too() -> None:
    with ThreadPool(1) as pool:
        seen: list[Any] = []
        world = World(queue("orders", "one"), ThreadHandler(seen.append, pool), Options(handler_timeout=5))
        async with world:
            while len(world.queue):
                await asyncio.sleep(0)
    assert seen == ["one"]


async def test_everything_is_counted_over_all_receives() -> None:
    async def handle(content: str) -> None:
        if content == "bad":
            raise ValueError

    world = World(queue("orders", "good", "bad", "good", "bad"), handle, batch_size=1)
    await world.run_for(1)
    assert world.dispatcher.counts == {"received": 4, "succeeded": 2, "failed": 2}


async def test_what_goes_wrong_is_told_to_the_log_and_stops_the_worker_though_nobody_observes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(content: str) -> None:
        raise ValueError if content == "bad" else SystemExit(3)

    world = World(queue("orders", "bad", "worse"), handle)
    unobserved = Dispatcher([world.route()], clock=now, threaded_heartbeat=False)
    with pytest.raises(SystemExit, match="3"):
        await unobserved.run()
    line = handle.__code__.co_firstlineno + 1
    assert [record.message for record in caplog.records if "ValueError" in record.message] == [
        f"message orders-1 on route orders is kept: its handler failed: ValueError (test_jobs.py:{line})"
    ]


async def test_a_message_that_was_not_started_because_its_lease_ended_takes_no_slot_and_runs_when_it_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started = []

    async def handle(content: str) -> None:
        started.append(content)
        await asyncio.sleep(20 if content == "slow" else 0.001)

    bodies = ["quick"] * 9 + ["slow", "waits"]
    world = World(queue("orders", *bodies, visibility_timeout=9), handle, Options(max_jobs=1, prefetch=20))
    world.batch_size = 20
    async with world:
        await asyncio.sleep(1)
        world.faults.extending += [NEVER] * 2
        await asyncio.sleep(40)
    assert "message orders-11: its lease ended while it waited; it is not started" in caplog.messages
    assert started == ["quick"] * 9 + ["slow", "waits"]
    assert world.dispatcher.held == 0
    assert len(world.queue) == 0
