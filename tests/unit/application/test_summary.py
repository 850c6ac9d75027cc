import asyncio
import logging
from typing import Any

import pytest
from world import World, now, queue

from loafer.application.lane import Lane
from loafer.application.summary import percentile, summaries_of
from loafer.domain.lifecycle import Outcome
from loafer.exceptions import IgnoreMessage, RejectMessage


async def handle(content: str) -> None:
    await asyncio.sleep(float(content) if content[0].isdigit() else 0)
    match content:
        case "reject":
            raise RejectMessage
        case "ignore":
            raise IgnoreMessage
        case "fail":
            raise ValueError


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "loafer.application.summary"]


async def test_a_route_has_a_line_a_minute_and_one_in_the_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bodies = ["1", "2", "3", "reject", "ignore", "fail", "90"]
    world = await World(queue("orders", *bodies, visibility_timeout=3600), handle).run_for(100)
    first, last = lines(caplog)
    assert first.startswith(
        "route orders: 3 done, 1 failed, 1 rejected, 2 kept in 60 s; 1 held; handling took p50 0.000 s, p99 3.000 s; "
    )
    assert last.startswith("route orders: 1 done, 0 failed, 0 rejected, 0 kept in 40 s; 0 held; handling took p50 90.0")
    assert len(world.queue) == 2


async def test_a_minute_in_which_nothing_ended_or_was_held_has_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await World(queue("orders"), handle).run_for(200)
    assert lines(caplog) == []


async def test_a_minute_in_which_a_handler_goes_on_has_one(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await World(queue("orders", "100"), handle).run_for(110)
    assert lines(caplog)[0] == "route orders: 0 done, 0 failed, 0 rejected, 0 kept in 60 s; 1 held"


async def test_the_numbers_are_in_the_record_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await World(queue("orders", "1.23456"), handle).run_for(5)
    [record] = [record for record in caplog.records if record.name == "loafer.application.summary"]
    summary: dict[str, Any] = record.__dict__["summary"]
    assert (record.__dict__["route"], summary["done"], summary["p50"]) == ("orders", 1, 1.235)


async def test_the_backlog_is_as_old_as_the_message_that_ended_last(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World(queue("orders", "1"), handle)
    route = world.route()
    lane = Lane(route, route.consumer(), lambda: 10.0)
    [summary] = summaries_of([lane], 0.0)
    [message] = await lane.consumer.receive(1)
    for tell in lane.tell.handled:
        tell([("orders", message, Outcome.SUCCEEDED, None, 1.0)])
    assert summary.take(12.0, lambda: (message.sent_at or 0) + 7)["backlog"] == 5.0
    assert summary.take(13.0) == {}


async def test_where_nobody_sees_them_there_are_none(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "loafer")
    world = await World(queue("orders", "1"), handle).run_for(100)
    assert not summaries_of([Lane(world.route(), world.consumer(), now)], 0.0)
    assert lines(caplog) == []


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1, 100), (0, 1)])
def test_a_percentile_is_the_smallest_number_that_so_many_do_not_exceed(share: float, expected: int) -> None:
    assert percentile(range(1, 101), share) == expected
    assert percentile([7], share) == 7
