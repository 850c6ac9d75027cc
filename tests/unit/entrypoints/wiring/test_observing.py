import json
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import REGISTRY

from loafer.adapters.aws.lean import covered
from loafer.adapters.opentelemetry.observer import OpenTelemetryObserver
from loafer.adapters.sentry.observer import SentryObserver
from loafer.application.measures import Measures
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring import observing as module
from loafer.entrypoints.wiring.observing import observing
from loafer.entrypoints.worker.manager import Manager
from loafer.ports.observer import Observer


class Mine(Observer):
    """An observer of a user's."""


mine = Mine()
nothing = object()


@pytest.fixture(autouse=True)
def nothing_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(covered, "_COVERED", set())


@contextmanager
def given(*names: str, **settings: Any) -> Any:
    mistakes = Mistakes()
    with observing(Settings(observers=names, **settings), mistakes) as found:
        yield found, [str(mistake) for mistake in mistakes.found]


def test_without_a_name_nobody_is_told() -> None:
    with given() as (found, mistakes):
        assert (found, mistakes) == ((), [])


def test_observers_are_those_that_the_settings_name_in_their_order() -> None:
    name = f"{__name__}.mine"
    with given("otel", "sentry", name) as (found, mistakes):
        assert not mistakes
        assert [type(each) for each in found] == [OpenTelemetryObserver, SentryObserver, Mine]
        assert found[2] is mine
        assert covered.is_covered("sentry_sdk.integrations.boto3")
        assert covered.is_covered("opentelemetry.instrumentation.botocore")
        assert not covered.is_covered("ddtrace.contrib")


def test_a_class_is_made_an_observer() -> None:
    with given(f"{__name__}.Mine") as (found, _):
        assert type(found[0]) is Mine


def test_spans_are_children_where_that_is_asked_for_and_hold_no_texts_where_the_log_has_none() -> None:
    with given("otel-parent", tracebacks="frames") as (found, _):
        assert (found[0].parent, found[0].texts) == (True, False)


def test_metrics_are_in_the_registry_meanwhile_unless_they_are_served() -> None:
    labels = {"source": "orders", "result": "empty"}
    for settings, kind, there in (({}, Measures, True), ({"status": "127.0.0.1:9102"}, Observer, False)):
        with given("prometheus", **settings) as (found, _):
            assert type(found[0]) is kind
            found[0].received("orders", 10, [])
            assert (REGISTRY.get_sample_value("loafer_receives_total", labels) == 1) is there
        assert REGISTRY.get_sample_value("loafer_receives_total", labels) is None


@pytest.mark.parametrize(("name", "extra"), [("otel", "otel"), ("otel-parent", "otel"), ("sentry", "sentry")])
def test_an_extra_that_is_not_installed_is_a_mistake_that_names_it(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _: None)
    with given(name) as (found, mistakes):
        assert found == ()
        [mistake] = mistakes
        assert f"pip install 'loafer[{extra}]'" in mistake
        assert "LOAFER_OBSERVERS" in mistake


@pytest.mark.parametrize(
    ("name", "wrong"), [("no.such", "no"), (f"{__name__}.nothing", "no observer; give otel, sentry, prometheus, or ")]
)
def test_what_is_no_observer_is_a_mistake(name: str, wrong: str) -> None:
    with given(name) as (found, mistakes):
        assert found == ()
        assert wrong in mistakes[0]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("datadog",), "LOAFER_OBSERVERS='datadog' (default): datadog: no observer; give otel, otel-parent, sentry, p"),
        (("OTEL", "sentry"), "LOAFER_OBSERVERS='OTEL,sentry' (default): OTEL: no observer; did you mean otel?"),
        (("promotheus",), "did you mean prometheus?"),
        (("sentry", "sentry"), "sentry: sentry_sdk would be told everything twice; name it once"),
        (("otel", "otel-parent"), "otel-parent: opentelemetry would be told everything twice; name it once"),
    ],
)
def test_a_name_that_cannot_be_meant_is_a_mistake_that_says_what_can(names: tuple[str, ...], said: str) -> None:
    with given(*names) as (_, mistakes):
        [mistake] = mistakes
        assert said in mistake


def test_how_a_worker_is_goes_to_prometheus_and_to_opentelemetry_too(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = InMemoryMetricReader()
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", MeterProvider([reader]))
    route = RouteSettings(source="memory://orders")
    manager = Manager(Settings(observers=("otel", "prometheus"), routes=(route,)))
    with manager.prepared():
        collected = json.loads(reader.get_metrics_data().to_json())  # type: ignore[union-attr]
        assert REGISTRY.get_sample_value("loafer_ready") == 0
    [scope] = collected["resource_metrics"][0]["scope_metrics"]
    assert {"loafer.alive": 1, "loafer.ready": 0}.items() <= {
        metric["name"]: metric["data"]["data_points"][0]["value"] for metric in scope["metrics"]
    }.items()
    assert REGISTRY.get_sample_value("loafer_ready") is None
    assert reader.get_metrics_data() is None


def test_what_several_count_in_one_process_is_added_up_in_its_registry() -> None:
    labels = {"source": "orders", "result": "empty"}
    with given("prometheus") as (first, _):
        with given("prometheus") as (second, _):
            for each in (first[0], second[0], second[0]):
                each.received("orders", 10, [])
            assert REGISTRY.get_sample_value("loafer_receives_total", labels) == 3
        assert REGISTRY.get_sample_value("loafer_receives_total", labels) == 1
    assert REGISTRY.get_sample_value("loafer_receives_total", labels) is None
