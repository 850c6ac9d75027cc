"""FIFO order: heads run again in their place, followers wait and lose nothing by it."""

import asyncio
from typing import Any

import pytest
from world import Faults, World, now

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.options import Options
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage

NOT_ALLOWED = Failure("not allowed", retryable=False)


def fifo(*messages: str, **attributes: Any) -> MemoryQueue:
    """Return a FIFO queue; the first letter of a message is its group."""
    made = MemoryQueue("orders.fifo", clock=now, **attributes)
    for message in messages:
        made.send(OutgoingMessage(message, group=message[0]))
    return made


class Handler:
    """Notes what runs; what is in `failing` fails so many times."""

    def __init__(self, **failing: int) -> None:
        self.ran: list[str] = []
        self.failing = failing

    async def __call__(self, content: str) -> None:
        self.ran.append(content)
        await asyncio.sleep(0.1)
        if self.failing.get(content, 0):
            self.failing[content] -= 1
            raise ValueError

    def of(self, group: str) -> list[str]:
        return [message for message in self.ran if message[0] == group]


async def test_a_group_runs_in_order_one_at_a_time_and_groups_in_parallel() -> None:
    handler = Handler()
    world = World(fifo("a1", "a2", "a3", "b1", "b2", "b3"), handler)
    async with world:
        await asyncio.sleep(0.45)
        assert len(world.queue) == 0
    assert handler.of("a") == ["a1", "a2", "a3"]
    assert handler.of("b") == ["b1", "b2", "b3"]


async def test_the_next_starts_only_when_the_previous_ones_delete_is_confirmed() -> None:
    handler = Handler()
    world = World(fifo("a1", "a2"), handler, faults=Faults(delay=5))
    async with world:
        await asyncio.sleep(4)
        assert handler.ran == ["a1"]
        world.faults.delay = 0
        await asyncio.sleep(2)
    assert handler.ran == ["a1", "a2"]


async def test_a_failing_head_runs_again_in_its_place_and_its_followers_receive_counts_do_not_burn() -> None:
    handler = Handler(a1=3)
    world = await World(fifo("a1", "a2", "b1"), handler, Options(retry_delay=2)).run_for(10)
    assert handler.of("a") == ["a1", "a1", "a1", "a1", "a2"]
    assert handler.of("b") == ["b1"]
    assert world.queue.counts["received"] == 3
    assert all(delivery.message.receive_count == 1 for delivery in world.deliveries)


async def test_without_a_retry_delay_a_head_runs_again_when_its_visibility_would_have_run_out() -> None:
    handler = Handler(a1=1)
    world = World(fifo("a1", visibility_timeout=9), handler)
    async with world:
        await asyncio.sleep(8.8)
        assert handler.ran == ["a1"]
        await asyncio.sleep(0.3)
        assert handler.ran == ["a1", "a1"]


async def test_a_head_without_runs_left_moves_to_the_dead_letter_queue_and_its_followers_go_on() -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "a3", max_receive_count=3, dead_letters=dead)
    world = await World(source, handler, Options(retry_delay=1)).run_for(10)
    assert handler.ran == ["a1", "a1", "a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(world.queue) == 0
    assert world.dispatcher.counts["dead_lettered"] == 1


async def test_a_move_to_the_dead_letter_queue_that_fails_is_tried_again() -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", max_receive_count=1, dead_letters=dead)
    faults = Faults(dead_lettering=[Failure("throttled"), Failure("throttled")])
    await World(source, Handler(a1=99), faults=faults).run_for(10)
    assert len(dead) == 1


async def test_where_moving_is_not_allowed_the_source_moves_the_head_and_its_followers_go_on() -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "a3", "b1", max_receive_count=3, dead_letters=dead)
    world = World(source, handler, Options(retry_delay=0.1), Faults(dead_lettering=[NOT_ALLOWED]))
    await world.run_for(10)
    assert handler.of("a") == ["a1", "a1", "a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(world.queue) == 0


async def test_messages_of_blocked_groups_do_not_keep_other_groups_waiting() -> None:
    handler = Handler(a1=99)
    source = fifo("a1", *[f"a{n}" for n in range(2, 9)], "b1", "c1", "d1")
    world = World(source, handler, Options(max_jobs=10, prefetch=5, retry_delay=1000))
    async with world:
        await asyncio.sleep(2)
        assert {"b1", "c1", "d1"} <= set(handler.ran)
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_on_shutdown_all_are_released_and_none_is_in_flight() -> None:
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "b1", "b2", "c1")
    await World(source, handler, Options(max_jobs=1, retry_delay=1000)).run_for(0.25)
    assert source.in_flight == []
    assert handler.of("a")[:1] == ["a1"]
    assert "a2" not in handler.ran


async def test_followers_of_a_head_that_could_not_be_deleted_are_given_back(caplog: pytest.LogCaptureFixture) -> None:
    handler = Handler()
    source = fifo("a1", "a2", visibility_timeout=6)
    gone = Failure("the receipt is no longer valid", retryable=False)
    world = World(source, handler, faults=Faults(settling=[gone]))
    async with world:
        await asyncio.sleep(1)
        assert handler.ran == ["a1"]
        await asyncio.sleep(8)
    assert handler.ran == ["a1", "a1", "a2"]


async def test_messages_without_a_group_are_groups_of_their_own() -> None:
    from loafer.domain.lease import Leases
    from loafer.domain.message import Message
    from loafer.domain.ordering import GroupOrder

    leases, order = Leases(30), GroupOrder()
    order.add(leases.take([Message(name, "", name) for name in ("one", "two")], 0))
    assert order.startable == 2
