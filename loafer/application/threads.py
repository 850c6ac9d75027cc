"""How many threads of a pool are spoken for: functions of several routes run in the same ones."""

import attrs

from loafer.domain.demand import Pace

AT_ONCE = 0.005
"""Seconds within which what stands in the line before the threads is expected to begin."""

MOST = 8
"""Messages that may stand in that line, for each thread."""


@attrs.define(eq=False)
class Threads:
    """What jobs have of a pool's threads, over all lanes; kept on the event loop.

    A function that had to wait for a thread would be held by a worker that cannot run it. Only where functions are so
    quick that a thread would do nothing but wait for the next one, a few stand in a line before the threads.

    Attributes:
        most: How many threads there are.
        taken: Jobs that have one, or are to have one.
        waiting: Jobs that could start, and need one.
        line: How many jobs may stand in the line.
        pace: How long functions have a thread.
        watched: Whether it is looked after that the line goes on.

    """

    most: int
    taken: int = 0
    waiting: int = 0
    line: int = attrs.field(default=0, init=False)
    pace: Pace = attrs.field(factory=Pace, init=False)
    watched: bool = attrs.field(default=False, init=False)
    _ended: list[float] = attrs.field(factory=list, init=False)
    """For how long functions had a thread of which nothing was learnt yet."""
    _refused: bool = attrs.field(default=False, init=False)
    """Whether some job would have started, had there been a thread for it."""
    _reserved: bool = attrs.field(default=False, init=False)
    """Whether one of them may not stand in the line, and so gets the next thread that is free."""

    @property
    def quick(self) -> bool:
        """Whether functions are so quick that one thread has done many before another one would be awake."""
        return self.line >= MOST * self.most

    def refuses(self, *, lines_up: bool) -> bool:
        """Tell whether a job may not start: there is no thread for it, and no place in the line, if it `lines_up`."""
        refused = self.taken >= self.most + (self.line if lines_up and not self._reserved else 0)
        if refused:
            self._refused = True
            self._reserved = self._reserved or not lines_up
        return refused

    def freed(self) -> bool:
        """Tell, when a job has ended, whether those that were refused may try again."""
        if not self._refused or self.taken >= self.most + (0 if self._reserved else self.line):
            return False
        self._refused = self._reserved = False
        return True

    def ended(self, seconds: float) -> None:
        """Note that a function has ended that had a thread for so many seconds."""
        self._ended.append(seconds)

    def learn(self, now: float) -> None:
        """Learn from the functions that have ended since the last time: once for all of a turn of the event loop."""
        if self._ended:
            self.pace.ended(self._ended, now)
            self._ended = []
            self.line = min(MOST * self.most, int(AT_ONCE * self.pace.starts_soon(self.most, now)))

    def startable(self, startable: int, own: int) -> int:
        """Return how many of so many jobs of a lane find a thread; `own` of them are expected to start soon anyway."""
        return min(startable, max(0, self.most - self.taken - self.waiting) + own)
