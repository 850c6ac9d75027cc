"""What each route did, in one line of the log a minute: at INFO, where a line a message would be too much."""

import asyncio
import logging
import math
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager

import attrs

from loafer.application.lane import Lane
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.ports.observer import Ending, Observer

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two lines."""

REMEMBERED = 4096
"""Handling times that are remembered for a line: the latest."""

_KEPT = [outcome for outcome in Outcome if not outcome.acknowledged]
_FAILED = (Outcome.FAILED, Outcome.UNTRANSLATED)


@attrs.define(eq=False)
class Summary(Observer):
    """What a lane did since it was last asked.

    Attributes:
        lane: The lane.
        since: When it was last asked, by the lane's clock.
        seconds: How long its handlers took, the latest last.
        latest: The message whose handling ended last, and when that was.

    """

    lane: Lane
    since: float
    seconds: deque[float] = attrs.field(factory=lambda: deque(maxlen=REMEMBERED))
    latest: tuple[Message, float] | None = None
    _counts: Counter[str] = attrs.field(factory=Counter)

    def handled(self, endings: Sequence[Ending]) -> None:
        """Note how long the handling of messages took, and that it has ended now."""
        self.seconds.extend([ending[-1] for ending in endings])
        self.latest = endings[-1][1], self.lane.clock()

    def take(self, now: float, wall_clock: Callable[[], float] = time.time) -> "dict[str, float]":
        """Return what happened since the last time, by name, and begin anew; nothing where nothing ended or is held."""
        counts = self.lane.counts - self._counts
        self._counts = self.lane.counts.copy()
        took = sorted(self.seconds)
        taken = {"seconds": now - self.since, "done": counts[Outcome.SUCCEEDED], "rejected": counts[Outcome.REJECTED]}
        taken |= {"failed": sum(counts[one] for one in _FAILED), "kept": sum(counts[one] for one in _KEPT)}
        taken["held"] = len(self.lane.leases)
        if took:
            taken |= {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)}
        if self.latest is not None and self.latest[0].sent_at is not None:
            message, at = self.latest
            taken["backlog"] = max(0.0, wall_clock() - (now - at) - (message.sent_at or 0.0))
        self.since, self.latest = now, None
        self.seconds.clear()
        return taken if took or taken["held"] else {}


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of some ordered numbers that so large a share of them does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summaries_of(lanes: Sequence[Lane], now: float) -> Sequence[Summary]:
    """Return a summary for each lane, which listens to it; none where nobody would see them."""
    if not logger.isEnabledFor(logging.INFO):
        return ()
    summaries = [Summary(lane, now) for lane in lanes]
    for summary in summaries:
        summary.lane.listen(summary)
    return summaries


@asynccontextmanager
async def summarized(summaries: Collection[Summary], clock: Callable[[], float]) -> AsyncIterator[None]:
    """Log a line for each summary every minute meanwhile, and one in the end."""
    task = asyncio.create_task(_log_every_minute(summaries, clock)) if summaries else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            _log(summaries, clock())


async def _log_every_minute(summaries: Collection[Summary], clock: Callable[[], float]) -> None:
    while True:
        await asyncio.sleep(EVERY)
        _log(summaries, clock())


def _log(summaries: Collection[Summary], now: float) -> None:
    for summary in summaries:
        route, taken = summary.lane.route.name, summary.take(now)
        if taken:
            extra = {"route": route, "summary": {name: round(value, 3) for name, value in taken.items()}}
            logger.info("route %s: %s", route, _said(taken), extra=extra)


def _said(taken: "dict[str, float]") -> str:
    text = "{done} done, {failed} failed, {rejected} rejected, {kept} kept in {seconds:.0f} s; {held} held"
    if "p50" in taken:
        text += "; handling took p50 {p50:.3f} s, p99 {p99:.3f} s"
    if "backlog" in taken:
        text += "; the backlog is {backlog:.1f} s old"
    return text.format(**taken)
