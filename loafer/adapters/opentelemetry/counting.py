"""What OpenTelemetry counts of sources: receives, settlements, and calls."""

from collections.abc import Sequence

import attrs
from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider

from loafer.adapters.opentelemetry.instruments import SYSTEM, counters_in, histogram_in, meter_of
from loafer.domain.message import Message
from loafer.ports.observer import Cause, Observer, Operation


@attrs.define(eq=False)
class CountingObserver(Observer):
    """Counts what happens at sources.

    Attributes:
        meters: Gives the meter; None: the one that is set for the process.

    """

    meters: MeterProvider | None = attrs.field(default=None, kw_only=True)
    _meter: Meter = attrs.field(init=False)
    _counters: dict[str, Counter] = attrs.field(init=False)
    _calls: Histogram = attrs.field(init=False)
    _made: dict[tuple[str, str, str], dict[str, str]] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Make the instruments."""
        self._meter = meter_of(self.meters)
        self._counters = counters_in(self._meter)
        self._calls = histogram_in(self._meter, "messaging.client.operation.duration", "Calls to the source.")

    def _of(self, source: str, name: str, value: str) -> dict[str, str]:
        """Return the attributes of a source with one more; they are made once."""
        made = self._made.get((source, name, value))
        if made is None:
            made = self._made[source, name, value] = {"messaging.destination.name": source, name: value}
        return made

    def _of_call(self, source: str, operation: str) -> dict[str, str]:
        made = self._made.get((source, "", operation))
        if made is None:
            named = self._of(source, "messaging.operation.name", operation)
            made = self._made[source, "", operation] = {**SYSTEM, **named}
        return made

    def received(self, source: str, asked: int, messages: Sequence[Message]) -> None:
        """Count a receive and what it brought."""
        result = "full" if len(messages) >= asked else "partial" if messages else "empty"
        self._counters["loafer.receives"].add(1, self._of(source, "loafer.result", result))
        if messages:
            consumed = self._of_call(source, "receive")
            self._counters["messaging.client.consumed.messages"].add(len(messages), consumed)

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        """Count what was settled."""
        if messages:
            settled = self._of(messages[0].source, "messaging.operation.name", operation.value)
            self._counters["loafer.settled.messages"].add(len(messages), settled)

    def extended(self, messages: Sequence[Message]) -> None:
        """Count leases that were extended."""
        if messages:
            source = {"messaging.destination.name": messages[0].source}
            self._counters["loafer.leases.extended"].add(len(messages), source)

    def comes_back(self, message: Message, cause: Cause) -> None:
        """Count a message that comes back."""
        self._counters["loafer.redeliveries"].add(1, self._of(message.source, "loafer.cause", cause.value))

    def called(self, operation: Operation, source: str, seconds: float, error: Exception | None) -> None:
        """Note how long a call took, and count a receive that failed."""
        attributes = self._of_call(source, operation.value)
        if error is not None:
            attributes = {**attributes, "error.type": type(error).__qualname__}
            if operation is Operation.RECEIVE:
                self._counters["loafer.receives"].add(1, self._of(source, "loafer.result", "error"))
        self._calls.record(seconds, attributes)
