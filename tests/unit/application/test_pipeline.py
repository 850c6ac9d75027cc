"""Demand by pipeline, in virtual time: whatever calls and handlers take, slots do not wait and nothing is hoarded."""

import asyncio
import random
from collections.abc import Sequence
from typing import TypeVar

import attrs
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from world import FlakyConsumer, World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.options import Options
from loafer.domain.batch import Failure
from loafer.domain.demand import MOST_AHEAD, SOON
from loafer.domain.message import Message, OutgoingMessage
from loafer.testing.clock import run

T = TypeVar("T")

latencies = st.one_of(st.just(0.0), st.floats(0.001, 1))
handlings = st.one_of(st.floats(0.005, 1), st.floats(1, 60))
slots = st.integers(1, 10)
quickly = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
thorough = settings(quickly, max_examples=400)


def two(each: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, T]]:
    """Return a strategy for what two workers have."""
    return st.tuples(each, each)


@attrs.define(eq=False)
class FarConsumer(FlakyConsumer):
    """A consumer whose calls take `latency` seconds on average, half on their way there and half on their way back."""

    latency: float = 0.0
    chance: random.Random = attrs.field(factory=lambda: random.Random(1))
    max_polls: int = attrs.field(default=50, init=False)

    async def receive(self, limit: int) -> Sequence[Message]:
        await self.travel()
        messages = await super().receive(limit)
        await self.travel()
        return messages

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        await self.travel()
        results = await super().acknowledge(messages)
        await self.travel()
        return results

    async def travel(self) -> None:
        if self.latency:
            await asyncio.sleep(self.latency * self.chance.uniform(0.25, 0.75))


@attrs.define(eq=False)
class FarWorld(World):
    """A world whose queue is so many seconds away."""

    latency: float = 0.0

    def consumer(self) -> FarConsumer:
        return FarConsumer(self.queue, self.wait_time, self.batch_size, self.faults, latency=self.latency)


@attrs.define(eq=False, repr=False)  # a runner asks for that of its result, which took nearly all of the time
class Work:
    """Handlers that take so many seconds each, and what is seen of their worker meanwhile."""

    source: MemoryQueue
    seconds: float
    jobs: int
    latency: float
    done: int = 0
    busy: float = 0.0
    most_beyond: int = 0
    most_held: int = 0
    world: FarWorld = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        options = Options(max_jobs=self.jobs)
        self.world = FarWorld(self.source, self.handle, options, latency=self.latency)

    @property
    def pace(self) -> float:
        """Messages a second that the handlers can do."""
        return self.jobs / self.seconds

    async def handle(self, _: object) -> None:
        asyncio.get_running_loop().call_soon(self.look)  # a handler may start while what was received is admitted
        began = now()
        await asyncio.sleep(self.seconds)
        self.done += 1
        self.busy += now() - began
        self.look()

    def look(self) -> None:
        """Remember how much was held or asked for beyond what free slots wait for."""
        limits = self.world.dispatcher._slots
        total = limits.seats.total
        asked = sum(tally.asked for tally in limits._tallies.values())
        [lane] = limits.lanes
        self.most_held = max(self.most_held, limits.running + lane.order.startable + asked)
        self.most_beyond = max(self.most_beyond, lane.order.startable + asked - (self.jobs - limits.running))
        assert total.seated <= limits.bounds.seats


def refilled(messages: int) -> MemoryQueue:
    source = queue("orders", visibility_timeout=3600)
    for _ in range(messages):
        source.send(OutgoingMessage("x"))
    return source


async def usage(messages: int, seconds: float, jobs: int, latency: float, length: float) -> tuple[Work, float]:
    """Return which part of the slots' time was used in the second half of a time, and what was seen."""
    work = Work(refilled(messages), seconds, jobs, latency)
    async with work.world:
        await asyncio.sleep(length / 2)
        done = work.done
        await asyncio.sleep(length / 2)
        used = (work.done - done) * seconds / (jobs * length / 2)
        work.world.dispatcher.stop()
        work.world.dispatcher.stop()
    return work, used


def check_slots(latency: float, seconds: float, jobs: int) -> None:
    """Check that no slot waits for long, and that nothing is hoarded."""
    seconds = max(seconds, jobs * latency / 150)  # or more than MOST_AHEAD would have to be on their way
    length = max(40 * seconds, 30 * latency)
    work, used = run(usage(int(jobs / seconds * length) + 2 * MOST_AHEAD, seconds, jobs, latency, length))
    # Further away than half a second, or with less than two messages a second, one message ahead is already a second's.
    ahead = latency <= SOON / 2 and jobs / seconds >= 2
    assert used >= (0.85 if ahead else 0.9 * seconds / (seconds + 1.5 * latency))
    assert work.most_beyond <= work.pace * SOON
    assert work.most_held <= jobs + MOST_AHEAD


def check_sharing(latency: tuple[float, float], seconds: tuple[float, float], jobs: tuple[int, int]) -> None:
    """Check that a queue is empty as soon as two workers, as quick as they are, can have it empty together."""
    near = [min(each, SOON / 2) for each in latency]
    paces = [min(number / each, 150 / max(far, 1e-3)) for far, each, number in zip(near, seconds, jobs, strict=True)]
    messages = min(1000, max(30, int(sum(paces) * 5)))

    async def scenario() -> float:
        source = refilled(messages)
        one, other = (Work(source, *each) for each in zip(seconds, jobs, near, strict=True))
        async with one.world, other.world:
            while len(source):
                await asyncio.sleep(0.05)
            return now()

    took = run(scenario())
    # What both do at their best, the beginning, what one was given within the last second, and its last message.
    assert took <= 1.15 * messages / sum(paces) + 12 * max(near) + SOON + 2 * max(seconds) + 0.2


@given(latencies, handlings, slots)
@example(latency=0.02, seconds=0.01, jobs=50)
@example(latency=0.5, seconds=0.05, jobs=10)
@quickly
def test_no_slot_waits_for_long_and_nothing_is_hoarded_whatever_calls_and_handlers_take(
    latency: float, seconds: float, jobs: int
) -> None:
    check_slots(latency, seconds, jobs)


@given(two(latencies), two(handlings), two(slots))
@example((0.02, 0.02), (30.0, 0.01), (10, 10))
@quickly
def test_two_workers_share_a_queue_so_that_none_sits_on_what_the_other_could_do(
    latency: tuple[float, float], seconds: tuple[float, float], jobs: tuple[int, int]
) -> None:
    check_sharing(latency, seconds, jobs)


@pytest.mark.slow
@pytest.mark.timeout(2400)
@given(two(latencies), two(handlings), two(st.integers(1, 20)))
@thorough
def test_hundreds_of_paces(latency: tuple[float, float], seconds: tuple[float, float], jobs: tuple[int, int]) -> None:
    check_slots(latency[0], seconds[0], jobs[0])
    check_sharing(latency, seconds, jobs)


def test_a_message_that_was_slow_to_come_does_not_swell_the_room_of_a_queue_that_fills_up_later() -> None:
    async def scenario() -> Work:
        source = queue("orders", visibility_timeout=3600)
        work = Work(source, 0.1, 2, 0.01)
        async with work.world:
            for _ in range(20):  # a poll waits for each, which is not what a receive takes
                await asyncio.sleep(0.9)
                source.send(OutgoingMessage("x"))
            for _ in range(400):
                source.send(OutgoingMessage("x"))
            await asyncio.sleep(10)
        return work

    work = run(scenario())
    assert work.done > 200
    assert work.most_beyond <= work.pace * SOON
