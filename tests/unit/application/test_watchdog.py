"""A blocked event loop is noticed from another thread, shown, and in the end not trusted with messages any more."""

import asyncio
import logging
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from world import World, now, queue

from loafer.application.heartbeat import Heartbeat, beating_on_a_thread
from loafer.application.lane import Lane
from loafer.application.lookout import Lookout
from loafer.application.watchdog import OVERDUE_AFTER, Watchdog
from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.ports.observer import Cause


class Time:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def while_blocked(look: Callable[[], Any]) -> Any:
    """Block the event loop until another thread has looked, and return what it saw."""
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(look()))
    thread.start()
    thread.join()
    return seen[0]


async def test_a_loop_that_answers_is_not_blocked() -> None:
    time = Time()
    watchdog = Watchdog(time, Lookout(time))
    assert while_blocked(watchdog.blocked_for) == 0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    time.now = 100
    assert while_blocked(watchdog.blocked_for) == 0


async def test_what_is_read_in_the_turn_of_a_look_is_older_than_that_look() -> None:
    time = Time()
    lookout = Lookout(time)
    watchdog = Watchdog(time, lookout)

    async def turns_with_a_look(at: float, turns: int) -> None:
        time.now = at
        while_blocked(watchdog.blocked_for)
        for _ in range(turns):
            await asyncio.sleep(0)

    for at in (10, 20):
        await turns_with_a_look(at, 5)
    await turns_with_a_look(50, 1)  # the process stood still since 20; in this turn an answer from then is read
    await turns_with_a_look(50.4, 1)  # and handed on in this one, behind another look
    assert lookout.earliest(15) == 15
    assert lookout.earliest(0) == 10
    for _ in range(5):
        await asyncio.sleep(0)
    assert lookout.earliest(0) == 50


async def test_the_stack_that_blocks_the_loop_is_logged_once_after_a_second(caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    watchdog = Watchdog(time, Lookout(time))
    time.now = 10
    while_blocked(watchdog.blocked_for)
    time.now = 10.9
    assert while_blocked(watchdog.blocked_for) == pytest.approx(0.9)
    assert not caplog.records
    for time.now in (11.1, 12.0):
        while_blocked(watchdog.blocked_for)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "in while_blocked" in record.getMessage()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert "answers again after 2.0 s" in caplog.text


async def test_a_busy_loop_pauses_for_the_other_thread_only_where_that_is_overdue() -> None:
    time, pauses = Time(), list[float]()
    watchdog = Watchdog(time, Lookout(time))
    for time.now, number in ((OVERDUE_AFTER, 0), (1.1, 1), (1.2, 2)):
        watchdog.give_way(pauses.append)
        assert len(pauses) == number
    while_blocked(watchdog.blocked_for)
    for time.now, number in ((1.3, 2), (2.2, 2), (2.3, 3)):
        watchdog.give_way(pauses.append)
        assert len(pauses) == number


def ignore(_: BaseException) -> None:
    """Stop nothing."""


class Blocked(Watchdog):
    """Reports a loop that has been blocked for so long."""

    seconds = 0.0

    def blocked_for(self) -> float:
        return self.seconds


async def holding_one(kind: type[Lane] = Lane) -> tuple[World, Lane]:
    """Return a world whose one message is held in a lane, with a visibility timeout of 3 seconds."""

    async def never(content: Any) -> None:
        """Nothing is delivered here."""

    world = World(queue("orders", "one", visibility_timeout=3), never)
    lane = kind(world.route(), world.consumer(), now)
    lane.opened(await lane.consumer.open())
    lane.take(await lane.consumer.receive(1), now())
    return world, lane


async def test_the_leases_of_a_loop_blocked_beyond_the_limit_are_let_go(caplog: pytest.LogCaptureFixture) -> None:
    world, lane = await holding_one()
    blocked = Blocked(now, Lookout(now))
    beating = asyncio.create_task(Heartbeat([lane], now, 10, blocked.blocked_for, ignore).run())
    blocked.seconds = 9
    await asyncio.sleep(1.5)
    assert ("extend", 1) in world.faults.calls
    world.faults.calls.clear()
    blocked.seconds = 11
    await asyncio.sleep(10)
    assert world.faults.calls == []
    assert len(world.queue.visible) == 1
    assert caplog.text.count("its leases are let go") == 1
    beating.cancel()


async def test_leases_are_extended_though_the_end_of_another_one_cannot_be_told() -> None:
    class Failing(Lane):
        def lost(self, lease: Lease, cause: Cause) -> None:
            raise KeyError("whoever is told has broken")

    world, lane = await holding_one(Failing)
    [lease] = lane.leases.all()
    beating = asyncio.create_task(Heartbeat([lane], now, 900, lambda: 0, ignore).run())
    await asyncio.sleep(0.9)
    lane.take([Message("other", "x", "r")], now() - 60)  # it has ended when the first one is due
    await asyncio.sleep(10)
    assert lease.is_valid(now())
    assert world.queue.visible == []
    beating.cancel()


def test_a_loop_that_is_closed_is_blocked_for_ever() -> None:
    async def watched() -> Watchdog:
        return Watchdog(time, Lookout(time))

    time, loop = Time(), asyncio.new_event_loop()
    watchdog = loop.run_until_complete(watched())
    watchdog.blocked_for()
    assert watchdog.blocked_for() == 0
    loop.close()
    assert watchdog.blocked_for() == math.inf


async def test_the_leases_of_a_loop_that_is_closed_are_let_go_at_once(caplog: pytest.LogCaptureFixture) -> None:
    world, lane = await holding_one()
    blocked = Blocked(now, Lookout(now))
    beating = asyncio.create_task(Heartbeat([lane], now, 900, blocked.blocked_for, ignore).run())
    await asyncio.sleep(1.5)
    assert ("extend", 1) in world.faults.calls
    blocked.seconds = math.inf
    await asyncio.sleep(1)
    assert beating.done()
    await asyncio.sleep(3)
    assert len(world.queue.visible) == 1
    assert "the event loop of the worker was closed before the worker had ended: its leases are let go" in caplog.text


async def test_the_thread_of_a_heartbeat_ends_where_nobody_can_end_it_any_more() -> None:
    heartbeat = Heartbeat([], now, 900, lambda: math.inf, ignore)
    async with beating_on_a_thread(heartbeat, asyncio.new_event_loop):
        for thread in threading.enumerate():
            if thread.name == "loafer-heartbeat":
                thread.join()


async def test_the_heartbeat_survives_what_it_did_not_expect(caplog: pytest.LogCaptureFixture) -> None:
    async def takes_long(content: Any) -> None:
        await asyncio.sleep(60)

    world = World(queue("orders", "one", visibility_timeout=3), takes_long)
    world.faults.extending.append(KeyError("a broken consumer"))
    async with world:
        await asyncio.sleep(30)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()
