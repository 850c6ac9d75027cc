"""What an event loop on virtual time waits by: it advances the time, or waits for threads while that stands still."""

import gc
import selectors
from collections import Counter
from itertools import starmap
from typing import TYPE_CHECKING

from loafer.testing.patience import waiting_for_the_loop

if TYPE_CHECKING:
    from collections.abc import Collection
    from threading import Thread

    from loafer.application.threaded import Answers

TURN = 1e-9
"""Seconds that each turn of the loop takes: time never stands quite still, as it never does outside."""

RESTLESS, LONG_TURN, TWICE_AS_LONG = 100_000, 1e-3, 10_000
"""Turns in a row after which a loop counts as one that never rests, the seconds that each takes then, and after how
many more they take twice as long."""

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
        self.working: dict[object, tuple[object, Collection[Thread]]] = {}
        """Who is still to be told of an end, the end of what, and in which threads that is done."""
        self.answers: dict[Answers, Collection[Thread]] = {}
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
            if self.without_rest > RESTLESS and not self._busy():
                self.now += LONG_TURN * 2.0 ** ((self.without_rest - RESTLESS) // TWICE_AS_LONG)
            return ready
        self.without_rest, busy = 0, self._busy()
        if busy and (timeout is None or any(starmap(_works, busy))):
            return super().select(LOOK)
        if timeout is None:
            raise RuntimeError("nothing will ever happen on this event loop: the test waits for ever")
        self.now += timeout
        return []

    def _busy(self) -> "list[tuple[int, Collection[Thread]]]":
        """Return of each pool that does something how many ends are still to be told, and its threads."""
        if not self.waits_for_threads:
            return []
        works = [(1, threads) for threads in dict(self.working.values()).values()]
        works += [(answers.awaited, threads) for answers, threads in self.answers.items() if answers.awaited]
        counts = Counter[int]()
        for count, threads in works:
            counts[id(threads)] += count
        pools = {id(threads): threads for _, threads in works}
        return [(counts[name], threads) for name, threads in pools.items()]


def _works(count: int, threads: "Collection[Thread]") -> bool:
    """Tell whether a pool with so much to do goes on by itself: not all that it could do waits for the event loop."""
    alive = [thread for thread in list(threads) if thread.is_alive()]
    return waiting_for_the_loop(alive) < min(count, len(alive) or count)
