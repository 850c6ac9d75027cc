"""What coroutine handlers return: nothing that has to run is dropped with its message."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import attrs
import pytest
from world import World, queue

from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.raised import NeverRuns
from loafer.application.route import BatchCall

RAN: list[str] = []


@pytest.fixture(autouse=True)
def nothing_has_run() -> None:
    RAN.clear()


async def work(content: str) -> None:
    await asyncio.sleep(1)
    RAN.append(content)
    if content == "bad":
        raise ValueError


async def passes_on(_: object, call_next: Callable[[], Awaitable[None]]) -> None:
    await call_next()


def some(content: str) -> Iterator[str]:
    RAN.append(content)
    yield content


def worlds(handle: Any, *bodies: str, limit: float | None = None, middleware: bool = False) -> World:
    made = World(queue("orders", *bodies), handle, Options(handler_timeout=limit))
    route = made.route()
    if middleware:
        made.dispatcher.routes = [attrs.evolve(route, call=through(route.call, [passes_on], route.around))]
    return made


ways = pytest.mark.parametrize(
    "way", [{}, {"limit": 9.0}, {"middleware": True}, {"limit": 9.0, "middleware": True}], ids=str
)


@ways
async def test_a_coroutine_that_a_handler_returns_is_awaited_before_its_message_is_deleted(way: dict[str, Any]) -> None:
    async def forgets_to_await(content: str) -> object:
        return work(content)

    world = await worlds(forgets_to_await, "good", "bad", **way).run_for(5)
    assert sorted(RAN) == ["bad", "good"]
    assert [message.body for message in world.queue.messages.values()] == ["bad"]


@ways
async def test_a_coroutine_that_returns_a_generator_fails_for_that_would_never_run(way: dict[str, Any]) -> None:
    async def returns_a_generator(content: str) -> object:
        return some(content)

    world = await worlds(returns_a_generator, "one", **way).run_for(1)
    assert (RAN, type(world.deliveries[0].error), len(world.queue)) == ([], NeverRuns, 1)


async def test_what_a_handler_returns_has_what_is_left_of_its_time() -> None:
    async def forgets_to_await(content: str) -> object:
        return work(content)

    world = await worlds(forgets_to_await, "one", limit=0.5).run_for(2)
    assert (RAN, len(world.queue)) == ([], 1)


@pytest.mark.parametrize("middleware", [False, True])
async def test_a_coroutine_that_a_handler_of_batches_returns_is_awaited(middleware: bool) -> None:
    async def forgets_to_await(_: object) -> object:
        return work("batch")

    world = World(queue("orders", "1", "2"), forgets_to_await)
    route = attrs.evolve(world.route(), call=BatchCall(forgets_to_await, size=2, wait=1))
    call = through(route.call, [passes_on] if middleware else [], route.around)
    world.dispatcher.routes = [attrs.evolve(route, call=call)]
    await world.run_for(5)
    assert (RAN, len(world.queue)) == (["batch"], 0)


async def test_a_coroutine_that_a_handler_returns_and_has_awaited_is_not_awaited_again() -> None:
    async def keeps_what_it_awaited(content: str) -> object:
        coroutine = work(content)
        await coroutine
        return coroutine

    world = await worlds(keeps_what_it_awaited, "one").run_for(5)
    assert (RAN, len(world.queue)) == (["one"], 0)
