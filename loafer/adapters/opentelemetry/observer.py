"""Spans and metrics of messages, by the names of OpenTelemetry's conventions for messaging."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any

import attrs
from opentelemetry import context as contexts
from opentelemetry import metrics, propagate, trace
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, TracerProvider

from loafer import __version__
from loafer.adapters.opentelemetry.instruments import (
    CONVENTIONS,
    SYSTEM,
    Attributes,
    attributes_of,
    counters_in,
    histogram_in,
    is_set_up,
    meter_of,
    sent_to,
)
from loafer.domain.batch import Failure
from loafer.domain.fingerprint import Kinds
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.metrics import LONG_BOUNDS, Family, Sample
from loafer.domain.shown import of_the_sdk
from loafer.ports.carried import context_of, may_have_context
from loafer.ports.observer import Cause, Observer, Operation

logger = logging.getLogger(__name__)

NO_CONTEXT = Context()
"""That of whoever was sent by nobody."""


@attrs.define(eq=False)
class _Open:
    span: Span
    token: "Token[Context]"
    left: int


OPEN: ContextVar[_Open | None] = ContextVar("loafer_opentelemetry", default=None)
"""The span of what is handled in this context."""


SENDING: ContextVar[_Open | None] = ContextVar("loafer_opentelemetry_sending", default=None)
"""The span of what is sent in this context."""


@attrs.define(eq=False)
class OpenTelemetryObserver(Observer):
    """Makes a span of each handling, linked to where its messages were sent, and of each send, and counts.

    Attributes:
        parent: Whether a span is a child of the one that sent its message, in place of a link to it; not of batches.
        texts: Whether spans hold the texts of errors, which may quote bodies; never those that the SDK's are part of.
        tracers: Gives the tracer; None: the one that is set for the process.
        meters: Gives the meter; None: as well.
        wall_clock: Seconds since the epoch.

    """

    parent: bool = False
    texts: bool = True
    tracers: TracerProvider | None = None
    meters: MeterProvider | None = None
    wall_clock: Callable[[], float] = time.time
    _tracer: trace.Tracer = attrs.field(init=False)
    _counters: dict[str, metrics.Counter] = attrs.field(init=False)
    _outcomes: Counter[tuple[str, Outcome]] = attrs.field(factory=Counter, init=False)
    _attributes: dict[str, Attributes] = attrs.field(factory=dict, init=False)
    _kinds: Kinds = attrs.field(factory=Kinds, init=False)
    _handling: metrics.Histogram = attrs.field(init=False)
    _latency: metrics.Histogram = attrs.field(init=False)
    _calls: metrics.Histogram = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the instruments."""
        self._tracer = trace.get_tracer("loafer", __version__, self.tracers, CONVENTIONS)
        meter = meter_of(self.meters)
        self._counters = counters_in(meter)
        self._handling = histogram_in(meter, "messaging.process.duration", "Handling.")
        self._latency = histogram_in(meter, "loafer.queue.latency", "From sending to the start.", LONG_BOUNDS)
        self._calls = histogram_in(meter, "messaging.client.operation.duration", "Calls to the source.")

    def started(self, messages: Sequence[Message]) -> None:
        """Start a span, and make it the current one of the handler."""
        first, parent = messages[0], NO_CONTEXT
        links: Sequence[Link] = ()
        if any(may_have_context(message) for message in messages):
            parent, links = self._where_sent(messages)
        about = self._of_source(first.source)
        attributes = about.of_span.copy()
        if len(messages) > 1:
            attributes["messaging.batch.message_count"] = len(messages)
        else:
            attributes["messaging.message.id"], attributes["loafer.attempt"] = first.id, first.attempt
        span = self._tracer.start_span(about.span, parent, SpanKind.CONSUMER, attributes, links, record_exception=False)
        OPEN.set(_Open(span, contexts.attach(trace.set_span_in_context(span)), len(messages)))

    def _where_sent(self, messages: Sequence[Message]) -> tuple[Context, Sequence[Link]]:
        """Return the context that a span is to begin in, and the links that it is to have."""
        sent = [(message, propagate.extract(context_of(message), NO_CONTEXT)) for message in messages]
        if self.parent and len(messages) == 1:
            return sent[0][1], ()
        return NO_CONTEXT, [
            Link(found, {"messaging.message.id": message.id})
            for message, context in sent
            if (found := trace.get_current_span(context).get_span_context()).is_valid
        ]

    def ended(
        self, route: str, message: Message, outcome: Outcome, error: BaseException | None, seconds: float
    ) -> None:
        """Count an outcome, and tell the span of it."""
        failed = None if outcome.acknowledged else error
        about = self._of_source(message.source)
        self._handling.record(seconds, about.of_handling if failed is None else self._of_error(route, failed, about))
        if message.sent_at is not None:
            self._latency.record(max(0.0, self.wall_clock() - seconds - message.sent_at), about.of_source)
        self._outcomes[route, outcome] += 1
        now = OPEN.get()
        if now is not None and now.span.is_recording():
            now.span.set_attributes({"loafer.route": route, "loafer.outcome": outcome.value})
            if failed is not None:
                self._tell_error(now.span, type(failed).__qualname__, failed)

    def reported(self, _: Message) -> None:
        """End the span with the last message that it is of: the log's records of how that ended are within it."""
        now = OPEN.get()
        if now is None:
            return
        now.left -= 1
        if not now.left:
            contexts.detach(now.token)
            OPEN.set(None)
            now.span.end()

    def families(self) -> list[Family]:
        """Return the outcomes so far; on any thread."""
        samples = [
            Sample((("route", route), ("outcome", outcome.value)), count)
            for (route, outcome), count in self._outcomes.copy().items()
        ]
        meaning = "Messages whose handling has ended, by outcome."
        return [Family("loafer_messages", "counter", meaning, tuple(samples))]

    def _of_source(self, source: str) -> Attributes:
        found = self._attributes.get(source)
        if found is None:
            if not (self._attributes or self.tracers or self.meters or is_set_up()):
                logger.warning(
                    "OpenTelemetry is to be told what happens, and neither a tracer provider nor a meter provider is "
                    "set: set one where your code is imported"
                )
            found = self._attributes[source] = attributes_of(source)
        return found

    def _of_error(self, route: str, error: BaseException, about: Attributes) -> dict[str, str]:
        """Count an error that kept a message, and return the attributes of its handling."""
        kind, place = self._kinds.told(route, error)
        self._counters["loafer.handler.errors"].add(
            1, {"loafer.route": route, "error.type": kind, "loafer.place": place}
        )
        return {**about.of_handling, "error.type": self._kinds.named(error)}

    def _tell_error(self, span: Span, failed: str, error: BaseException | None) -> None:
        span.set_attribute("error.type", failed)
        span.set_status(StatusCode.ERROR, failed)
        if self.texts and error is not None and not of_the_sdk(error):
            span.record_exception(error)

    def received(self, source: str, asked: int, messages: Sequence[Message]) -> None:
        """Count a receive and what it brought."""
        result = "full" if len(messages) >= asked else "partial" if messages else "empty"
        self._counters["loafer.receives"].add(1, {"messaging.destination.name": source, "loafer.result": result})
        if messages:
            attributes = {**SYSTEM, "messaging.destination.name": source, "messaging.operation.name": "receive"}
            self._counters["messaging.client.consumed.messages"].add(len(messages), attributes)

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        """Count what was settled."""
        self._count("loafer.settled.messages", messages, {"messaging.operation.name": operation.value})

    def extended(self, messages: Sequence[Message]) -> None:
        """Count leases that were extended."""
        self._count("loafer.leases.extended", messages, {})

    def comes_back(self, message: Message, cause: Cause) -> None:
        """Count a message that comes back."""
        self._count("loafer.redeliveries", [message], {"loafer.cause": cause.value})

    def called(self, operation: Operation, source: str, seconds: float, error: Exception | None) -> None:
        """Note how long a call took, and count a receive that failed."""
        attributes = {**SYSTEM, "messaging.destination.name": source, "messaging.operation.name": operation.value}
        if error is not None:
            attributes["error.type"] = type(error).__qualname__
            if operation is Operation.RECEIVE:
                result = {"messaging.destination.name": source, "loafer.result": "error"}
                self._counters["loafer.receives"].add(1, result)
        self._calls.record(seconds, attributes)

    def sending(self, to: str, messages: Sequence[OutgoingMessage], *, topic: bool) -> Mapping[str, str]:
        """Start a span, and return its context."""
        attributes: dict[str, Any] = {**sent_to(to, topic=topic), "messaging.operation.type": "send"}
        if len(messages) > 1:
            attributes["messaging.batch.message_count"] = len(messages)
        span = self._tracer.start_span(f"send {to}", kind=SpanKind.PRODUCER, attributes=attributes)
        context = trace.set_span_in_context(span)
        SENDING.set(_Open(span, contexts.attach(context), len(messages)))
        carried: dict[str, str] = {}
        propagate.inject(carried, context)
        return carried

    def sent(
        self, to: str, results: Sequence[str | Failure], error: BaseException | None, seconds: float, *, topic: bool
    ) -> None:
        """Count what was sent, and end the span."""
        attributes = sent_to(to, topic=topic)
        failed = sum(isinstance(result, Failure) for result in results)
        wrong = {"error.type": "PublisherError" if error is None else type(error).__qualname__}
        if failed < len(results):
            self._counters["messaging.client.sent.messages"].add(len(results) - failed, attributes)
        if failed:
            self._counters["messaging.client.sent.messages"].add(failed, {**attributes, **wrong})
        self._calls.record(seconds, attributes if error is None else {**attributes, **wrong})
        now = SENDING.get()
        if now is None:
            return
        SENDING.set(None)
        contexts.detach(now.token)
        if len(results) == 1 and not failed:
            now.span.set_attribute("messaging.message.id", str(results[0]))
        if failed:
            self._tell_error(now.span, wrong["error.type"], error)
        now.span.end()

    def _count(self, name: str, messages: Sequence[Message], attributes: Mapping[str, str]) -> None:
        if messages:
            where = {"messaging.destination.name": messages[0].source}
            self._counters[name].add(len(messages), {**where, **attributes})
