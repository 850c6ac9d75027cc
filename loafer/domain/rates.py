"""Rates of what only ever grows, from one look at it to the next, and how a row of them is drawn."""

from collections import deque
from collections.abc import Iterable, Sequence

import attrs

REMEMBERED = 120
"""Rates that are remembered: the latest."""

BARS = "▁▂▃▄▅▆▇█"
"""What rates are drawn with: the first for nothing, the last for the highest."""


@attrs.define
class Meter:
    """The rates of one count.

    Attributes:
        rates: What it grew by a second, from look to look, the latest last.

    """

    rates: deque[float] = attrs.field(factory=lambda: deque(maxlen=REMEMBERED), init=False)
    _at: float | None = attrs.field(default=None, init=False)
    _count: float = attrs.field(default=0, init=False)

    def look(self, at: float, count: float) -> None:
        """Take in a count as it was at this time, in seconds; a second look at the same time tells nothing.

        A count that has shrunk, and a clock that was set back, begin anew.
        """
        if self._at is not None and at > self._at and count >= self._count:
            self.rates.append((count - self._count) / (at - self._at))
        self._at, self._count = at, count

    @property
    def mean(self) -> float:
        """The mean of the rates that are remembered; 0.0 before there is one."""
        return sum(self.rates) / len(self.rates) if self.rates else 0.0


def summed(rows: Iterable[Sequence[float]]) -> list[float]:
    """Return rows of rates, each with the latest last, added up to one."""
    kept = [row for row in rows if row]
    longest = max(map(len, kept), default=0)
    return [sum(row[-back] for row in kept if len(row) >= back) for back in range(longest, 0, -1)]


def sparkline(rates: Sequence[float], width: int) -> str:
    """Return the latest of some rates, none of them negative, as so many bars at most, against the highest of them."""
    shown = list(rates)[-width:] if width > 0 else []
    if not any(shown):
        return BARS[0] * len(shown)
    highest, last = max(shown), len(BARS) - 1
    return "".join(BARS[int(rate / highest * last + 0.5)] for rate in shown)
