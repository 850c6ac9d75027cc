"""Functions in threads that have a time limit: they are waited for; what is awaited before and after them is not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest
from gate import Gate
from test_batches import batching
from test_middleware_apart import Middleware, apart, names, shields, world
from world import World, now, queue

from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.exceptions import HandlerTimeout, RejectMessage

if TYPE_CHECKING:
    from loafer.testing.clock import VirtualLoop

LIMIT = 5.0
Next = Callable[[], Awaitable[None]]


def threads_hold_the_time(*, hold: bool) -> None:
    cast("VirtualLoop", asyncio.get_running_loop()).virtual.waits_for_threads = hold


async def has_begun(gate: Gate) -> None:
    """Wait until a function runs, which takes time from then on."""
    threads_hold_the_time(hold=False)
    while not gate.begun.is_set():
        await asyncio.sleep(0)


def ends(gate: Gate) -> None:
    """Let the function end, before any more time passes."""
    threads_hold_the_time(hold=True)
    gate.go_on.set()


async def hangs() -> None:
    await asyncio.sleep(100)


async def swallows() -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(100)


async def rejects() -> None:
    try:
        await asyncio.sleep(100)
    except asyncio.CancelledError:
        raise RejectMessage("cancelled") from None


@names
@pytest.mark.parametrize("wraps", [(), (shields,)])
@pytest.mark.parametrize("more", [hangs, swallows, rejects])
async def test_what_a_function_returns_is_cancelled_at_its_limit_and_its_message_kept(
    more: Callable[[], Awaitable[None]], wraps: tuple[Middleware, ...], name: str, pool: ThreadPool
) -> None:
    async with world(ThreadHandler(lambda _: more(), pool), *wraps, name=name, handler_timeout=LIMIT) as made:
        await asyncio.sleep(LIMIT + 0.5)
        assert [type(each.error) for each in made.deliveries] == [HandlerTimeout]
        assert str(made.deliveries[0].error) == "it took longer than 5 s"
        assert len(made.queue) == 1


async def test_what_a_function_of_batches_returns_is_cancelled_at_its_limit_and_all_are_kept(pool: ThreadPool) -> None:
    source = queue("orders", "1", "2", visibility_timeout=600)
    made = batching(source, ThreadHandler(lambda _: hangs(), pool), 2)
    made.dispatcher.options = Options(handler_timeout=LIMIT)
    async with made:
        await asyncio.sleep(LIMIT + 0.5)
        assert [type(each.error) for each in made.deliveries] == [HandlerTimeout] * 2
    assert len(source) == 2


@names
@pytest.mark.parametrize("before", [True, False])
async def test_middleware_around_a_function_is_cancelled_at_its_limit(
    before: bool, name: str, pool: ThreadPool, caplog: pytest.LogCaptureFixture
) -> None:
    async def around(_: object, call_next: Next) -> None:
        if before:
            await hangs()
        await call_next()
        await hangs()

    async with world(ThreadHandler(str, pool), around, name=name, handler_timeout=LIMIT) as made:
        await asyncio.sleep(LIMIT + 0.5)
        assert [type(each.error) for each in made.deliveries] == [HandlerTimeout]
        assert len(made.queue) == 1
    assert "in a thread" not in caplog.text


async def ends_late(gate: Gate, made: World) -> None:
    """Let a function run for longer than its limit, and wait for the end of its message."""
    await has_begun(gate)
    await asyncio.sleep(LIMIT + 2)
    assert made.deliveries == []
    ends(gate)
    while not made.deliveries:
        await asyncio.sleep(0)


@pytest.mark.parametrize("wrapped", [False, True])
async def test_what_a_function_comes_to_counts_though_it_is_late(
    wrapped: bool, gate: Gate, pool: ThreadPool, caplog: pytest.LogCaptureFixture
) -> None:
    after: list[str] = []

    async def around(_: object, call_next: Next) -> None:
        await call_next()
        after.append("it")

    wraps = (around,) if wrapped else ()
    async with world(ThreadHandler(gate, pool), *wraps, handler_timeout=LIMIT) as made:
        await ends_late(gate, made)
        assert made.deliveries[0].error is None
    assert len(made.queue) == 0
    assert after == ["it"] * wrapped
    assert caplog.text.count("its handler has run for 5.0 s, in a thread that cannot be cancelled: waiting for it") == 1


async def awaits_a_task(_: object, call_next: Next) -> None:
    await apart(call_next)


async def gathers(_: object, call_next: Next) -> None:
    await asyncio.gather(call_next())


@pytest.mark.parametrize("wraps", [[awaits_a_task], [shields], [gathers], [shields, awaits_a_task, gathers]])
async def test_it_counts_too_where_middleware_waits_for_a_task_that_waits_for_it(
    wraps: list[Middleware], gate: Gate, pool: ThreadPool
) -> None:
    async with world(ThreadHandler(gate, pool), *wraps, handler_timeout=LIMIT) as made:
        await ends_late(gate, made)
        assert made.deliveries[0].error is None
    assert len(made.queue) == 0


async def test_what_a_function_returns_that_is_late_does_not_begin(gate: Gate, pool: ThreadPool) -> None:
    begun: list[str] = []

    async def more() -> None:
        begun.append("more")

    def function(content: object) -> object:
        gate(content)
        return more()

    async def swallows_it(_: object, call_next: Next) -> None:
        with suppress(HandlerTimeout):
            await call_next()

    async with world(ThreadHandler(function, pool), swallows_it, handler_timeout=LIMIT) as made:
        await ends_late(gate, made)
        assert (type(made.deliveries[0].error), begun) == (HandlerTimeout, [])


async def test_middleware_that_awaits_more_after_a_function_that_was_late_is_cancelled_at_once(
    gate: Gate, pool: ThreadPool
) -> None:
    async def around(_: object, call_next: Next) -> None:
        await call_next()
        await hangs()

    async with world(ThreadHandler(gate, pool), around, handler_timeout=LIMIT) as made:
        await ends_late(gate, made)
        assert type(made.deliveries[0].error) is HandlerTimeout
        assert now() < LIMIT + 3


async def test_a_function_is_not_called_again_once_its_time_is_over(gate: Gate, pool: ThreadPool) -> None:
    calls: list[object] = []
    heard: list[str] = []

    def function(content: object) -> None:
        calls.append(content)
        gate(content)
        raise ValueError("its own")

    async def again(_: object, call_next: Next) -> None:
        for _ in range(3):
            try:
                await call_next()
            except (ValueError, HandlerTimeout) as error:
                heard.append(str(error))

    async with world(ThreadHandler(function, pool), again, handler_timeout=LIMIT) as made:
        await ends_late(gate, made)
        assert (type(made.deliveries[0].error), calls) == (HandlerTimeout, ["1"])
        assert heard == ["its own", *["it took longer than 5 s"] * 2]


async def test_what_a_function_returns_has_what_is_left_of_its_time(gate: Gate, pool: ThreadPool) -> None:
    def function(content: object) -> object:
        gate(content)
        return hangs()

    async with world(ThreadHandler(function, pool), handler_timeout=LIMIT) as made:
        await has_begun(gate)
        began = now()
        await asyncio.sleep(3)
        ends(gate)
        await asyncio.sleep(1.9)
        assert made.deliveries == []
        while not made.deliveries:
            await asyncio.sleep(0.01)
        assert now() - began == pytest.approx(LIMIT, abs=0.1)


async def test_middleware_waits_beyond_the_limit_for_a_function_that_it_called_on_to_in_a_task(
    gate: Gate, pool: ThreadPool
) -> None:
    async def beside(_: object, call_next: Next) -> None:
        apart(call_next)
        await hangs()

    async with world(ThreadHandler(gate, pool), beside, handler_timeout=LIMIT) as made:
        await ends_late(gate, made)
        assert type(made.deliveries[0].error) is HandlerTimeout


async def test_a_stop_waits_for_a_function_that_is_late_and_it_counts(gate: Gate, pool: ThreadPool) -> None:
    made = world(ThreadHandler(gate, pool), handler_timeout=LIMIT, grace_period=1)
    async with made:
        await has_begun(gate)
        await asyncio.sleep(LIMIT + 1)
        made.dispatcher.stop()
        asyncio.get_running_loop().call_later(2, ends, gate)
        while not made.deliveries:
            await asyncio.sleep(0.01)
        assert made.deliveries[0].error is None
    assert len(made.queue) == 0
