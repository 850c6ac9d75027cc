"""A crash comes at any `await`: of a handler, of what it awaits, of loafer itself; and then nothing more happens."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest

from loafer.testing import Result, World
from loafer.testing.clock import VirtualLoop, run
from loafer.testing.faults import Life
from loafer.testing.sending import outgoing

SEEDS = 400
MESSAGES = 5
Step = Callable[[int], Awaitable[object]]


@attrs.define
class Handler:
    """Awaits so many steps, and notes after how many of them it was interrupted."""

    awaits: int
    step: Step
    interrupted: set[int] = attrs.field(factory=set)

    async def __call__(self, content: int) -> None:
        done = 0
        try:
            for _ in range(self.awaits):
                await self.step(content)
                done += 1
        except asyncio.CancelledError:
            self.interrupted.add(done)
            raise


def run_on(world: World, handler: object, seed: int) -> Result:
    world.queue("orders")
    for number in range(MESSAGES):
        world.publish("orders", number)
    world.faults(seed=seed, crash=0.6)
    return world.run(handler, source="orders")


async def turn(content: int) -> None:
    await asyncio.sleep(0)


async def pause(content: int) -> None:
    await asyncio.sleep(1)


async def inner_task(content: int) -> None:
    await asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize("step", [turn, pause, inner_task])
@pytest.mark.parametrize("awaits", [1, 3, 10])
def test_a_handler_is_interrupted_at_each_of_its_awaits_by_some_seed(awaits: int, step: Step) -> None:
    handler = Handler(awaits, step)
    for seed in range(SEEDS):
        with World() as world:
            result = run_on(world, handler, seed)
        assert result.left["orders"] == []
        if len(handler.interrupted) == awaits:
            break
    assert handler.interrupted == set(range(awaits))


def torn(publish: Callable[[World, int, str], Awaitable[object]], seed: int) -> set[str]:
    """Return in which ways the two messages of a handler were left behind when its worker died."""
    ways = set()
    with World() as world:
        world.queue("receipts")

        async def handle(content: int) -> None:
            before = len(world.queues["receipts"])
            try:
                for kind in ("first", "second"):
                    await publish(world, content, kind)
            except asyncio.CancelledError:
                ways.add(("neither", "first only", "both")[len(world.queues["receipts"]) - before])
                raise

        world.queue("orders")
        for number in range(MESSAGES):
            world.publish("orders", number)
        world.faults(seed=seed, crash=0.3)
        world.run(handle, source="orders", max_jobs=1)
    return ways


async def publish_one(world: World, content: int, kind: str) -> None:
    await world.publisher("receipts").publish(outgoing([content, kind]))


async def publish_batch(world: World, content: int, kind: str) -> None:
    await world.publisher("receipts").publish_batch([outgoing([content, kind])])


@pytest.mark.parametrize("publish", [publish_one, publish_batch])
def test_a_handler_that_publishes_twice_is_torn_before_between_and_after_by_some_seed(publish: Any) -> None:
    ways: set[str] = set()
    for seed in range(SEEDS):
        ways |= torn(publish, seed)
        if len(ways) == 3:
            break
    assert ways == {"neither", "first only", "both"}


@pytest.mark.parametrize("seed", range(40))
def test_the_same_seed_tears_a_handler_in_the_same_way_again(seed: int) -> None:
    assert torn(publish_one, seed) == torn(publish_one, seed)


def test_a_dead_worker_s_handlers_publish_nothing_more_even_in_their_last_moments() -> None:
    crashes = 0
    for seed in range(20):
        with World() as world:
            publisher = world.publisher(world.queue("receipts"))

            async def handle(content: int, publisher: Any = publisher) -> None:
                try:
                    await asyncio.sleep(5)
                except asyncio.CancelledError:
                    await publisher.publish(outgoing("from beyond the grave"))
                    raise

            result = run_on(world, handle, seed)
        assert result.published == []
        crashes += result.crashes
    assert crashes


def test_a_worker_may_die_while_it_is_stopped() -> None:
    async def sleep(content: int) -> None:
        await asyncio.sleep(20)

    crashed = 0
    for seed in range(30):
        with World() as world:
            world.queue("orders")
            world.publish("orders", 1)
            world.faults(seed=seed, crash=1.0)
            result = world.run(sleep, source="orders", seconds=1)
            assert result.seconds < 60
            crashed += result.crashes
            world.faults()
            assert world.run(sleep, source="orders").left["orders"] == []
    assert crashed


async def test_what_a_function_does_in_its_thread_is_not_interrupted() -> None:
    life = Life()
    life.end()
    await asyncio.to_thread(asyncio.run, life.goes_on())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(life.goes_on(), 60)


def test_what_comes_before_a_step_comes_between_two_steps() -> None:
    came: list[object] = []

    async def count() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.before_step(2, lambda: came.append("interrupted"))
        for number in range(4):
            came.append(number)
            await asyncio.sleep(0)

    run(count())
    assert came == [0, 1, "interrupted", 2, 3]
