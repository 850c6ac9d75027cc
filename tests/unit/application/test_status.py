import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from statuses import QUIET
from world import World, queue

from loafer.application.health import not_alive, not_ready, word_for
from loafer.application.options import Options
from loafer.application.status import Status
from loafer.application.watchdog import Watchdog
from loafer.exceptions import ConsumerUnavailable, RejectMessage

ROUTE = attrs.evolve(QUIET, overdue=0.0)


async def handle(content: str) -> None:
    match content.split():
        case ["sleep", seconds]:
            await asyncio.sleep(float(seconds))
        case ["reject"]:
            raise RejectMessage
        case ["fail"]:
            raise ValueError


async def test_a_status_tells_what_runs_and_what_has_run() -> None:
    world = World(queue("orders", "reject", "fail", "sleep 1", "sleep 50", "sleep 90", visibility_timeout=600), handle)
    async with world:
        await asyncio.sleep(40)
        [route] = world.dispatcher.status().routes
        assert (route.name, route.jobs, route.limit, route.held, route.waiting) == ("orders", 2, 10, 2, 0)
        assert route.oldest is not None
        assert (route.oldest.id, route.oldest.attempt) == ("orders-4", 1)
        assert route.oldest.seconds == pytest.approx(40, abs=1)
        assert 0 < route.oldest.lease_left <= 600
        counts = {"received": 5, "rejected": 1, "failed": 1, "succeeded": 1, "duplicates": 0}
        assert route.counts == counts
        assert route.causes == {"failed": 1}
        assert route.p50 == pytest.approx(0, abs=0.01)
        assert route.p99 == pytest.approx(1, abs=0.01)
        assert (route.trouble, route.paused) == (None, False)
        assert route.last_receive == pytest.approx(0.5, abs=0.6)


async def test_before_it_runs_a_dispatcher_has_a_status_without_routes() -> None:
    status = World(queue("orders"), handle).dispatcher.status()
    assert status.routes == ()
    assert not_ready(status) == ["it has not begun to receive"]
    assert not not_alive(status, 30)


async def test_an_idle_worker_is_alive_and_ready() -> None:
    world = World(queue("orders"), handle)
    async with world:
        await asyncio.sleep(100)
        status = world.dispatcher.status()
        assert (not_alive(status, 30), not_ready(status), word_for(status, 30)) == ([], [], "idle")


async def test_a_worker_whose_handlers_are_all_busy_receives_nothing_and_is_alive_and_ready() -> None:
    world = World(queue("orders", *["sleep 500"] * 30), handle, Options(max_jobs=2))
    async with world:
        await asyncio.sleep(400)
        status = world.dispatcher.status()
        assert status.routes[0].overdue is None
        assert (not_alive(status, 30), not_ready(status), word_for(status, 30)) == ([], [], "busy")
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_paused_route_is_no_reason_not_to_be_ready() -> None:
    world = World(queue("orders"), handle)
    async with world:
        await asyncio.sleep(3)
        world.dispatcher.pause("orders")
        await asyncio.sleep(100)
        status = world.dispatcher.status()
        assert status.routes[0].paused
        assert (not_ready(status), word_for(status, 30)) == ([], "paused")


async def test_where_the_source_does_not_answer_a_worker_is_alive_and_after_half_a_minute_not_ready_and_says_why() -> (
    None
):
    world = World(queue("orders"), handle)
    async with world:
        await asyncio.sleep(5)
        world.faults.receiving += [ConsumerUnavailable("the endpoint is down")] * 100
        await asyncio.sleep(20)
        assert not not_ready(world.dispatcher.status())
        await asyncio.sleep(40)
        status = world.dispatcher.status()
        assert not not_alive(status, 30)
        [reason] = not_ready(status)
        assert reason.startswith("route orders: in trouble for ")
        assert reason.endswith(" s: source 'orders': the endpoint is down")
        assert word_for(status, 30) == "in trouble"


async def test_a_worker_that_has_never_heard_from_its_source_is_not_ready() -> None:
    world = World(queue("orders"), handle)
    world.faults.opening += [ConsumerUnavailable("the endpoint is down")] * 100
    async with world:
        await asyncio.sleep(5)
        status = world.dispatcher.status()
        assert not_ready(status)[0] == "route orders: no receive has been answered yet"
        assert not not_alive(status, 30)
        world.faults.opening.clear()


async def test_a_worker_that_stops_is_not_ready() -> None:
    world = World(queue("orders", "sleep 10"), handle)
    async with world:
        await asyncio.sleep(2)
        world.dispatcher.stop()
        await asyncio.sleep(1)
        status = world.dispatcher.status()
        assert not_ready(status) == ["it is stopping"]
        assert word_for(status, 30) == "stopping"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"heartbeat": 3.1}, "the heartbeat last ticked 3.1 s ago, and should every 1 s"),
        ({"blocked": 31.0}, "the event loop has not answered for 31.0 s: something blocks it"),
        (
            {"routes": (attrs.evolve(ROUTE, overdue=15.5),)},
            "route orders: a receive has taken 16 s longer than it waits",
        ),
    ],
)
def test_a_worker_that_does_not_get_on_is_not_alive_and_says_why(changes: dict[str, Any], reason: str) -> None:
    status = attrs.evolve(Status(routes=(ROUTE,)), **changes)
    assert not_alive(status, 30) == [reason]
    assert word_for(status, 30) == "wedged"


def test_what_is_within_its_bounds_is_alive() -> None:
    routes = (attrs.evolve(ROUTE, overdue=15.0), attrs.evolve(ROUTE, overdue=None))
    assert not_alive(Status(heartbeat=3.0, blocked=30.0, routes=routes), 30) == []


async def test_the_time_in_which_the_loop_owes_an_answer_is_seen_without_asking(clock: Callable[[], float]) -> None:
    from loafer.application.lookout import Lookout

    await asyncio.sleep(3)
    watchdog = Watchdog(clock, Lookout(clock))
    assert watchdog.silence(clock()) == 0.0
    watchdog.blocked_for()
    assert watchdog.silence(clock() + 40) == 40.0
    await asyncio.sleep(0.5)
    assert watchdog.silence(clock() + 40) == 0.0
