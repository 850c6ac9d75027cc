import asyncio
import logging

import attrs
import pytest
from world import World, now, queue

from loafer.application.holding import held_in
from loafer.application.lookout import Lookout
from loafer.application.options import Options
from loafer.application.stuck import Stuck, log_held
from loafer.application.watchdog import Watchdog


async def waits_for_long(seconds: float) -> None:
    await asyncio.sleep(seconds)  # the line that is to be named


async def handle(content: str) -> None:
    await waits_for_long(float(content))


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == "loafer.application.stuck"]


async def test_a_handler_that_runs_for_very_long_is_warned_of_and_again_at_each_doubling(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(queue("orders", "1000", "50", visibility_timeout=30), handle)
    async with world:
        await asyncio.sleep(59)
        assert warnings(caplog) == []
        await asyncio.sleep(3)
        [warning] = warnings(caplog)
        assert warning.startswith("message orders-1 on route orders: its handler has run for 6")
        assert "await asyncio.sleep(seconds)  # the line that is to be named" in warning
        assert "jobs.py" not in warning
        await asyncio.sleep(50)
        assert len(warnings(caplog)) == 1
        await asyncio.sleep(20)
        assert len(warnings(caplog)) == 2
        await asyncio.sleep(400)
        assert len(warnings(caplog)) == 4
        world.dispatcher.stop()
        world.dispatcher.stop()
    record = next(each for each in caplog.records if each.name == "loafer.application.stuck")
    assert (record.__dict__["message_id"], record.__dict__["route"], record.__dict__["attempt"]) == (
        "orders-1",
        "orders",
        1,
    )


async def test_twice_a_long_visibility_timeout_passes_before_the_first_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with World(queue("orders", "1000", visibility_timeout=300), handle, Options(grace_period=0)) as world:
        await asyncio.sleep(595)
        assert warnings(caplog) == []
        await asyncio.sleep(10)
        assert len(warnings(caplog)) == 1
        world.dispatcher.stop()


async def test_everything_that_is_held_can_be_logged_with_where_its_handler_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(queue("orders", "100", "200", visibility_timeout=300), handle, Options(grace_period=0))
    async with world:
        await asyncio.sleep(10)
        assert world.dispatcher.view is not None
        log_held(world.dispatcher.view)
        first, *each = warnings(caplog)
        assert first == "asked for what is held: 2 messages, 2 of them by handlers"
        assert len(each) == 2
        assert each[0].startswith("message orders-1 on route orders: for 10.0 s by its handler, attempt 1, lease left ")
        assert all("# the line that is to be named" in text for text in each)


async def test_what_waits_is_listed_without_a_stack(caplog: pytest.LogCaptureFixture) -> None:
    options = Options(max_jobs=1, prefetch=2, grace_period=0)
    world = World(queue("orders", *["0.3"] * 8, "100", *["0.3"] * 20, visibility_timeout=300), handle, options)
    async with world:
        await asyncio.sleep(4)
        assert world.dispatcher.view is not None
        caplog.set_level(logging.WARNING)
        log_held(world.dispatcher.view)
        held = world.dispatcher.held
    assert warnings(caplog)[0] == f"asked for what is held: {held} messages, 1 of them by handlers"
    assert sum(": waits, attempt 1, lease left " in text for text in warnings(caplog)) == held - 1 > 0


async def test_a_handler_is_held_and_has_a_stack_before_it_first_waits(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def looks(_: str) -> None:
        view = world.dispatcher.view
        assert view is not None
        seen.extend(each.what for each in held_in(view))
        log_held(view)  # the line that it is at

    world = World(queue("orders", "1", visibility_timeout=300), looks)
    async with world:
        await asyncio.sleep(2)
        assert world.dispatcher.view is not None
        assert list(world.dispatcher.view.handled()) == []
    assert seen == ["runs"]
    assert warnings(caplog)[0] == "asked for what is held: 1 messages, 1 of them by handlers"
    assert "by its handler, attempt 1, lease left " in warnings(caplog)[1]


async def test_a_handler_that_blocks_the_event_loop_is_warned_of_with_the_line_that_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def blocks(_: str) -> None:
        await asyncio.sleep(65)
        assert world.dispatcher.view is not None
        view = attrs.evolve(world.dispatcher.view, watchdog=Watchdog(now, Lookout(now)))
        Stuck(lambda: view).look()  # the line that blocks

    world = World(queue("orders", "1", visibility_timeout=30), blocks)
    await world.run_for(70)
    assert "# the line that blocks" in warnings(caplog)[-1]
