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
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, TracerProvider

from loafer import __version__
from loafer.adapters.opentelemetry.counting import CountingObserver
from loafer.adapters.opentelemetry.dropped import Dropped, drops_all
from loafer.adapters.opentelemetry.instruments import (
    CONVENTIONS,
    Attributes,
    attributes_of,
    histogram_in,
    is_set_up,
    sent_to,
)
from loafer.domain.batch import Failure
from loafer.domain.fingerprint import Kinds
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.metrics import LONG_BOUNDS, Family, Sample
from loafer.domain.shown import of_the_sdk
from loafer.ports.carried import context_of, may_have_context

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
class OpenTelemetryObserver(CountingObserver):
    """Makes a span of each handling, linked to where its messages were sent, and of each send, and counts.

    Attributes:
        parent: Whether a span is a child of the one that sent its message, in place of a link to it; not of batches.
        texts: Whether spans hold the texts of errors, which may quote bodies; never those that the SDK's are part of.
        tracers: Gives the tracer; None: the one that is set for the process.
        wall_clock: Seconds since the epoch.

    """

    parent: bool = False
    texts: bool = True
    tracers: TracerProvider | None = None
    wall_clock: Callable[[], float] = time.time
    _tracer: trace.Tracer = attrs.field(init=False)
    _drops_all: bool = attrs.field(default=False, init=False)
    """Whether no span without a parent will be recorded."""
    _outcomes: Counter[tuple[str, Outcome]] = attrs.field(factory=Counter, init=False)
    _attributes: dict[str, Attributes] = attrs.field(factory=dict, init=False)
    _kinds: Kinds = attrs.field(factory=Kinds, init=False)
    _handling: metrics.Histogram = attrs.field(init=False)
    _latency: metrics.Histogram = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the instruments."""
        self._tracer = self._made_tracer()
        super().__attrs_post_init__()
        self._handling = histogram_in(self._meter, "messaging.process.duration", "Handling.")
        self._latency = histogram_in(self._meter, "loafer.queue.latency", "From sending to the start.", LONG_BOUNDS)

    def _made_tracer(self) -> trace.Tracer:
        return trace.get_tracer("loafer", __version__, self.tracers, CONVENTIONS)

    def started(self, messages: Sequence[Message]) -> None:
        """Start a span, and make it the current one of the handler."""
        first = messages[0]
        about = self._attributes.get(first.source) or self._of_source(first.source)
        if self._drops_all and not (self.parent and may_have_context(first)):
            span: Span = Dropped(self._start, about, messages)
        else:
            span = self._start(about, messages)
        OPEN.set(_Open(span, contexts.attach(trace.set_span_in_context(span)), len(messages)))

    def _start(self, about: Attributes, messages: Sequence[Message]) -> Span:
        first, parent = messages[0], NO_CONTEXT
        links: Sequence[Link] = ()
        if any(map(may_have_context, messages)):
            parent, links = self._where_sent(messages)
        if len(messages) > 1:
            attributes = {**about.of_span, "messaging.batch.message_count": len(messages)}
        else:
            attributes = {**about.of_span, "messaging.message.id": first.id, "loafer.attempt": first.attempt}
        return self._tracer.start_span(about.span, parent, SpanKind.CONSUMER, attributes, links, record_exception=False)

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
        failed = None if error is None or outcome.acknowledged else error
        about = self._attributes.get(message.source) or self._of_source(message.source)
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
        if not now.left:  # no more are told in its context
            OPEN.set(None)  # the token knows this context: in here it would keep all of it until garbage is collected
            contexts.detach(now.token)
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
            self._tracer = self._made_tracer()  # whose provider may not have been set before
            self._drops_all = drops_all(self._tracer)
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
