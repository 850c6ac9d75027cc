"""What OpenTelemetry counts and times with: loafer's instruments, by the names of its conventions for messaging."""

from collections.abc import Sequence
from typing import Any

import attrs
from opentelemetry import metrics, trace
from opentelemetry.metrics import Counter, Histogram, Meter, MeterProvider

from loafer import __version__
from loafer.domain.metrics import BOUNDS

CONVENTIONS = "https://opentelemetry.io/schemas/1.45.0"
"""The version of the conventions, whose part on messaging is in development."""

SYSTEM = {"messaging.system": "aws_sqs"}

PROXY = "_ProxyMeterProvider"
"""The class of what stands in for a meter provider until one is set; it has no public name."""

_COUNTERS = (
    ("messaging.client.consumed.messages", "{message}", "Messages received, each time."),
    ("messaging.client.sent.messages", "{message}", "Messages sent, or not."),
    ("loafer.redeliveries", "{message}", "Messages that come back, by cause."),
    ("loafer.receives", "{receive}", "Receives, by what they brought."),
    ("loafer.settled.messages", "{message}", "Messages settled."),
    ("loafer.leases.extended", "{lease}", "Leases extended."),
    ("loafer.handler.errors", "{error}", "Errors that kept messages."),
)


@attrs.frozen
class Attributes:
    """What spans and metrics of a source have in common.

    Attributes:
        span: The name of its spans.
        of_source: Attributes of our own metrics.
        of_handling: Attributes of those of the conventions.
        of_span: Attributes of spans.

    """

    span: str
    of_source: dict[str, str]
    of_handling: dict[str, str]
    of_span: dict[str, Any]


def attributes_of(source: str) -> Attributes:
    """Return what spans and metrics of a source have in common."""
    of_source = {"messaging.destination.name": source}
    of_handling = {**SYSTEM, **of_source, "messaging.operation.name": "process"}
    return Attributes(
        f"process {source}", of_source, of_handling, {**of_handling, "messaging.operation.type": "process"}
    )


def is_set_up() -> bool:
    """Tell whether there is anybody to whom spans or metrics go; one that is set later gets them too."""
    tracers, meters = trace.get_tracer_provider(), metrics.get_meter_provider()
    return type(tracers) is not trace.ProxyTracerProvider or type(meters).__name__ != PROXY


def meter_of(meters: MeterProvider | None) -> Meter:
    """Return loafer's meter; None: of the provider that is set for the process, now or later."""
    return metrics.get_meter("loafer", __version__, meters, CONVENTIONS)


def counters_in(meter: Meter) -> dict[str, Counter]:
    """Return the counters that are told each time, by name."""
    return {name: meter.create_counter(name, unit, meaning) for name, unit, meaning in _COUNTERS}


def histogram_in(meter: Meter, name: str, meaning: str, bounds: Sequence[float] = BOUNDS) -> Histogram:
    """Return a histogram of seconds."""
    return meter.create_histogram(name, "s", meaning, explicit_bucket_boundaries_advisory=bounds)


def sent_to(to: str, *, topic: bool) -> dict[str, str]:
    """Return the attributes of a send to a queue or a topic."""
    system = {"messaging.system": "aws.sns"} if topic else SYSTEM
    return {**system, "messaging.destination.name": to, "messaging.operation.name": "send"}
