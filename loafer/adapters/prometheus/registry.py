"""Loafer's metrics among an application's own: in the registry of the client library."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import attrs
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from loafer.domain.metrics import Family, merged


@attrs.frozen(eq=False)
class Collector:
    """Gives metrics to a registry when it is asked for them; those of several are added up."""

    counted: list[Callable[[], Sequence[Family]]] = attrs.field(factory=list)

    def describe(self) -> list[Metric]:
        """Name nothing ahead: what there is shows when it was counted."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each metric that has a value."""
        found = merged([families() for families in list(self.counted)])
        return (_metric(family) for family in found if family.samples)


_COLLECTORS: dict[CollectorRegistry, Collector] = {}


@contextmanager
def registered(families: Callable[[], Sequence[Family]], registry: CollectorRegistry = REGISTRY) -> Iterator[None]:
    """Have metrics in a registry meanwhile; a process may have several workers, and publish besides."""
    collector = _COLLECTORS.get(registry)
    if collector is None:
        collector = _COLLECTORS[registry] = Collector()
        registry.register(collector)
    collector.counted.append(families)
    try:
        yield
    finally:
        collector.counted.remove(families)
        if not collector.counted:
            registry.unregister(_COLLECTORS.pop(registry))


def text_of_registry(registry: CollectorRegistry = REGISTRY) -> str:
    """Return what a registry has, in the text format."""
    return generate_latest(registry).decode()


def _metric(family: Family) -> Metric:
    made: Metric
    if family.kind == "histogram":
        made = HistogramMetricFamily(family.name, family.meaning)
    else:
        made = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}[family.kind](family.name, family.meaning)
    for sample in family.samples:
        labels = dict(sample.labels)
        if family.kind != "histogram":
            made.add_sample(family.name + "_total" * (family.kind == "counter"), labels, sample.value)
            continue
        total = 0
        for bound, count in zip((*map(str, family.bounds), "+Inf"), sample.buckets, strict=True):
            total += count
            made.add_sample(f"{family.name}_bucket", {**labels, "le": bound}, total)
        made.add_sample(f"{family.name}_count", labels, total)
        made.add_sample(f"{family.name}_sum", labels, sample.value)
    return made
