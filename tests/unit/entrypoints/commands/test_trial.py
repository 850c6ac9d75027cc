import asyncio
import os
import signal

import attrs
import pytest

from loafer.adapters.aws.saved import Sample
from loafer.application.delivery import Delivery
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.commands.trial import Trial
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.worker.ending import Ending
from loafer.exceptions import ConfigurationError, IgnoreMessage

SOURCE = "memory://trial"
received: list[object] = []


async def ends_as_told(message: object) -> None:
    received.append(message)
    if message == "later":
        raise IgnoreMessage(delay=0)
    if message == "hang":
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(1000)
    if message == "leave":
        raise SystemExit(3)


def trial(*bodies: str, handler: str = "ends_as_told") -> tuple[Trial, list[Delivery]]:
    received.clear()
    seen: list[Delivery] = []
    route = RouteSettings(source=SOURCE, handler=f"{__name__}.{handler}")
    samples = [Sample(str(number), OutgoingMessage(body, delay=900)) for number, body in enumerate(bodies)]
    return Trial(Settings(routes=(route,)), {SOURCE: samples}, seen.append), seen


def test_every_sample_is_delivered_once_without_its_delay() -> None:
    run, seen = trial("1", "2", "3")
    assert run.run()
    assert sorted((delivery.message.id, delivery.outcome) for delivery in seen) == [
        ("0", Outcome.SUCCEEDED),
        ("1", Outcome.SUCCEEDED),
        ("2", Outcome.SUCCEEDED),
    ]


def test_what_is_kept_is_told_once_even_if_it_comes_back_at_once() -> None:
    run, seen = trial('"later"', *map(str, range(50)))
    assert run.run()
    assert [delivery.outcome for delivery in seen].count(Outcome.IGNORED) == 1


def test_what_cannot_be_translated_is_a_delivery_too() -> None:
    run, seen = trial("not JSON")
    assert run.run()
    assert [delivery.outcome for delivery in seen] == [Outcome.UNTRANSLATED]
    assert received == []


def test_what_stops_a_worker_stops_a_trial() -> None:
    run, _ = trial('"leave"')
    with pytest.raises(SystemExit) as caught:
        run.run()
    assert caught.value.code == 3


def test_what_a_stop_cancels_came_to_nothing_and_a_stop_that_is_over_ends_no_process() -> None:
    run, seen = trial('"hang"')
    run.manager.settings = attrs.evolve(run.manager.settings, grace_period=0.0)
    assert (run.run(), seen) == (False, [])
    assert run.manager.cut_off is not None
    run.manager.cut_off(Ending(), "it would end this one")


def test_mistakes_are_told_before_anything_is_delivered() -> None:
    run, seen = trial("1", handler="no_such")
    with pytest.raises(ConfigurationError, match="there is no 'no_such'"):
        run.run()
    assert seen == []


def test_several_sources_are_run_together() -> None:
    run, _ = trial()
    routes = [attrs.evolve(run.settings.routes[0], source=f"memory://{name}", name=name) for name in ("a", "b")]
    samples = {route.source: [Sample(route.name, OutgoingMessage("1"))] for route in routes}
    seen: list[Delivery] = []
    assert Trial(attrs.evolve(run.settings, routes=tuple(routes)), samples, seen.append).run()
    assert sorted((delivery.route, delivery.message.id) for delivery in seen) == [("a", "a"), ("b", "b")]
