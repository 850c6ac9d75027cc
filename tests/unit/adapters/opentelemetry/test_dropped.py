"""Where no trace is sampled, the SDK is asked for a span only once somebody wants to know its ids."""

import gc
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    TraceIdRatioBased,
)

from loafer.adapters.opentelemetry.dropped import COUNTED, Dropped, drops_all
from loafer.adapters.opentelemetry.observer import OpenTelemetryObserver
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Attribute, Message

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NEVER = [ALWAYS_OFF, DEFAULT_OFF, TraceIdRatioBased(0), ParentBasedTraceIdRatio(0.0), ParentBased(ALWAYS_OFF)]
NAMES = [sampler.get_description().partition(",")[0] for sampler in NEVER]


class Ids(RandomIdGenerator):
    """Counts the spans that were made."""

    made = 0

    def generate_span_id(self) -> int:
        self.made += 1
        return super().generate_span_id()


def provider(sampler: Sampler) -> tuple[TracerProvider, Ids, InMemorySpanExporter]:
    ids, exporter = Ids(), InMemorySpanExporter()
    made = TracerProvider(sampler, id_generator=ids)
    made.add_span_processor(SimpleSpanProcessor(exporter))
    return made, ids, exporter


def handled(observer: OpenTelemetryObserver, handler: Callable[[], Any] = int, *messages: Message) -> Any:
    """Tell an observer of a handling as jobs do, in a context of its own, and return what the handler does."""

    def handling() -> Any:
        before = trace.get_current_span()
        told: Sequence[Message] = messages or (Message("1", "x", "r", source="orders"),)
        observer.started(told)
        returned = handler()
        for message in told:
            observer.ended("orders", message, Outcome.SUCCEEDED, None, 0.1)
            observer.reported(message)
        assert trace.get_current_span() is before
        return returned

    return Context().run(handling)


@pytest.mark.parametrize("sampler", NEVER, ids=NAMES)
def test_no_span_is_made_that_nothing_records_and_nobody_looks_at(sampler: Sampler) -> None:
    tracers, ids, exporter = provider(sampler)
    handled(OpenTelemetryObserver(tracers=tracers))
    assert ids.made == 0
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("sampler", NEVER, ids=NAMES)
def test_whoever_looks_sees_one_span_that_is_not_sampled_and_children_of_its_trace(sampler: Sampler) -> None:
    tracers, ids, exporter = provider(sampler)

    def look() -> list[trace.SpanContext]:
        span = trace.get_current_span()
        assert not span.is_recording()
        seen = [span.get_span_context(), trace.get_current_span().get_span_context()]
        assert f"{seen[0].trace_id:032x}" in repr(span)
        with tracers.get_tracer("handler").start_as_current_span("inside") as child:
            return [*seen, child.get_span_context()]

    first, again, child = handled(OpenTelemetryObserver(tracers=tracers), look)
    assert first.is_valid
    assert not first.trace_flags.sampled
    assert first == again
    assert child.trace_id == first.trace_id
    assert ids.made == 2
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("sampler", [ALWAYS_ON, TraceIdRatioBased(0.5), ParentBased(TraceIdRatioBased(0.01))])
def test_a_sampler_that_may_take_a_span_is_asked_for_each(sampler: Sampler) -> None:
    tracers, ids, _ = provider(sampler)
    handled(OpenTelemetryObserver(tracers=tracers))
    assert ids.made == 1


def test_a_sampler_of_somebody_elses_is_asked_for_each_whatever_it_calls_itself() -> None:
    class Mine(type(ALWAYS_OFF)):  # type: ignore[misc]  # a class that is looked up
        """Takes what it likes."""

    tracers, ids, exporter = provider(Mine(ALWAYS_ON.should_sample(None, 1, "x").decision))
    handled(OpenTelemetryObserver(tracers=tracers))
    assert (ids.made, len(exporter.get_finished_spans())) == (1, 1)
    assert not drops_all(tracers.get_tracer("x"))
    assert not drops_all(trace.NoOpTracer())


def test_where_the_sdk_counts_what_it_drops_each_span_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(COUNTED, "True")
    tracers, ids, _ = provider(ALWAYS_OFF)
    handled(OpenTelemetryObserver(tracers=tracers))
    assert ids.made == 1


def test_a_child_of_a_sampled_span_is_recorded_where_nothing_else_is() -> None:
    tracers, _, exporter = provider(DEFAULT_OFF)
    sent = Message("1", "x", "r", source="orders", attributes={"traceparent": Attribute(PARENT)})
    handled(OpenTelemetryObserver(tracers=tracers, parent=True), int, sent)
    handled(OpenTelemetryObserver(tracers=tracers, parent=True))
    [span] = exporter.get_finished_spans()
    assert f"{span.context.trace_id:032x}" in PARENT


def test_a_batch_that_is_not_recorded_is_one_span_until_the_last_of_it_has_been_told() -> None:
    tracers, ids, _ = provider(ALWAYS_OFF)
    batch = [Message(str(number), "x", "r", source="orders") for number in range(3)]
    handled(OpenTelemetryObserver(tracers=tracers), trace.get_current_span().get_span_context, *batch)
    assert ids.made == 0


def test_threads_that_look_at_once_see_the_same_span() -> None:
    barrier, tracer = threading.Barrier(4), provider(ALWAYS_OFF)[0].get_tracer("x")
    span = Dropped(lambda: tracer.start_span("x"))

    def look() -> trace.SpanContext:
        barrier.wait(60)
        return span.get_span_context()

    with ThreadPoolExecutor(4) as pool:
        seen = [pool.submit(copy_context().run, look) for _ in range(4)]
        assert len({each.result().span_id for each in seen}) == 1


def test_a_tracer_that_is_set_after_its_observer_was_made_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    tracers, ids, exporter = provider(ALWAYS_OFF)
    observer = OpenTelemetryObserver()
    monkeypatch.setattr(trace, "get_tracer", lambda *_: tracers.get_tracer("loafer"))
    handled(observer)
    assert (ids.made, exporter.get_finished_spans()) == (0, ())


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, ALWAYS_ON])
def test_what_was_handled_is_let_go_without_the_garbage_collector(sampler: Sampler) -> None:
    observer = OpenTelemetryObserver(tracers=provider(sampler)[0])
    message = Message("1", "x", "r", source="orders")
    gone = weakref.ref(message)
    gc.disable()
    try:
        copy_context().run(handled, observer, int, message)
        del message
        assert gone() is None
    finally:
        gc.enable()
