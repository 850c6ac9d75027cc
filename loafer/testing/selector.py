"""What an event loop on virtual time waits by: it advances the time, or waits for threads while that stands still."""

import gc
import selectors
from typing import TYPE_CHECKING
from weakref import WeakSet

from loafer.testing.patience import waiting_for_the_loop

if TYPE_CHECKING:
    from threading import Thread

    from loafer.application.threaded import Answers

TURN = 1e-9
"""Seconds that each turn of the loop takes: time never stands quite still, as it never does outside."""

RESTLESS, LONG_TURN = 100_000, 1e-3
"""Turns in a row after which a loop counts as one that never rests, and the seconds that each takes then."""

LOOK = 0.05
"""Real seconds between two looks whether the threads that work wait for the event loop themselves."""

COLLECT_EVERY = 1_000
"""Turns of the loop between two collections of garbage."""


class VirtualSelector(selectors.DefaultSelector):
    """Advances the time instead of waiting; while a thread of a pool works, and waits for nobody, it stands still."""

    def __init__(self) -> None:
        """Begin at 0."""
        super().__init__()
        self.now = 0.0
        self.turns = 0
        self.without_rest = 0
        """Turns since the last one that had nothing to do."""
        self.working: dict[object, object] = {}
        """Who is still to be told of an end, and the end of what."""
        self.answers: set[Answers] = set()
        self.threads: WeakSet[Thread] = WeakSet()
        """Those in which it may be done."""
        self.waits_for_threads = True

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, after no time at all.

        Raises:
            RuntimeError: nothing is ready, no timer runs and no thread works.

        """
        self.now += TURN
        self.turns += 1
        if self.turns % COLLECT_EVERY == 0:
            gc.collect(0)
        ready = super().select(0)
        if ready or timeout == 0:
            self.without_rest += 1
            if self.without_rest > RESTLESS and not self._busy:
                self.now += LONG_TURN
            return ready
        self.without_rest, busy = 0, self._busy
        threads = tuple(thread for thread in self.threads if thread.is_alive())
        if busy and (timeout is None or waiting_for_the_loop(threads) < min(busy, len(threads) or busy)):
            return super().select(LOOK)
        if timeout is None:
            raise RuntimeError("nothing will ever happen on this event loop: the test waits for ever")
        self.now += timeout
        return []

    @property
    def _busy(self) -> int:
        """Count who is still to be told of what threads do."""
        if not self.waits_for_threads:
            return 0
        return len(set(self.working.values())) + sum(answers.awaited for answers in self.answers)
