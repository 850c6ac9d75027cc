"""Figures: medians over rounds, with what they lie between; percentiles; ratios."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

Figures = Mapping[str, float]
"""What one run measured, by name."""

Case = Callable[[], Figures]
"""Runs something once and returns what it measured."""


@attrs.frozen
class Summary:
    """One figure over all rounds."""

    median: float
    min: float
    max: float
    runs: int


def summary(values: Sequence[float]) -> Summary:
    """Return the summary of at least one value."""
    return Summary(statistics.median(values), min(values), max(values), len(values))


def summaries(rounds: Sequence[Figures]) -> dict[str, dict[str, Any]]:
    """Return the summary of each figure that every round has, as JSON."""
    names = [name for name in rounds[0] if all(name in figures for figures in rounds)]
    return {name: attrs.asdict(summary([figures[name] for figures in rounds])) for name in names}


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that so many percent of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def median_of(results: Mapping[str, Any], section: str, row: str, figure: str) -> float | None:
    """Return a median from results; None where it was not measured."""
    found = results["sections"].get(section, {}).get("rows", {}).get(row, {}).get(figure)
    return None if found is None else float(found["median"])


def ratio(results: Mapping[str, Any], section: str, rows: tuple[str, str], figure: str) -> float | None:
    """Return the median of the first row over that of the second; None where one was not measured."""
    above, below = (median_of(results, section, row, figure) for row in rows)
    return None if above is None or not below else above / below
