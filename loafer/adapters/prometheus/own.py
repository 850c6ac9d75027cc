"""What an application keeps in a registry of its own, as metrics that those of other processes can be added to."""

import re
from collections.abc import Iterable, Iterator

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.samples import Sample as Line

from loafer.domain.metrics import Family, Labels, Sample

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def families_in(worker: str, registry: CollectorRegistry = REGISTRY) -> list[Family]:
    """Return the metrics in a registry of a worker: what counts can be added up, and anything else names the worker."""
    return [family for metric in registry.collect() if _NAME.fullmatch(metric.name) for family in _of(metric, worker)]


def _of(metric: Metric, worker: str) -> Iterator[Family]:
    meaning = metric.documentation or metric.name
    if metric.type == "counter":
        lines = [line for line in metric.samples if line.name.endswith("_total")]
        yield Family(metric.name, "counter", meaning, tuple(Sample(_labels(line), line.value) for line in lines))
    elif metric.type == "histogram":
        yield _histogram(metric, meaning)
    elif metric.type == "summary":
        counts = {_labels(line): int(line.value) for line in metric.samples if line.name.endswith("_count")}
        sums = {_labels(line): line.value for line in metric.samples if line.name.endswith("_sum")}
        samples = tuple(Sample(labels, sums.get(labels, 0.0), (count,)) for labels, count in counts.items())
        yield Family(metric.name, "summary", meaning, samples)
    else:
        for name in dict.fromkeys(line.name for line in metric.samples):
            lines = [line for line in metric.samples if line.name == name]
            told = tuple(Sample((*_labels(line), ("worker", worker)), line.value) for line in lines)
            yield Family(name, "gauge", meaning, told)


def _histogram(metric: Metric, meaning: str) -> Family:
    """Return a histogram with what fell into each bucket, where the library tells what fell into it and below."""
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    sums = {_labels(line): line.value for line in metric.samples if line.name.endswith("_sum")}
    for line in metric.samples:
        if "le" in line.labels:
            buckets.setdefault(_labels(line), []).append((float(line.labels["le"]), line.value))
    bounds = tuple(bound for bound, _ in next(iter(buckets.values()), [])[:-1])
    samples = tuple(
        Sample(labels, sums.get(labels, 0.0), tuple(_apart(count for _, count in sorted(found))))
        for labels, found in buckets.items()
    )
    return Family(metric.name, "histogram", meaning, samples, bounds=bounds)


def _apart(counts: Iterable[float]) -> Iterator[int]:
    below = 0.0
    for count in counts:
        yield int(count - below)
        below = count


def _labels(line: Line) -> Labels:
    return tuple((name, value) for name, value in line.labels.items() if name not in ("le", "worker"))
