"""Routes beside one another: limits, weights and rates of their own."""

import asyncio
from collections import Counter
from itertools import count
from typing import Any

import attrs
import pytest
from world import World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.options import Options
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.domain.share import Share


def full(name: str, number: int = 3000) -> MemoryQueue:
    return queue(name, *"x" * number)


def together(options: Options, *worlds: World, **changes: Any) -> World:
    """Return a world whose dispatcher runs the routes of all worlds."""
    first = worlds[0]
    first.dispatcher.options = options
    first.dispatcher.routes = [route for world in worlds for route in world.dispatcher.routes]
    return first


def sharing(world: World, **changes: Any) -> World:
    world.dispatcher.routes = [attrs.evolve(world.dispatcher.routes[0], **changes)]
    return world


async def test_a_route_runs_no_more_than_its_own_limit_and_leaves_the_rest_to_others() -> None:
    running, most = Counter[str](), Counter[str]()

    def handler(name: str) -> Any:
        async def handle(content: Any) -> None:
            running[name] += 1
            most[name] = max(most[name], running[name])
            await asyncio.sleep(0.1)
            running[name] -= 1

        return handle

    few = sharing(World(full("few"), handler("few")), share=Share(max_jobs=2))
    rest = World(full("rest"), handler("rest"))
    world = together(Options(max_jobs=10), few, rest)
    async with world:
        await asyncio.sleep(5)
        assert most["few"] == 2
        assert most["rest"] >= 8
        held = len(world.dispatcher._lanes[0].leases)
        assert held <= 2 + 10


async def test_under_full_load_starts_are_as_the_weights() -> None:
    started: Counter[int] = Counter()

    def handler(weight: int) -> Any:
        async def handle(content: Any) -> None:
            started[weight] += 1
            await asyncio.sleep(0.01)

        return handle

    worlds = [
        sharing(World(full(f"q{weight}", 3_000), handler(weight)), share=Share(weight=weight))
        for weight in range(1, 11)
    ]
    world = together(Options(max_jobs=20), *worlds)
    async with world:
        await asyncio.sleep(3)
        total = started.total()
        assert total > 4_000
        for weight in range(1, 11):
            assert started[weight] == pytest.approx(total * weight / 55, rel=0.1)


async def test_a_flooding_route_keeps_no_other_from_its_share() -> None:
    started: Counter[str] = Counter()

    def handler(name: str, seconds: float) -> Any:
        async def handle(content: Any) -> None:
            started[name] += 1
            await asyncio.sleep(seconds)

        return handle

    flood = World(full("flood", 2_000), handler("flood", 0.05))
    calm = World(full("calm", 400), handler("calm", 0.05))
    async with together(Options(max_jobs=10), flood, calm):
        await asyncio.sleep(3)
        assert started["calm"] >= 280


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_rate_is_kept_over_a_minute_and_nothing_is_held_that_could_not_start(name: str) -> None:
    numbers, most = count(), 0
    source = MemoryQueue(name, clock=now)
    for number in range(4000):
        source.send(OutgoingMessage("x", group=str(number) if source.fifo else None))

    async def handle(content: Any) -> None:
        nonlocal most
        next(numbers)
        most = max(most, world.dispatcher.held)

    world = sharing(World(source, handle), share=Share(rate=50))
    world.dispatcher.options = Options(prefetch=500)
    async with world:
        await asyncio.sleep(1)
        before = next(numbers)
        await asyncio.sleep(60)
        assert (next(numbers) - before) / 60 == pytest.approx(50, abs=2)
    assert most <= 50 + 10 + 5


async def test_a_rate_below_one_a_second_starts_one_now_and_then() -> None:
    times: list[float] = []

    async def handle(content: Any) -> None:
        times.append(now())

    world = sharing(World(full("orders", 20), handle), share=Share(rate=0.2))
    async with world:
        await asyncio.sleep(31)
    assert times == pytest.approx([0, 5, 10, 15, 20, 25, 30], abs=0.2)


async def test_a_paused_route_receives_nothing_and_goes_on_when_it_is_resumed() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(0.1)

    world = World(full("orders", 1000), handle)
    async with world:
        await asyncio.sleep(2)
        world.dispatcher.pause("orders")
        await asyncio.sleep(2)
        received = world.queue.counts["received"]
        assert world.dispatcher.held == 0
        await asyncio.sleep(100)
        assert world.queue.counts["received"] == received
        world.dispatcher.resume("orders")
        await asyncio.sleep(20)
        assert len(world.queue) == 0
        with pytest.raises(LookupError, match="no-such"):
            world.dispatcher.pause("no-such")


async def test_a_route_has_its_own_retry_timeout_and_errors_that_reject() -> None:
    async def handle(content: str) -> None:
        if content == "slow":
            await asyncio.sleep(100)
        if content == "bad":
            raise LookupError
        raise ValueError

    source = queue("orders", "slow", "bad", "again", visibility_timeout=1000)
    world = sharing(World(source, handle), retry=Retry(delay=5), timeout=2, reject=(LookupError,))
    async with world:
        await asyncio.sleep(8)
        assert sorted(message.body for message in source.messages.values()) == ["again", "slow"]
        assert world.dispatcher.counts["rejected"] == 1
        assert [len([1 for d in world.deliveries if d.content == "again"])] == [2]
        assert [len([1 for d in world.deliveries if d.content == "slow"])] == [1]
