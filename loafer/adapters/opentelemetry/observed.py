"""Metrics that OpenTelemetry asks for when it collects, in place of being told each time that one changes."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import attrs
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from loafer.adapters.opentelemetry.instruments import meter_of
from loafer.domain.metrics import Family, Labels, merged

UNITS = {"seconds": "s", "timestamp": "s", "messages": "{message}", "handlers": "{handler}", "leases": "{lease}"}
"""The unit of a metric that has one of these words in its name."""

Families = Callable[[], Sequence[Family]]


@attrs.define(eq=False)
class _Collected:
    """Whoever has metrics for one meter: an instrument is made once there, and cannot be taken back."""

    counted: list[Families] = attrs.field(factory=list, init=False)
    _found: dict[str, Family] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def observe(self, name: str, _: CallbackOptions) -> Iterator[Observation]:
        """Yield the values of a metric; on any thread."""
        found = self._taken(name)
        for sample in () if found is None else found.samples:
            yield Observation(sample.value, _attributes(sample.labels))

    def _taken(self, name: str) -> Family | None:
        """Return a metric as it is: all are looked up at once for a collection, which asks for each of them once."""
        with self._lock:
            if name not in self._found:
                found = merged([families() for families in list(self.counted)])
                self._found = {family.name: family for family in found}
            return self._found.pop(name, None)


_COLLECTED: dict[MeterProvider | None, _Collected] = {}


@contextmanager
def observed(families: Families, meters: MeterProvider | None = None) -> Iterator[None]:
    """Have counters and gauges collected meanwhile; those of several workers in one process are added up.

    `meters` gives the meter; None: the one that is set for the process, now or later.
    """
    collected = _COLLECTED.setdefault(meters, _Collected())
    collected.counted.append(families)
    meter = meter_of(meters)
    for family in families():
        name, unit = _named(family.name)
        make = meter.create_observable_counter if family.kind == "counter" else meter.create_observable_gauge
        make(name, [partial(collected.observe, family.name)], unit, family.meaning)
    try:
        yield
    finally:
        collected.counted.remove(families)


def _named(name: str) -> tuple[str, str]:
    """Return what a metric of Prometheus is called here, and its unit."""
    unit = next((unit for word, unit in UNITS.items() if word in name.split("_")), "1")
    return name.removesuffix("_seconds").replace("_", "."), unit


def _attributes(labels: Labels) -> dict[str, str]:
    return {"messaging.destination.name" if name == "source" else f"loafer.{name}": value for name, value in labels}
