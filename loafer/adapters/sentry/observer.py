"""Transactions and errors of messages for Sentry, with what its page of queues shows."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar

import attrs
import sentry_sdk
from sentry_sdk.tracing import Span

from loafer.adapters.sentry.scrubbing import scrubbed
from loafer.domain.batch import Failure
from loafer.domain.carrying import sentry_trace_of
from loafer.domain.fingerprint import fingerprint_of
from loafer.domain.lifecycle import Outcome
from loafer.domain.limits import size_of
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import InvalidContent
from loafer.ports.carried import context_of
from loafer.ports.observer import Observer

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class _Open:
    stack: ExitStack
    transaction: Span
    left: int


OPEN: ContextVar[_Open | None] = ContextVar("loafer_sentry", default=None)
"""The transaction of what is handled in this context."""


SENDING: ContextVar[_Open | None] = ContextVar("loafer_sentry_sending", default=None)
"""The span of what is sent in this context."""


@attrs.define(eq=False)
class SentryObserver(Observer):
    """Makes a transaction of each handling, which continues the trace of who sent its message, and reports errors.

    Attributes:
        wall_clock: Seconds since the epoch.

    """

    wall_clock: Callable[[], float] = time.time
    _warned: bool = attrs.field(default=False, init=False)

    def started(self, messages: Sequence[Message]) -> None:
        """Start a transaction in a scope of its own; where Sentry is not initialised, say so once."""
        if not sentry_sdk.get_client().is_active():
            if not self._warned:
                self._warned = True
                logger.warning(
                    "Sentry is to be told what happens, and nothing has called sentry_sdk.init(…): "
                    "call it where your code is imported"
                )
            return
        first, stack = messages[0], ExitStack()
        stack.enter_context(sentry_sdk.isolation_scope()).add_event_processor(scrubbed)
        continued = sentry_sdk.continue_trace(
            _headers(first),
            op="queue.process",
            name=f"process {first.source}",
            source="task",
            origin="auto.queue.loafer",
        )
        started: AbstractContextManager[Span] = sentry_sdk.start_transaction(continued)
        transaction = stack.enter_context(started)
        transaction.set_data("messaging.system", "aws_sqs")
        transaction.set_data("messaging.destination.name", first.source)
        transaction.set_data("messaging.message.id", first.id)
        transaction.set_data("messaging.message.body.size", sum(len(message.body) for message in messages))
        transaction.set_data("messaging.message.retry.count", first.attempt - 1)
        if len(messages) > 1:
            transaction.set_data("messaging.batch.message_count", len(messages))
        if first.sent_at is not None:
            latency = max(0.0, self.wall_clock() - first.sent_at) * 1000
            transaction.set_data("messaging.message.receive.latency", round(latency, 1))
        OPEN.set(_Open(stack, transaction, len(messages)))

    def ended(self, route: str, _: Message, outcome: Outcome, error: BaseException | None, __: float) -> None:
        """Report an error, and end the transaction with the last message that it is of."""
        now = OPEN.get()
        if now is None:
            return
        now.transaction.set_data("loafer.outcome", outcome.value)
        now.transaction.set_tag("loafer.route", route)
        failed = outcome in (Outcome.FAILED, Outcome.UNTRANSLATED)
        now.transaction.set_status("internal_error" if failed else "ok")
        if failed and isinstance(error, Exception) and not isinstance(error, InvalidContent):
            sentry_sdk.capture_exception(error, fingerprint=[route, *fingerprint_of(error)])
        now.left -= 1
        if not now.left:
            OPEN.set(None)
            now.stack.close()

    def sending(self, to: str, messages: Sequence[OutgoingMessage], *, topic: bool) -> Mapping[str, str] | None:
        """Start a span, and return the headers that continue its trace."""
        if not sentry_sdk.get_client().is_active():
            return None
        stack = ExitStack()
        started = sentry_sdk.start_span(op="queue.publish", name=f"send {to}", origin="auto.queue.loafer")
        span = stack.enter_context(started)
        span.set_data("messaging.system", "aws.sns" if topic else "aws_sqs")
        span.set_data("messaging.destination.name", to)
        span.set_data("messaging.message.body.size", sum(size_of(message) for message in messages))
        SENDING.set(_Open(stack, span, len(messages)))
        headers = {"sentry-trace": sentry_sdk.get_traceparent(), "baggage": sentry_sdk.get_baggage()}
        return {name: value for name, value in headers.items() if value}

    def sent(self, _: str, results: Sequence[str | Failure], *__: object, topic: bool) -> None:  # noqa: ARG002
        """End the span."""
        now = SENDING.get()
        if now is None:
            return
        SENDING.set(None)
        failed = any(isinstance(result, Failure) for result in results)
        now.transaction.set_status("internal_error" if failed else "ok")
        if len(results) == 1 and not failed:
            now.transaction.set_data("messaging.message.id", results[0])
        now.stack.close()


def _headers(message: Message) -> dict[str, str]:
    """Return what continues a trace, which whoever sent the message may have told in the way of W3C."""
    context = dict(context_of(message))
    trace = None if "sentry-trace" in context else sentry_trace_of(context.get("traceparent", ""))
    return context if trace is None else {**context, "sentry-trace": trace}
