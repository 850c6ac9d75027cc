"""How much is on a source is asked once a minute, where that is wanted."""

import asyncio

import pytest
from test_metrics import value
from world import FlakyConsumer, World, queue

from loafer.application.metrics import families_of
from loafer.application.options import Options
from loafer.domain.depth import Backlog, Depth
from loafer.domain.message import OutgoingMessage
from loafer.domain.metrics import Family, Sample, merged, text_of
from loafer.exceptions import AccessDenied, ConsumerUnavailable


async def takes_10_s(_: object) -> None:
    await asyncio.sleep(10)


class Asked(FlakyConsumer):
    """Counts how often it is asked, and fails as it is told to."""

    times = 0
    error: Exception | None = None

    async def depth(self) -> Depth:
        type(self).times += 1
        if self.error is not None:
            raise self.error
        return await super().depth()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> type[Asked]:
    monkeypatch.setattr("world.FlakyConsumer", Asked)
    monkeypatch.setattr(Asked, "times", 0)
    monkeypatch.setattr(Asked, "error", None)
    return Asked


def world(*, depth: bool) -> World:
    source = queue("orders", *["x"] * 100, visibility_timeout=3600)
    source.send(OutgoingMessage("later", delay=900))
    return World(source, takes_10_s, Options(max_jobs=1, prefetch=1, depth=depth))


async def test_the_depth_and_how_long_it_takes_are_told(asked: type[Asked]) -> None:
    async with (made := world(depth=True)):
        await asyncio.sleep(65)
        status = made.dispatcher.status()
        [route] = status.routes
        assert route.backlog is not None
        assert route.backlog.depth == Depth(visible=94, in_flight=1, delayed=1)
        assert route.backlog.seconds == pytest.approx(1000, rel=0.25)
        text = text_of(families_of(status, 30))
        labels = {"route": "orders", "source": "orders"}
        assert value(text, "loafer_queue_depth_messages", state="visible", **labels) == 94
        assert value(text, "loafer_queue_depth_messages", state="delayed", **labels) == 1
        assert value(text, "loafer_drain_eta_seconds", **labels) == pytest.approx(1000, rel=0.25)
        assert asked.times == 2


async def test_nobody_asks_unless_it_is_wanted(asked: type[Asked]) -> None:
    async with (made := world(depth=False)):
        await asyncio.sleep(130)
        assert made.dispatcher.status().routes[0].backlog is None
    assert asked.times == 0


async def test_what_may_not_be_asked_is_said_once_and_not_asked_again(
    asked: type[Asked], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(asked, "error", AccessDenied("no permission: sqs:GetQueueAttributes"))
    async with world(depth=True):
        await asyncio.sleep(300)
    assert asked.times == 1
    assert caplog.text.count("the depth of 'orders' is unknown, which is said once: no permission") == 1


async def test_what_fails_is_asked_again_in_a_minute(asked: type[Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "error", ConsumerUnavailable("gone"))
    async with (made := world(depth=True)):
        await asyncio.sleep(65)
        assert made.dispatcher.status().routes[0].backlog is None
        monkeypatch.setattr(asked, "error", None)
        await asyncio.sleep(60)
        assert made.dispatcher.status().routes[0].backlog is not None


def test_several_workers_finish_together() -> None:
    def of(seconds: float) -> list[Family]:
        return [Family("loafer_drain_eta_seconds", "gauge", "x", (Sample((), seconds),), "together")]

    assert value(text_of(merged([of(60.0), of(30.0)])), "loafer_drain_eta_seconds") == pytest.approx(20)
    assert value(text_of(merged([of(0.0), of(0.0)])), "loafer_drain_eta_seconds") == 0


def test_a_backlog_that_nobody_works_on_has_no_end() -> None:
    assert Backlog(Depth(5)).seconds is None
