"""What metrics are: families of values under one name, which can be added up, and written as Prometheus reads them."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import attrs

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Upper bounds of what is timed, in seconds: those that OpenTelemetry advises."""

LONG_BOUNDS = (*BOUNDS, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Upper bounds of how long messages waited."""

Across = Literal["sum", "max", "min", "together"]

Labels = tuple[tuple[str, str], ...]


@attrs.frozen
class Sample:
    """A value of a family: a number, or of a histogram the sum and how many fell into each bucket, the last unbounded.

    Attributes:
        labels: Names and values.
        value: The number, or the sum.
        buckets: Counts a bucket; none where it is no histogram.

    """

    labels: Labels
    value: float
    buckets: tuple[int, ...] = ()


@attrs.frozen
class Family:
    """Values of one name.

    Attributes:
        name: The name as Prometheus has it, without what the kind adds to it.
        kind: counter, gauge, histogram, or summary: a histogram of one bucket.
        meaning: One sentence.
        samples: The values.
        across: How values of several workers become one.
        bounds: Upper bounds of the buckets of a histogram.

    """

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    meaning: str
    samples: tuple[Sample, ...]
    across: Across = "sum"
    bounds: tuple[float, ...] = ()


def _together(seconds: Iterable[float]) -> float:
    """Return how long those take together of whom each would take so long alone."""
    alone = list(seconds)
    return 1 / sum(1 / each for each in alone) if all(alone) else 0.0


_FOLDS: dict[Across, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min, "together": _together}


def merged(workers: Iterable[Sequence[Family]]) -> list[Family]:
    """Return the metrics of several workers as one."""
    found: dict[str, list[Family]] = {}
    for families in workers:
        for family in families:
            found.setdefault(family.name, []).append(family)
    return [_merged(same) for same in found.values()]


def _merged(same: Sequence[Family]) -> Family:
    by_labels: dict[Labels, list[Sample]] = {}
    for family in same:
        for sample in family.samples:
            by_labels.setdefault(sample.labels, []).append(sample)
    first = same[0]
    fold = _FOLDS[first.across]
    bounds = max((family.bounds for family in same), key=len)
    samples = [
        Sample(labels, fold([each.value for each in samples]), _added([each.buckets for each in samples]))
        for labels, samples in by_labels.items()
    ]
    return Family(first.name, first.kind, first.meaning, tuple(samples), first.across, bounds)


def _added(buckets: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*buckets, strict=True)))


def text_of(families: Iterable[Family]) -> str:
    """Return metrics as Prometheus reads them: its text format, version 0.0.4."""
    return "".join(line + "\n" for family in families for line in _lines(family) if family.samples)


def _lines(family: Family) -> Iterator[str]:
    name = f"{family.name}_total" if family.kind == "counter" else family.name
    yield f"# HELP {name} {family.meaning}"
    yield f"# TYPE {name} {family.kind}"
    for sample in family.samples:
        if family.kind == "histogram":
            yield from _histogram(name, family.bounds, sample)
        elif family.kind == "summary":
            yield from _sum_and_count(name, sample)
        else:
            yield f"{name}{_labels(sample.labels)} {_number(sample.value)}"


def _histogram(name: str, bounds: Sequence[float], sample: Sample) -> Iterator[str]:
    total = 0
    for bound, count in zip((*map(_number, bounds), "+Inf"), sample.buckets, strict=True):
        total += count
        yield f"{name}_bucket{_labels((*sample.labels, ('le', bound)))} {total}"
    yield from _sum_and_count(name, sample)


def _sum_and_count(name: str, sample: Sample) -> Iterator[str]:
    yield f"{name}_sum{_labels(sample.labels)} {_number(sample.value)}"
    yield f"{name}_count{_labels(sample.labels)} {sum(sample.buckets)}"


def _labels(labels: Labels) -> str:
    shown = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{shown}}}" if shown else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


_INFINITE = {math.inf: "+Inf", -math.inf: "-Inf"}


def _number(value: float) -> str:
    if not math.isfinite(value):
        return _INFINITE.get(value, "NaN")
    return str(int(value)) if value == int(value) else repr(value)
