import asyncio
from typing import Any

import pytest
from world import World, queue

from loafer.application.options import Options
from loafer.domain.message import OutgoingMessage


async def handle(content: str) -> None:
    await asyncio.sleep(float(content))


def busy(*bodies: str, wait_time: float = 1.0, **attributes: Any) -> World:
    options = Options(max_jobs=1, prefetch=5, grace_period=0)
    return World(queue("orders", *bodies, visibility_timeout=300, **attributes), handle, options, wait_time=wait_time)


QUICK = ["0.3"] * 8
"""Enough for the prefetch to be found worthwhile."""


async def test_a_drained_route_gives_back_what_waits_and_its_handler_ends() -> None:
    world = busy(*QUICK, "30", *["0.3"] * 20)
    async with world:
        await asyncio.sleep(5)
        assert world.dispatcher.held > 1
        done = len(world.deliveries)
        world.dispatcher.drain("orders")
        await asyncio.sleep(2)
        assert world.dispatcher.held == 1
        await asyncio.sleep(60)
        assert world.dispatcher.held == 0
        assert len(world.deliveries) == done + 1
        assert world.dispatcher.status().routes[0].paused
        world.dispatcher.resume("orders")
        await asyncio.sleep(60)
        assert len(world.deliveries) == 29


async def test_a_head_that_fails_on_a_drained_route_is_given_back_and_not_run_again_here() -> None:
    runs: list[str] = []

    async def fails(content: str) -> None:
        runs.append(content)
        await asyncio.sleep(5)
        raise ValueError

    source = queue("orders.fifo", visibility_timeout=300)
    source.send(OutgoingMessage("1", group="g"))
    async with World(source, fails, Options(retry_delay=1)) as world:
        await asyncio.sleep(1)
        world.dispatcher.drain("orders.fifo")
        await asyncio.sleep(60)
        assert (runs, world.dispatcher.held, len(source.visible)) == (["1"], 0, 1)
        world.dispatcher.resume("orders.fifo")
        await asyncio.sleep(20)
        [entry] = source._entries.values()
        assert (len(runs), entry.receive_count) == (5, 2)


async def test_what_waits_is_given_back_only_when_no_receive_could_take_it_again() -> None:
    world = busy("30", wait_time=20)
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.drain("orders")
        world.queue.send(OutgoingMessage("0.1"))
        await asyncio.sleep(60)
        counts = world.faults.received
        assert max(counts.values()) == 1


async def test_a_route_that_is_resumed_at_once_gives_nothing_back() -> None:
    world = busy(*QUICK, "30", *["0.3"] * 20)
    async with world:
        await asyncio.sleep(5)
        world.dispatcher.drain("orders")
        world.dispatcher.resume("orders")
        await asyncio.sleep(1)
        assert "release" not in dict(world.faults.calls)
        await asyncio.sleep(60)
        assert len(world.deliveries) == 29


async def test_messages_at_their_last_receive_stay_and_are_handled() -> None:
    dead = queue("dead")
    world = busy(*QUICK, "30", *["0.3"] * 20, dead_letters=dead, max_receive_count=1)
    async with world:
        await asyncio.sleep(5)
        held = world.dispatcher.held
        world.dispatcher.drain("orders")
        await asyncio.sleep(2)
        assert world.dispatcher.held == held
        await asyncio.sleep(60)
        assert world.dispatcher.held == 0
    assert len(dead) == 0


async def test_groups_keep_their_order_when_their_route_is_drained() -> None:
    ran: list[str] = []

    async def note(content: str) -> None:
        await asyncio.sleep(2)
        ran.append(content)

    orders = queue("orders.fifo", visibility_timeout=300)
    for number in range(6):
        orders.send(OutgoingMessage(str(number), group="a", deduplication_id=str(number)))
    world = World(orders, note, Options(max_jobs=1, grace_period=0))
    async with world:
        await asyncio.sleep(3)
        world.dispatcher.drain("orders.fifo")
        await asyncio.sleep(20)
        assert ran == ["0", "1"]
        assert world.dispatcher.held == 0
        world.dispatcher.resume("orders.fifo")
        await asyncio.sleep(60)
    assert ran == ["0", "1", "2", "3", "4", "5"]


async def test_a_drain_goes_over_into_a_stop() -> None:
    world = busy(*QUICK, "3", *["0.3"] * 20)
    async with world:
        await asyncio.sleep(5)
        world.dispatcher.drain("orders")
        world.dispatcher.stop()
        world.dispatcher.drain("orders")
    assert world.dispatcher.held == 0


async def test_a_route_that_is_not_there_is_not_drained() -> None:
    async with busy("1") as world:
        await asyncio.sleep(1)
        with pytest.raises(LookupError, match="there is no route 'clicks', but orders"):
            world.dispatcher.drain("clicks")
