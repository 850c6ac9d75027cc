"""Trouble upstream: waited out where it may pass, one clear error where it will not."""

import asyncio
import logging
from typing import Any

import pytest
from world import Faults, World, queue

from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable

GONE = ConsumerUnavailable("no route to the endpoint")


async def succeed(content: Any) -> None:
    """Handle anything."""


def receives(world: World) -> int:
    return sum(call == "receive" for call, _ in world.faults.calls)


async def test_trouble_is_waited_out_and_told_in_two_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = await World(queue("orders", "one"), succeed, faults=Faults(receiving=[GONE] * 8)).run_for(300)
    assert len(world.queue) == 0
    lines = [record.getMessage() for record in caplog.records if record.name == "loafer.application.trouble"]
    assert len(lines) == 2
    assert "no route to the endpoint" in lines[0]
    assert "works again" in lines[1]


async def test_tries_become_rarer_up_to_one_in_30_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    world = World(queue("orders"), succeed, faults=Faults(receiving=[GONE] * 100))
    async with world:
        await asyncio.sleep(31.1)
        assert receives(world) == 6  # at 0, 1, 3, 7, 15, 31 s
        await asyncio.sleep(300)
        assert receives(world) == 16


async def test_opening_is_tried_again_too() -> None:
    world = await World(queue("orders", "one"), succeed, faults=Faults(opening=[GONE, GONE])).run_for(10)
    assert len(world.queue) == 0


async def test_the_trouble_of_one_route_leaves_the_others_alone() -> None:
    sick = World(queue("sick"), succeed, faults=Faults(receiving=[GONE] * 1000))
    well = World(queue("well", *"x" * 50), succeed)
    sick.dispatcher.routes = [sick.route(), well.route()]
    async with sick:
        await asyncio.sleep(1)
        assert len(well.queue) == 0


@pytest.mark.parametrize("error", [ConsumerError("queue 'orders' does not exist"), AccessDenied("no")])
async def test_what_will_not_pass_stops_everything_at_start(
    error: ConsumerError, caplog: pytest.LogCaptureFixture
) -> None:
    for faults in (Faults(opening=[error]), Faults(receiving=[error])):
        world = World(queue("orders"), succeed, faults=faults)
        async with world:
            with pytest.raises(type(error)) as caught:
                await world.ended()
        assert caught.value is error
    assert not caplog.records  # it is told in one line, which is the worker's end


async def test_what_ends_the_worker_is_not_told_as_what_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World(queue("orders"), succeed, faults=Faults(opening=[ConsumerError("there is no such profile")]))
    async with world:
        with pytest.raises(ConsumerError):
            await world.ended()
    assert "trying again" not in caplog.text


async def test_a_source_that_is_gone_while_running_stops_everything() -> None:
    error = ConsumerError("queue 'orders' does not exist")
    world = World(queue("orders"), succeed, faults=Faults(receiving=[None, None, error]))
    async with world:
        with pytest.raises(ConsumerError):
            await world.ended()


async def test_a_denial_after_access_had_worked_is_trouble_for_five_minutes() -> None:
    world = World(queue("orders"), succeed, faults=Faults(receiving=[None, *[AccessDenied("no")] * 1000]))
    async with world:
        await asyncio.sleep(5 * 60)
        with pytest.raises(AccessDenied):
            await world.ended()
        assert asyncio.get_running_loop().time() < 5 * 60 + 40


async def test_a_denial_that_ends_within_five_minutes_is_forgotten() -> None:
    denied = [AccessDenied("no")] * 3
    world = World(queue("orders", "one"), succeed, faults=Faults(receiving=[None, *denied]), wait_time=0.5)
    await world.run_for(60)
    assert len(world.queue) == 0


async def test_a_fatal_error_lets_running_handlers_end_and_gives_back_what_waits() -> None:
    ended = []

    async def handle(content: Any) -> None:
        await asyncio.sleep(5)
        ended.append(content)

    faults = Faults(receiving=[None, ConsumerError("queue 'orders' does not exist")])
    world = World(queue("orders", "one", "two"), handle, faults=faults)
    world.dispatcher.options = world.dispatcher.options.__class__(max_jobs=10)
    async with world:
        with pytest.raises(ConsumerError):
            await world.ended()
    assert sorted(ended) == ["one", "two"]
    assert len(world.queue) == 0
