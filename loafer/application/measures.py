"""What metrics are made of: counters and histograms of one worker, fed by the events."""

import bisect
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from loafer.domain.batch import Failure
from loafer.domain.fingerprint import Kinds
from loafer.domain.message import Message
from loafer.domain.metrics import BOUNDS, LONG_BOUNDS, Family, Labels, Sample
from loafer.ports.observer import Cause, Ending, Observer, Operation

Value = TypeVar("Value")

SYSTEMS = ("aws_sqs", "aws.sns")
"""What the conventions call queues, and topics."""


@attrs.define(eq=False)
class Histogram:
    """Counts durations by how long they were."""

    bounds: tuple[float, ...] = BOUNDS
    counts: list[int] = attrs.field(
        default=attrs.Factory(lambda self: [0] * (len(self.bounds) + 1), takes_self=True), init=False
    )
    sum: float = attrs.field(default=0.0, init=False)

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect.bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def add_all(self, many: Collection[float]) -> None:
        """Count many: for each less than alone."""
        bounds, counts = self.bounds, self.counts
        for each in many:
            counts[bisect.bisect_left(bounds, each)] += 1
        self.sum += sum(many)


@attrs.define(eq=False)
class Measures(Observer):
    """Counts what is told; what the heartbeat's thread tells and what the event loop does are under different keys."""

    wall_clock: Callable[[], float] = time.time
    outcomes: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False)
    errors: Counter[tuple[str, str, str]] = attrs.field(factory=Counter, init=False)
    receives: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False)
    consumed: Counter[str] = attrs.field(factory=Counter, init=False)
    sends: Counter[tuple[str, str, str]] = attrs.field(factory=Counter, init=False)
    settlements: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False)
    extended_leases: Counter[str] = attrs.field(factory=Counter, init=False)
    causes: Counter[tuple[str, str]] = attrs.field(factory=Counter, init=False)
    sendings: dict[tuple[str, str, str, str], Histogram] = attrs.field(
        factory=lambda: defaultdict(Histogram), init=False
    )
    calls: dict[tuple[str, str, str], Histogram] = attrs.field(factory=lambda: defaultdict(Histogram), init=False)
    handling: dict[tuple[str, str], Histogram] = attrs.field(factory=lambda: defaultdict(Histogram), init=False)
    latency: dict[str, Histogram] = attrs.field(factory=lambda: defaultdict(lambda: Histogram(LONG_BOUNDS)), init=False)
    _kinds: Kinds = attrs.field(factory=Kinds, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    """Held while what is sent is counted, which several threads may do."""

    def received(self, source: str, asked: int, messages: Sequence[Message]) -> None:
        """Count a receive by how much it brought."""
        self.receives[source, "full" if len(messages) >= asked else "partial" if messages else "empty"] += 1
        self.consumed[source] += len(messages)

    def handled(self, endings: Sequence[Ending]) -> None:
        """Count outcomes, how long each took, how long the messages had waited before, and what was raised."""
        source, now = endings[0][1].source, self.wall_clock()
        self.outcomes.update([(route, outcome) for route, _, outcome, _, _ in endings])
        waits = [max(0.0, now - took - each.sent_at) for _, each, _, _, took in endings if each.sent_at is not None]
        if waits:
            self.latency[source].add_all(waits)
        well = [took for _, _, outcome, error, took in endings if error is None or outcome.acknowledged]
        if well:
            self.handling[source, ""].add_all(well)
        if len(well) < len(endings):
            for route, _, outcome, error, took in endings:
                if error is not None and not outcome.acknowledged:
                    self.handling[source, self._kinds.named(error)].add(took)
                    self.errors[route, *self._kinds.told(route, error)] += 1

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        """Count what the source has confirmed."""
        if messages:
            self.settlements[messages[0].source, operation] += len(messages)

    def comes_back(self, message: Message, cause: Cause) -> None:
        """Count a message that comes back."""
        self.causes[message.source, cause] += 1

    def extended(self, messages: Sequence[Message]) -> None:
        """Count leases that were extended."""
        if messages:
            self.extended_leases[messages[0].source] += len(messages)

    def called(self, operation: Operation, source: str, seconds: float, error: Exception | None) -> None:
        """Count a call by how it ended and how long it took."""
        self.calls[source, operation, "" if error is None else type(error).__qualname__].add(seconds)
        if error is not None and operation is Operation.RECEIVE:
            self.receives[source, "error"] += 1

    def sent(
        self, to: str, results: Sequence[str | Failure], error: BaseException | None, seconds: float, *, topic: bool
    ) -> None:
        """Count what was sent, and what was not; on the thread of whoever published."""
        system, failed = SYSTEMS[topic], sum(isinstance(result, Failure) for result in results)
        wrong = "PublisherError" if error is None else type(error).__qualname__
        with self._lock:
            if failed < len(results):
                self.sends[system, to, ""] += len(results) - failed
            if failed:
                self.sends[system, to, wrong] += failed
            self.sendings[system, to, "send", "" if error is None else wrong].add(seconds)

    def families(self) -> list[Family]:
        """Return what was counted; on any thread."""
        consumed = {(source,): number for source, number in self.consumed.copy().items()}
        leases = {(source,): number for source, number in self.extended_leases.copy().items()}
        latency = {(source,): histogram for source, histogram in self.latency.copy().items()}
        system, where, what, wrong = (
            "messaging_system", "messaging_destination_name", "messaging_operation_name", "error_type"
        )  # fmt: skip
        calls, handling = _of_queues(self.calls), _of_queues(self.handling)
        calls.update(self.sendings.copy())
        timed = "messaging_client_operation_duration_seconds", "Calls to sources, and to where messages are sent."
        return [
            _counter("messaging_client_consumed_messages", "Messages received.", _of_queues(consumed), (system, where)),
            _counter("messaging_client_sent_messages", "Messages sent.", self.sends.copy(), (system, where, wrong)),
            _histogram(*timed, calls, (system, where, what, wrong)),
            _histogram("messaging_process_duration_seconds", "Handling.", handling, (system, where, wrong)),
            _counter("loafer_messages", "Messages whose handling has ended.", self.outcomes, ("route", "outcome")),
            _counter("loafer_handler_errors", "Errors that kept messages.", self.errors, ("route", "error", "place")),
            _counter("loafer_receives", "Receives, by what they brought.", self.receives, ("source", "result")),
            _counter("loafer_settled_messages", "Messages settled.", self.settlements, ("source", "operation")),
            _counter("loafer_redeliveries", "Messages that come back, by cause.", self.causes, ("source", "cause")),
            _counter("loafer_leases_extended", "Leases extended.", leases, ("source",)),
            _histogram("loafer_queue_latency_seconds", "From sending to the start of handling.", latency, ("source",)),
        ]


def _of_queues(counted: dict[Any, Value]) -> dict[Any, Value]:
    """Return what was counted of sources, which are queues."""
    return {(SYSTEMS[0], *key): value for key, value in counted.copy().items()}


def _counter(name: str, meaning: str, counts: Mapping[Any, int], labels: tuple[str, ...]) -> Family:
    samples = [Sample(_labels(labels, key), number) for key, number in list(counts.items())]
    return Family(name, "counter", meaning, tuple(samples))


def _histogram(name: str, meaning: str, histograms: Mapping[Any, Histogram], labels: tuple[str, ...]) -> Family:
    found = list(histograms.items())
    samples = [Sample(_labels(labels, key), each.sum, tuple(each.counts)) for key, each in found]
    bounds = found[0][1].bounds if found else BOUNDS
    return Family(name, "histogram", meaning, tuple(samples), bounds=bounds)


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> Labels:
    return tuple((name, str(value)) for name, value in zip(names, values, strict=True) if value)
