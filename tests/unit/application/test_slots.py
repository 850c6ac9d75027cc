"""Which routes are looked at when something becomes free."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from world import queue

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.application import seats as module
from loafer.application.lane import Lane
from loafer.application.route import Route
from loafer.application.slots import QUICK, Slots
from loafer.domain.demand import Bounds, Room, demand
from loafer.domain.message import Message

PREFETCH = 10


async def handle(_: Any) -> None: ...


def lane(name: str) -> Lane:
    consumer = MemoryConsumer(queue(name))
    route = Route(name, name, lambda: consumer, lambda message: {"content": message.body}, handle)
    return Lane(route, consumer, lambda: 0.0)


def fill(slots: Slots, lane: Lane) -> None:
    """Let messages wait until the lane's room is full."""
    lane.order.add(lane.take([Message(f"{lane.route.name}-{number}", "1", "r") for number in range(PREFETCH)], 0.0))
    slots.ready(lane)


def slots_of(max_jobs: int, lanes: Sequence[Lane], prefetch: int = PREFETCH) -> Slots:
    return Slots(max_jobs, prefetch, Bounds(max_jobs + prefetch * len(lanes)), lambda: 0.0, lanes)


async def hungry(slots: Slots, *lanes: Lane) -> list["asyncio.Task[int]"]:
    tasks = [asyncio.ensure_future(slots.seats.take(lane)) for lane in lanes]
    await asyncio.sleep(0)
    return tasks


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Counter[Room]:
    counted: Counter[Room] = Counter()

    def counting(room: Room, batch_size: int) -> int:
        counted[room] += 1
        return demand(room, batch_size)

    monkeypatch.setattr(module, "demand", counting)
    return counted


async def test_of_a_hundred_full_routes_only_the_one_that_changed_is_looked_at(looks: Counter[Room]) -> None:
    lanes = [lane(f"q{number}") for number in range(100)]
    slots = slots_of(10_000, lanes)
    for each in lanes:
        fill(slots, each)
    waiting = await hungry(slots, *lanes)
    looks.clear()
    for _ in range(PREFETCH // 2):
        assert lanes[42].order.next() is not None
    slots.seats.changed(lanes[42])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert looks.total() == 1
    assert [task.done() for task in waiting].index(True) == 42
    for task in waiting:
        task.cancel()


async def test_many_routes_that_are_refused_are_not_all_looked_at_whenever_anything_changes(
    looks: Counter[Room],
) -> None:
    """As a thousand busy ones are, each with a receive on its way, that all want the slots which few messages take."""
    lanes = [lane(f"q{number}") for number in range(1000)]
    slots = slots_of(1, lanes)
    first = await hungry(slots, *lanes)
    assert all(task.done() for task in first)
    waiting = await hungry(slots, *lanes)
    await asyncio.sleep(0.2)
    looks.clear()
    for _ in range(500):
        slots.seats.changed(lanes[42])
        await asyncio.sleep(0)
    assert looks.total() <= 2 * len(lanes)
    looks.clear()
    slots.seats.vacate(lanes[42], await first[42])
    await asyncio.wait({waiting[42]})
    assert looks.total() <= 2 * len(lanes)
    for task in waiting:
        task.cancel()


async def test_routes_are_fed_in_turn() -> None:
    lanes = [lane("a"), lane("b")]
    slots = slots_of(15, lanes, 20)
    tasks = await hungry(slots, lanes[0], lanes[0], lanes[1], lanes[1])
    done = [task.done() for task in tasks]
    assert done == [True, False, True, False]
    for task in tasks:
        task.cancel()


async def test_of_the_receives_of_a_route_the_one_that_asked_last_goes_on_at_once() -> None:
    only = lane("a")
    slots = slots_of(10, [only])
    fill(slots, only)
    waiting = await hungry(slots, only)
    only.finished(only.order.spare(None))
    assert await slots.seats.take(only) == PREFETCH
    assert not waiting[0].done()
    waiting[0].cancel()


async def test_routes_take_turns_to_start_a_message_however_often_they_are_ready() -> None:
    lanes = [lane("a"), lane("b"), lane("c")]
    slots = slots_of(7, lanes)
    for each in lanes:
        fill(slots, each)
    slots.ready(lanes[0])
    started = [slots.next() for _ in range(8)]
    assert [ready[0].route.name for ready in started if ready is not None] == ["a", "b", "c", "a", "b", "c", "a"]
    assert started[-1] is None, "there are seven slots"
    slots.free(lanes[0])
    assert slots.next() is not None


@pytest.mark.parametrize(("seconds", "in_a_row"), [(QUICK, "aaaaaaaaaabbbbbbbbbbaaaaabbbbb"), (2 * QUICK, "ab" * 15)])
async def test_quick_handlers_start_ten_in_a_row_so_that_they_end_and_are_deleted_together(
    seconds: float, in_a_row: str
) -> None:
    lanes = [lane("a"), lane("b")]
    slots = slots_of(100, lanes)
    slots.pace.ended([seconds], 0.0)
    for each in lanes:
        each.order.add(each.take([Message(f"{each.route.name}{n}", "1", "r") for n in range(15)], 0.0))
        slots.ready(each)
    started = [slots.next() for _ in range(31)]
    assert "".join(ready[0].route.name for ready in started if ready is not None) == in_a_row
    assert started[-1] is None


async def test_a_route_that_is_ready_late_waits_for_no_more_than_one_row_of_others() -> None:
    lanes = [lane("a"), lane("b"), lane("late")]
    slots = slots_of(100, lanes)
    slots.pace.ended([0.0], 0.0)
    for each in lanes[:2]:
        each.order.add(each.take([Message(f"{each.route.name}{n}", "1", "r") for n in range(40)], 0.0))
        slots.ready(each)
    assert [slots.next() is not None for _ in range(25)] == [True] * 25
    fill(slots, lanes[2])
    names = [ready[0].route.name for ready in (slots.next() for _ in range(10)) if ready is not None]
    assert "late" in names


async def test_a_route_that_had_nothing_to_start_gets_its_turn_again() -> None:
    only = lane("a")
    slots = slots_of(100, [only])
    for _ in range(2):
        fill(slots, only)
        started = [slots.next() for _ in range(PREFETCH + 1)]
        assert started[-1] is None
        only.finished([ready[1] for ready in started if ready is not None])
        assert len(only.leases) == 0


async def test_a_receive_that_was_cancelled_takes_no_seats() -> None:
    only = lane("a")
    slots = slots_of(10, [only])
    fill(slots, only)
    [cancelled] = await hungry(slots, only)
    cancelled.cancel()
    await asyncio.sleep(0)
    for lease in only.order.spare(None):
        only.finished([lease])
    [next_one] = await hungry(slots, only)
    assert next_one.result() == PREFETCH
    assert slots._tallies[only].asked == PREFETCH


async def test_a_route_that_comes_back_after_another_ran_alone_takes_turns_with_it() -> None:
    lanes = [lane("a"), lane("b")]
    slots = slots_of(1000, lanes)
    slots.pace.ended([0.0], 0.0)
    for each in lanes:
        each.order.add(each.take([Message(f"{each.route.name}{n}", "1", "r") for n in range(200)], 0.0))
        slots.ready(each)
    assert [slots.next() is not None for _ in range(5)] == [True] * 5
    slots.bar(lanes[1])  # in the middle of a row of the other
    assert [slots.next() is not None for _ in range(100)] == [True] * 100
    slots.unbar(lanes[1])
    names = "".join(ready[0].route.name for ready in (slots.next() for _ in range(40)) if ready is not None)
    assert {names.count("a"), names.count("b")} == {20}
