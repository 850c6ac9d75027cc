"""The same run, read back from the counts, OpenTelemetry, Sentry and the registry of Prometheus: all agree."""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import attrs
import pytest
import sentry_sdk
from botocore.exceptions import ClientError
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport
from world import World, queue

from loafer.adapters.opentelemetry.observed import observed
from loafer.adapters.opentelemetry.observer import OpenTelemetryObserver
from loafer.adapters.prometheus.registry import registered, text_of_registry
from loafer.adapters.sentry.observer import SentryObserver
from loafer.application.measures import Measures
from loafer.application.metrics import families_of
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.application.status import Status
from loafer.domain.fingerprint import MOST_KINDS
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.exceptions import IgnoreMessage, RejectMessage
from loafer.ports.observer import Observer

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SENTRYS = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"
SENT = 1_700_000_000.0


async def handle(content: str) -> None:
    await asyncio.sleep(0.1)
    match content:
        case "fail":
            raise ValueError("a secret body")
        case "break":
            raise KeyError("x")
        case "reject":
            raise RejectMessage
        case "ignore":
            raise IgnoreMessage
        case "slow":
            await asyncio.sleep(1000)


@attrs.define(eq=False)
class Told:
    """OpenTelemetry in memory."""

    exporter: InMemorySpanExporter = attrs.field(factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = attrs.field(factory=InMemoryMetricReader)
    stack: ExitStack = attrs.field(factory=ExitStack)

    def observer(self, status: Callable[[], Status] = Status, **changes: Any) -> OpenTelemetryObserver:
        """Return an observer whose metrics are collected, with those that a status has."""
        provider, meters = TracerProvider(), MeterProvider([self.reader])
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        made = OpenTelemetryObserver(tracers=provider, meters=meters, **changes)
        self.stack.enter_context(observed(lambda: [*made.families(), *families_of(status(), 30)], meters))
        return made

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def points(self, name: str, label: str) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        assert data is not None
        metrics = [each for all_of in data.resource_metrics for scope in all_of.scope_metrics for each in scope.metrics]
        [metric] = [each for each in metrics if each.name == name]
        return {str((point.attributes or {}).get(label, "")): point for point in metric.data.data_points}


class Kept(Transport):
    """Keeps what would be sent to Sentry."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        self.items += [item.payload.json for item in envelope.items if item.payload.json is not None]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [item for item in self.items if (item.get("type") or "event") == kind]


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept()
    sentry_sdk.init(dsn="http://key@localhost/1", transport=kept, traces_sample_rate=1.0, default_integrations=False)
    yield kept
    sentry_sdk.get_global_scope().set_client(None)


async def run(observers: Sequence[Observer], *bodies: str, **attributes: Attribute) -> World:
    source = queue("orders", visibility_timeout=3600)
    for body in bodies:
        source.send(OutgoingMessage(body, attributes))
    world = World(source, handle, Options(handler_timeout=5, max_jobs=20))
    world.dispatcher.observers = tuple(observers)
    return await world.run_for(30)


BODIES = ["done"] * 40 + ["fail"] * 6 + ["break"] * 3 + ["reject"] * 5 + ["ignore"] * 4 + ["slow"] * 2


async def test_all_of_them_agree_with_the_truth_and_with_each_other(kept: Kept) -> None:
    told, measures, registry = Told(), Measures(), CollectorRegistry()
    with registered(measures.families, registry):
        world = await run((told.observer(), SentryObserver(), measures), *BODIES)
        text = text_of_registry(registry)
    truth = {"succeeded": 40, "failed": 11, "rejected": 5, "ignored": 4}
    assert {name: world.dispatcher.counts[name] for name in truth} == truth
    spans = Counter(str((span.attributes or {})["loafer.outcome"]) for span in told.spans)
    assert spans == truth
    assert {name: point.value for name, point in told.points("loafer.messages", "loafer.outcome").items()} == truth
    transactions = Counter(each["contexts"]["trace"]["data"]["loafer.outcome"] for each in kept.of("transaction"))
    assert transactions == truth
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    assert {s.labels["outcome"]: s.value for s in samples if s.name == "loafer_messages_total"} == truth
    errors = {"ValueError": 6, "KeyError": 3, "HandlerTimeout": 2}
    assert Counter(event["exception"]["values"][-1]["type"] for event in kept.of("event")) == errors
    durations = told.points("messaging.process.duration", "error.type")
    assert {name: point.count for name, point in durations.items()} == {**errors, "IgnoreMessage": 4, "": 45}
    causes = {"failed": 9, "timeout": 2, "ignored": 4}
    assert {name: point.value for name, point in told.points("loafer.redeliveries", "loafer.cause").items()} == causes
    assert {s.labels["cause"]: s.value for s in samples if s.name == "loafer_redeliveries_total"} == causes
    assert sum(p.value for p in told.points("messaging.client.consumed.messages", "x").values()) == len(BODIES)
    kept_for = {**errors, "IgnoreMessage": 4}
    assert {name: point.value for name, point in told.points("loafer.handler.errors", "error.type").items()} == kept_for
    assert {s.labels["error"]: s.value for s in samples if s.name == "loafer_handler_errors_total"} == kept_for
    latency = told.points("loafer.queue.latency", "messaging.destination.name")["orders"]
    assert latency.count == len(BODIES)


async def test_opentelemetry_is_told_how_the_worker_is_as_prometheus_is() -> None:
    async def hang(_: str) -> None:
        await asyncio.sleep(1000)

    told = Told()
    world = World(queue("orders", "a", "b", "c", visibility_timeout=3600), hang, Options(max_jobs=2))
    world.dispatcher.observers = (told.observer(world.dispatcher.status),)
    async with world:
        await asyncio.sleep(5)
        assert told.points("loafer.oldest.running", "loafer.route")["orders"].value == pytest.approx(5)
        await asyncio.sleep(5)
        for name, number in {"held.messages": 2, "running.handlers": 2, "waiting.messages": 0, "in.trouble": 0}.items():
            assert told.points(f"loafer.{name}", "loafer.route")["orders"].value == number
        assert told.points("loafer.oldest.running", "loafer.route")["orders"].value == pytest.approx(10)
        assert told.points("loafer.leases.lost", "messaging.destination.name")["orders"].value == 0
        assert told.points("loafer.ready", "")[""].value == 1


async def test_what_several_workers_count_one_after_another_or_at_once_is_collected() -> None:
    reader = InMemoryMetricReader()
    meters = MeterProvider([reader])
    told = Told(reader=reader)
    with ExitStack() as before:
        for name in ("first", "second"):
            made = OpenTelemetryObserver(meters=meters)
            before.enter_context(observed(made.families, meters))
            made.ended(name, Message("1", "x", "r", source=name), Outcome.SUCCEEDED, None, 0.1)
        assert set(told.points("loafer.messages", "loafer.route")) == {"first", "second"}
    made = OpenTelemetryObserver(meters=meters)
    with observed(made.families, meters):
        made.ended("third", Message("1", "x", "r", source="third"), Outcome.SUCCEEDED, None, 0.1)
        assert set(told.points("loafer.messages", "loafer.route")) == {"third"}


async def test_opentelemetrys_kinds_of_errors_are_bounded_too() -> None:
    told = Told()
    observer, message = told.observer(), Message("1", "x", "r", source="orders")
    for number in range(MOST_KINDS + 50):
        observer.ended("orders", message, Outcome.FAILED, type(f"Error{number}", (Exception,), {})(), 0.1)
    errors = told.points("loafer.handler.errors", "error.type")
    assert len(errors) == MOST_KINDS + 1
    assert errors["others"].value == 50
    assert len(told.points("messaging.process.duration", "error.type")) == MOST_KINDS + 1


async def test_a_span_is_linked_to_where_its_message_was_sent_and_is_current_in_the_handler() -> None:
    told, current = Told(), []

    async def look(_: str) -> None:
        await asyncio.sleep(1)
        current.append(trace.get_current_span().get_span_context().span_id)

    source = queue("orders")
    source.send(OutgoingMessage("x", {"traceparent": Attribute(PARENT)}))
    world = World(source, look)
    world.dispatcher.observers = (told.observer(),)
    await world.run_for(5)
    [span] = told.spans
    assert span.name == "process orders"
    assert span.kind is trace.SpanKind.CONSUMER
    assert span.parent is None
    [link] = span.links
    assert f"{link.context.trace_id:032x}" in PARENT
    assert current == [span.get_span_context().span_id]  # type: ignore[union-attr]  # it has one
    attributes = dict(span.attributes or {})
    assert attributes["messaging.system"] == "aws_sqs"
    assert attributes["messaging.message.id"] == "orders-1"
    assert span.end_time is not None
    assert not trace.get_current_span().get_span_context().is_valid


async def test_a_span_is_a_child_of_the_one_that_sent_its_message_where_that_is_asked_for() -> None:
    told = Told()
    await run([told.observer(parent=True)], "done", traceparent=Attribute(PARENT))
    [span] = told.spans
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" in PARENT
    assert span.links == ()


async def test_a_batch_is_one_span_with_a_link_for_each_message(kept: Kept) -> None:
    told = Told()

    async def take(_: Sequence[Any]) -> None:
        await asyncio.sleep(0.1)

    source = queue("orders")
    for _ in range(3):
        source.send(OutgoingMessage("x", {"traceparent": Attribute(PARENT)}))
    world = World(source, handle)
    world.dispatcher.observers = (told.observer(), SentryObserver())
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(take, size=3))]
    await world.run_for(5)
    [span] = told.spans
    assert len(span.links) == 3
    assert (span.attributes or {})["messaging.batch.message_count"] == 3
    assert len(kept.of("transaction")) == 1


async def test_a_failed_span_tells_its_error_and_its_text_only_where_that_may_be_told() -> None:
    told, discreet = Told(), Told()
    await run([told.observer()], "fail")
    await run([discreet.observer(texts=False)], "fail")
    for each in (told, discreet):
        [span] = each.spans
        assert span.status.status_code is trace.StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == "ValueError"
    assert "a secret body" in str(told.spans[0].to_json())
    assert "a secret body" not in str(discreet.spans[0].to_json())


async def puts(content: str) -> None:
    """Fail as the SDK does where a signature is wrong: it repeats what was signed."""
    text = f"should have been\nx-amz-security-token:{content}"
    refused = ClientError({"Error": {"Code": "SignatureDoesNotMatch", "Message": text}}, "PutItem")
    raise ExceptionGroup(f"it failed: {refused}", [ValueError(str(refused))]) from refused


async def test_what_an_sdk_says_of_a_request_is_in_no_span_and_in_no_event(kept: Kept) -> None:
    told, world = Told(), World(queue("orders", "TOPSECRET"), puts)
    world.dispatcher.observers = (told.observer(), SentryObserver())
    await world.run_for(5)
    [span] = told.spans
    assert (span.attributes or {})["error.type"] == "ExceptionGroup"
    [event] = kept.of("event")
    values = event["exception"]["values"]
    assert "ClientError" in {value["type"] for value in values}
    for text in (span.to_json(), json.dumps([value["value"] for value in values])):
        assert "TOPSECRET" not in str(text)
    frames = [frame for value in values for frame in (value.get("stacktrace") or {}).get("frames", ())]
    assert [frame for frame in frames if frame["module"].startswith("botocore") and "vars" in frame] == []


async def test_what_the_log_says_of_a_failure_belongs_to_its_span(caplog: pytest.LogCaptureFixture) -> None:
    told, said = Told(), list[tuple[str, int]]()

    def note(record: logging.LogRecord) -> bool:
        said.append((record.levelname, trace.get_current_span().get_span_context().span_id))
        return True

    caplog.handler.addFilter(note)
    await run((told.observer(),), "fail", "reject")
    ids = [span.context.span_id for span in told.spans if span.context is not None]
    assert sorted(said) == sorted(zip(("ERROR", "WARNING"), ids, strict=True))


async def test_an_empty_receive_makes_no_span() -> None:
    told = Told()
    await run([told.observer()])
    assert told.spans == ()
    assert told.points("loafer.receives", "loafer.result")["empty"].value > 0


async def test_a_transaction_continues_a_trace_and_has_what_the_page_of_queues_shows(kept: Kept) -> None:
    await run([SentryObserver()], "done", **{"sentry-trace": Attribute(SENTRYS)})
    [transaction] = kept.of("transaction")
    context = transaction["contexts"]["trace"]
    assert context["trace_id"] == SENTRYS.split("-", maxsplit=1)[0]
    assert (context["op"], transaction["transaction"]) == ("queue.process", "process orders")
    data = context["data"]
    assert data["messaging.destination.name"] == "orders"
    assert data["messaging.message.id"] == "orders-1"
    assert data["messaging.message.retry.count"] == 0
    assert data["messaging.message.body.size"] == 4
    assert "messaging.message.receive.latency" in data


async def test_what_is_not_set_up_is_a_warning_once_and_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    world = await run((SentryObserver(), OpenTelemetryObserver()), "done", "done", "fail")
    assert world.dispatcher.counts["succeeded"] == 2
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [text.partition(",")[0] for text in warnings] == [
        "Sentry is to be told what happens",
        "OpenTelemetry is to be told what happens",
    ]


async def test_what_is_set_up_is_no_warning(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(trace, "get_tracer_provider", trace.ProxyTracerProvider)
    monkeypatch.setattr(metrics, "get_meter_provider", MeterProvider)
    await run((SentryObserver(), OpenTelemetryObserver()), "done")
    assert "is to be told" not in caplog.text
    assert len(kept.of("transaction")) == 1


async def test_errors_of_one_kind_have_one_fingerprint(kept: Kept) -> None:
    await run([SentryObserver()], "fail", "fail", "break")
    prints = Counter(tuple(event["fingerprint"]) for event in kept.of("event"))
    assert prints == {("orders", "ValueError", "handle"): 2, ("orders", "KeyError", "handle"): 1}


async def test_what_a_handler_reports_itself_belongs_to_its_own_message(kept: Kept) -> None:
    async def tells(content: str) -> None:
        sentry_sdk.set_tag("body", content)
        await asyncio.sleep(1)
        sentry_sdk.capture_message("seen")

    world = World(queue("orders", "a", "b"), tells)
    world.dispatcher.observers = (SentryObserver(),)
    await world.run_for(5)
    traces = {each["contexts"]["trace"]["trace_id"]: each["tags"]["body"] for each in kept.of("transaction")}
    events = {each["contexts"]["trace"]["trace_id"]: each["tags"]["body"] for each in kept.of("event")}
    assert traces == events
    assert sorted(traces.values()) == ["a", "b"]
