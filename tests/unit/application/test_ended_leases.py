"""No handler starts under a lease that has ended, whatever was waited for between its message's start and its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs
import pytest
from virtual_time import block
from world import Faults, World, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.middleware import through
from loafer.application.route import BatchCall
from loafer.domain.item import Item
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import ConsumerUnavailable

Next = Callable[[], Awaitable[None]]
names = pytest.mark.parametrize("name", ["orders", "orders.fifo"])


def losing_leases(*bodies: str, name: str = "orders") -> tuple[MemoryQueue, Faults]:
    """Return a queue whose messages cannot be kept."""
    source = queue(name, visibility_timeout=6)
    for body in bodies:
        source.send(OutgoingMessage(body, group=body if source.fifo else None))
    return source, Faults(extending=[ConsumerUnavailable("gone")] * 1000)


async def run_without_receiving_again(world: World, seconds: float) -> None:
    """Run for so long; what is lost is not received again here, or it would be ours once more."""
    async with world:
        await asyncio.sleep(0.5)
        world.dispatcher.pause(world.queue.name)
        await asyncio.sleep(seconds)
        assert world.dispatcher.held == 0


async def fetched_late(message: Message) -> Mapping[str, Any]:
    await asyncio.sleep(10 if message.body == "late" else 1)
    return {"content": message.body}


@names
async def test_a_message_whose_lease_ends_while_it_is_translated_is_not_given_to_its_handler(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[str] = []

    async def handle(content: str) -> None:
        given.append(content)

    source, faults = losing_leases("late", "soon", name=name)
    await run_without_receiving_again(World(source, handle, faults=faults, translate=fetched_late), 11)
    assert given == ["soon"]
    assert f"{name}-1 on route {name} is kept: its handler is not called: its lease ended meanwhile" in caplog.text


@names
async def test_a_message_whose_lease_ends_while_its_translator_keeps_the_loop_is_not_given_to_its_handler(
    name: str,
) -> None:
    loop = asyncio.get_running_loop()
    given: list[float] = []

    async def handle(_: object) -> None:
        given.append(loop.time())

    def stand_still(message: Message) -> Mapping[str, Any]:
        if message.receive_count == 1:
            block(7)
        return {"content": message.body}

    async with (world := World(losing_leases("1", name=name)[0], handle, translate=stand_still)):
        await asyncio.sleep(20)
    assert min(given) >= 7
    assert len(given) == 1
    assert world.dispatcher.counts["stale"] == 0


async def test_messages_of_a_batch_whose_leases_end_while_others_are_translated_are_not_given_to_its_handler() -> None:
    given: list[object] = []

    async def handle(items: list[Item[Any]]) -> None:
        given.extend(item.content for item in items)

    source, faults = losing_leases("soon", "late")
    world = World(source, handle, faults=faults)
    call = BatchCall(handle, size=2, wait=1)
    world.dispatcher.routes = [attrs.evolve(world.route(), call=call, translate=fetched_late)]
    await run_without_receiving_again(world, 12)
    assert given == []
    assert len(source) == 2


async def waits_first(_: object, call_next: Next) -> None:
    await asyncio.sleep(10)
    await call_next()


async def calls_on_again(_: object, call_next: Next) -> None:
    try:
        await call_next()
    except ValueError:
        await asyncio.sleep(10)
        await call_next()


async def makes_something_else_of_it(_: object, call_next: Next) -> None:
    await asyncio.sleep(10)
    try:
        await call_next()
    except RuntimeError:
        raise ValueError("something else") from None


def through_middleware(world: World, wrap: Any, reject: tuple[type[Exception], ...] = ()) -> World:
    route = world.route()
    call = through(route.call, [wrap], route.around)
    world.dispatcher.routes = [attrs.evolve(route, call=call, reject=reject)]
    return world


@names
@pytest.mark.parametrize("wrap", [waits_first, makes_something_else_of_it])
async def test_a_message_whose_lease_ends_while_middleware_waits_is_not_given_to_its_handler(
    name: str, wrap: Any, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[str] = []

    async def handle(content: str) -> None:
        given.append(content)

    source, faults = losing_leases("1", name=name)
    world = through_middleware(World(source, handle, faults=faults), wrap, reject=(Exception,))
    await run_without_receiving_again(world, 11)
    assert given == []
    assert len(source) == 1
    assert f"{name}-1 on route {name} is kept: its handler is not called: its lease ended meanwhile" in caplog.text


async def test_a_handler_is_not_called_again_by_middleware_once_its_lease_has_ended() -> None:
    given: list[str] = []

    async def handle(content: str) -> None:
        given.append(content)
        raise ValueError

    source, faults = losing_leases("1")
    world = through_middleware(World(source, handle, faults=faults), calls_on_again, reject=(Exception,))
    await run_without_receiving_again(world, 11)
    assert given == ["1"]
    assert len(source) == 1


def batched(world: World, handle: Any, *wraps: Any) -> World:
    """Have two messages handled at once, through middleware."""
    route = world.route()
    call = through(BatchCall(handle, size=2, wait=1), wraps, route.around)
    world.dispatcher.routes = [attrs.evolve(route, call=call, reject=(Exception,))]
    return world


async def test_a_batch_is_not_given_to_its_handler_if_its_leases_end_while_middleware_waits() -> None:
    given: list[object] = []

    async def handle(items: list[Item[Any]]) -> None:
        given.extend(item.content for item in items)

    source, faults = losing_leases("1", "2")
    await run_without_receiving_again(batched(World(source, handle, faults=faults), handle, waits_first), 12)
    assert given == []
    assert len(source) == 2


@pytest.mark.parametrize("wrap", [waits_first, makes_something_else_of_it])
async def test_of_a_batch_whose_middleware_waits_what_is_lost_meanwhile_is_left_out(
    wrap: Any, caplog: pytest.LogCaptureFixture
) -> None:
    given: list[object] = []

    async def handle(items: list[Item[Any]]) -> None:
        given.extend(item.content for item in items)

    source = queue("orders", "1", "2", visibility_timeout=6)
    async with batched(World(source, handle), handle, wrap):
        await asyncio.sleep(2)
        source.delete(next(iter(source._entries.values())).receipt)  # as another worker that had it too
        await asyncio.sleep(10)
    assert given == ["2"]
    assert (len(source), source.counts["received"]) == (0, 2)
    assert "orders-1 on route orders is kept: its handler is not called: its lease ended meanwhile" in caplog.text


async def test_what_is_lost_before_a_batch_is_handled_again_is_kept_and_the_others_end_as_that_does() -> None:
    given: list[list[object]] = []

    async def handle(items: list[Item[Any]]) -> None:
        given.append([item.content for item in items])
        if len(given) == 1:
            raise ValueError

    source = queue("orders", "1", "2", visibility_timeout=6)
    async with batched(world := World(source, handle), handle, calls_on_again):
        await asyncio.sleep(2)
        [first, _] = source._entries.values()
        source.change_visibility(first.receipt, 0)
        source.receive(1)  # by another worker
        world.dispatcher.pause("orders")
        await asyncio.sleep(12)
        assert len(source) == 1
    assert given == [["1", "2"], ["2"]]


async def test_what_a_batch_has_handled_well_is_done_though_it_is_lost_before_that_is_handled_again() -> None:
    given: list[list[object]] = []

    async def handle(items: list[Item[Any]]) -> None:
        given.append([item.content for item in items])

    async def twice(_: object, call_next: Next) -> None:
        await call_next()
        await asyncio.sleep(10)
        await call_next()

    source = queue("orders", "1", "2", visibility_timeout=6)
    async with batched(world := World(source, handle), handle, twice):
        await asyncio.sleep(2)
        [first, _] = source._entries.values()
        source.change_visibility(first.receipt, 0)
        source.receive(1)  # by another worker, which dies
        world.dispatcher.pause("orders")
        await asyncio.sleep(12)
        world.dispatcher.resume("orders")
        await asyncio.sleep(5)
        assert len(source) == 0
    assert given == [["1", "2"], ["2"]]
