"""Seeded faults: each does what it says, whatever strikes nothing is lost, and a seed gives the same again."""

import asyncio
import gc
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import IgnoreMessage
from loafer.testing import Faults, Result, World
from loafer.testing.faults import Chance, Life
from loafer.testing.faulty import FaultyConsumer
from loafer.testing.result import Journal

NUMBERS = list(range(30))


async def succeed(content: Any) -> None:
    await asyncio.sleep(1)


def run_with(handler: Any = succeed, *, seed: int = 1, fifo: bool = False, **rates: float) -> Result:
    with World() as world:
        suffix = ".fifo" if fifo else ""
        world.queue("orders" + suffix)
        for number in NUMBERS:
            world.publish("orders" + suffix, number, group=str(number % 3) if fifo else None)
        world.faults(seed=seed, **rates)
        return world.run(handler, source="orders" + suffix)


def contents(result: Result) -> list[Any]:
    return [delivery.content for delivery in result.deliveries]


def test_without_faults_everything_is_delivered_once_in_order() -> None:
    assert contents(run_with()) == NUMBERS


def test_duplicates_are_delivered_once_more() -> None:
    result = run_with(duplicates=0.5)
    counts = Counter(contents(result))
    assert set(counts) == set(NUMBERS)
    assert 5 < counts.total() - len(NUMBERS) < 25
    assert max(counts.values()) == 2
    assert result.left["orders"] == []


def test_reordering_changes_the_order_and_nothing_else() -> None:
    result = run_with(reordering=1.0)
    assert contents(result) != NUMBERS
    assert sorted(contents(result)) == NUMBERS


def test_a_fifo_queue_neither_reorders_nor_duplicates() -> None:
    result = run_with(reordering=1.0, duplicates=1.0, fifo=True)
    for group in range(3):
        assert [n for n in contents(result) if n % 3 == group] == [n for n in NUMBERS if n % 3 == group]


def test_entries_that_fail_are_settled_later_and_run_once() -> None:
    result = run_with(partial_failures=0.5)
    assert sorted(contents(result)) == NUMBERS
    assert result.left["orders"] == []
    assert result.seconds > run_with().seconds


def test_throttling_delays_and_loses_nothing() -> None:
    calm, throttled = run_with(), run_with(throttling=0.5)
    assert sorted(contents(throttled)) == NUMBERS
    assert throttled.seconds > calm.seconds


def test_lost_acknowledgements_bring_messages_back_when_their_visibility_runs_out() -> None:
    result = run_with(lost_acknowledgements=0.3)
    counts = Counter(contents(result))
    assert set(counts) == set(NUMBERS)
    assert counts.total() > len(NUMBERS)
    assert result.seconds > 30


def test_a_crash_lets_nothing_out_and_a_new_worker_goes_on() -> None:
    result = run_with(crash=0.3)
    assert result.crashes > 0
    assert set(contents(result)) == set(NUMBERS)
    assert result.left["orders"] == []


async def test_what_a_dead_worker_does_reaches_no_queue() -> None:
    queue = MemoryQueue("orders", max_receive_count=9, dead_letters=MemoryQueue("dead"))
    for body in ("1", "2"):
        queue.send(OutgoingMessage(body))
    life, chance = Life(), Chance(Faults(), random.Random(1))
    consumer = FaultyConsumer(MemoryConsumer(queue), "orders", chance, life, Journal(lambda: 0.0, {}))
    await consumer.open()
    (message,) = await consumer.receive(1)
    before = queue.changes, Counter(queue.counts)
    life.end()
    calls = [
        consumer.receive(1),
        consumer.acknowledge([message]),
        consumer.release([message], [0]),
        consumer.extend([message], 30),
        consumer.dead_letter(message),
    ]
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(60)
    assert not any(task.done() for task in tasks)
    assert (queue.changes, queue.counts) == before
    for task in tasks:
        task.cancel()


def test_a_crash_strikes_running_handlers_which_are_cancelled_and_not_counted() -> None:
    cancelled = []

    async def handle(content: Any) -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            cancelled.append(content)
            raise

    result = run_with(handle, crash=0.3)
    assert cancelled
    assert all(error is None for error in (delivery.error for delivery in result.deliveries))


def test_a_handler_that_refuses_to_be_cancelled_does_not_hold_up_the_next_worker() -> None:
    async def handle(content: Any) -> None:
        for _ in range(5):
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                continue

    assert set(contents(run_with(handle, crash=0.2))) == set(NUMBERS)


def test_delayed_messages_are_delayed_under_faults_too() -> None:
    seen: set[int] = set()

    async def handle(content: int) -> None:
        if content not in seen:
            seen.add(content)
            raise IgnoreMessage(delay=60)

    result = run_with(handle, partial_failures=0.3)
    assert sorted(result.delayed, key=lambda one: int(str(one[0]))) == [(number, 60) for number in NUMBERS]


