"""The time of an event loop that stands still is nobody's own: no handler is cut short for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import pytest
from virtual_time import block
from world import World, queue

from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.domain.message import Message
from loafer.domain.retry import Retry
from loafer.exceptions import HandlerTimeout

Next = Callable[[], Awaitable[None]]


def world(
    handle: Callable[[Any], Awaitable[object]],
    *wraps: Any,
    bodies: Sequence[str] = ("bad", "a", "b", "c"),
    **changes: Any,
) -> World:
    """Return a world with some messages, whose handlers have a second each, and one attempt."""
    source = queue("orders", *bodies, max_receive_count=3, dead_letters=queue("dead"))
    made = World(source, handle, Options(handler_timeout=1))
    route = attrs.evolve(made.route(), retry=Retry(dead_letter_after=1), **changes)
    made.dispatcher.routes = [attrs.evolve(route, call=through(route.call, wraps, route.around))]
    return made


@pytest.mark.parametrize("waits_in", ["handler", "middleware", "translator"])
async def test_a_handler_that_blocks_the_loop_has_no_other_one_cut_short(waits_in: str) -> None:
    handled: list[str] = []

    async def wait(where: str, content: str) -> None:
        if where == waits_in:
            await asyncio.sleep(0.05 if content == "bad" else 0.06)

    async def handle(content: str) -> None:
        await wait("handler", content)
        if content == "bad":
            block(2)  # while all others wait
        await asyncio.sleep(0.01)
        handled.append(content)

    async def middleware(content: str, call_next: Next) -> None:
        await wait("middleware", content)
        await call_next()

    async def translate(message: Message) -> dict[str, object]:
        await wait("translator", message.body)
        return {"content": message.body}

    made = world(handle, middleware, translate=translate)
    await made.run_for(10)
    assert sorted(handled) == ["a", "b", "bad", "c"]
    assert len(made.queue.dead_letters or ()) == 0


async def test_a_handler_of_batches_that_blocks_the_loop_has_no_other_one_cut_short() -> None:
    handled: list[str] = []

    async def handle(items: Any) -> None:
        [item] = items
        if item.content == "bad":
            block(2)
        await asyncio.sleep(0.05)
        handled.append(item.content)

    made = world(handle)
    route = made.dispatcher.routes[0]
    made.dispatcher.routes = [attrs.evolve(route, call=BatchCall(handle, size=1, wait=0))]
    await made.run_for(10)
    assert sorted(handled) == ["a", "b", "bad", "c"]


@pytest.mark.parametrize(("blocked_again", "lasted"), [(0, 4.0), (4, 7.5)])
async def test_time_is_given_once_and_as_much_as_the_loop_came_late(blocked_again: float, lasted: float) -> None:
    cut: list[float] = []

    async def handle(_: str) -> None:
        began = asyncio.get_running_loop().time()
        try:
            block(2.5)  # late by 1.5
            await asyncio.sleep(1)
            block(blocked_again)
            await asyncio.sleep(60)
        finally:
            cut.append(asyncio.get_running_loop().time() - began)

    made = world(handle, bodies="1")
    await made.run_for(30)
    assert cut == [pytest.approx(lasted)]
    assert [type(delivery.error) for delivery in made.deliveries] == [HandlerTimeout]


async def test_a_loop_that_is_only_a_little_late_has_it_cut_short_as_ever() -> None:
    async def handle(content: str) -> None:
        if content == "bad":
            await asyncio.sleep(0.99)
            block(0.1)
        await asyncio.sleep(60)

    made = world(handle)
    async with made:
        await asyncio.sleep(1.15)
        assert {type(delivery.error) for delivery in made.deliveries} == {HandlerTimeout}
        assert len(made.deliveries) == 4