def test_a_fifo_queue_s_dead_letters_arrive_in_spite_of_faults() -> None:
    async def fail(content: Any) -> None:
        raise ValueError

    with World() as world:
        world.queue("orders.fifo", max_receive_count=2, dead_letters="dead.fifo")
        world.publish("orders.fifo", 1, group="g")
        world.faults(seed=4, partial_failures=0.5, crash=0.1)
        assert world.run(fail, source="orders.fifo").dead_lettered == [1]


EVERYTHING: dict[str, Any] = {
    "duplicates": 0.2,
    "reordering": 0.5,
    "partial_failures": 0.2,
    "throttling": 0.2,
    "lost_acknowledgements": 0.1,
    "crash": 0.1,
}


def happened(result: Result) -> list[Any]:
    return [(delivery.content, delivery.outcome, delivery.at) for delivery in result.deliveries]


def plain(content: Any) -> None:
    pass


async def in_a_thread(content: Any) -> None:
    await asyncio.to_thread(plain, content)


@contextmanager
def garbage_collected_after(objects: int) -> Iterator[None]:
    usual = gc.get_threshold()
    gc.set_threshold(objects)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@pytest.mark.parametrize("rates", [{}, {"throttling": 0.2}, EVERYTHING], ids=["calm", "throttled", "everything"])
@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
@pytest.mark.parametrize("handler", [succeed, plain, in_a_thread])
def test_the_same_seed_gives_the_same_again(handler: Any, fifo: bool, rates: dict[str, Any]) -> None:
    for seed in range(6):
        elsewhere = [object() for _ in range(seed * 37)]  # what happens must not depend on where in memory tasks are
        with garbage_collected_after(50):  # nor on when Python collects what a death has left
            first = run_with(handler, seed=seed, fifo=fifo, **rates)
        del elsewhere
        with garbage_collected_after(100_000):
            assert happened(first) == happened(run_with(handler, seed=seed, fifo=fifo, **rates))


def test_another_seed_gives_something_else() -> None:
    assert happened(run_with(seed=7, **EVERYTHING)) != happened(run_with(seed=8, **EVERYTHING))


def test_the_seed_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAFER_TEST_SEED", "42")
    with World() as world:
        assert world.seed == 42
        world.faults(seed=3)
        assert world.seed == 3


def test_without_it_every_world_of_a_process_has_one_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOAFER_TEST_SEED", raising=False)
    with World() as one, World() as other:
        assert one.seed == other.seed


def test_a_seed_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAFER_TEST_SEED", "lucky")
    with pytest.raises(ValueError, match="LOAFER_TEST_SEED='lucky' is no seed; give a whole number"):
        World()


@pytest.mark.parametrize("seed", ["x", 1.5, True])
def test_a_seed_that_the_environment_could_not_give_is_refused(seed: Any) -> None:
    text = f"^seed={seed!r} is no seed; give a whole number$"
    with World() as world, pytest.raises(ValueError, match=text):
        world.faults(seed=seed)
    with pytest.raises(ValueError, match=text):
        World(seed=seed)


def test_faults_may_be_given_as_they_are_or_with_changes() -> None:
    with World() as world:
        given = Faults(3, crash=0.2)
        assert world.faults(given) == given
        assert world.seed == 3
        assert world.faults(given, seed=4, duplicates=0.1) == Faults(4, crash=0.2, duplicates=0.1)
        assert world.seed == 4


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_a_rate_is_from_0_to_1(rate: float) -> None:
    with pytest.raises(ValueError, match="duplicates"):
        Faults(duplicates=rate)


@given(
    st.integers(0, 2**32),
    st.fixed_dictionaries({name: st.floats(0, 0.4 if name != "crash" else 0.2) for name in EVERYTHING}),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_strikes_nothing_is_lost(seed: int, rates: dict[str, Any], fifo: bool) -> None:
    result = run_with(seed=seed, fifo=fifo, **rates)
    assert set(contents(result)) == set(NUMBERS)
    assert not any(result.left.values())


def test_every_fault_has_a_rate_that_is_tested() -> None:
    assert {field.name for field in attrs.fields(Faults)} == {"seed", *EVERYTHING}


def test_the_same_seed_gives_the_same_in_the_first_run_of_a_process_which_imports_what_it_needs() -> None:
    code = """
import random
from loafer import Loafer
from loafer.testing import World

def run():
    drawn, app = [], Loafer()

    @app.route("orders")
    async def handle(content):
        drawn.append(random.random())

    with World(7) as world:
        world.queue("orders")
        world.publish("orders", 1)
        world.run(app)
    return drawn

print(run() == run())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
