"""How many threads of a pool are spoken for: functions of several routes run in the same ones."""

from collections.abc import Iterator
from contextlib import contextmanager

import attrs


@attrs.define(eq=False)
class Threads:
    """What jobs have of a pool's threads, over all lanes; kept on the event loop.

    A function that had to wait for a thread would be held by a worker that cannot run it.

    Attributes:
        most: How many threads there are.
        taken: Jobs that have one, or are to have one.
        waiting: Jobs that could start, and need one.

    """

    most: int
    taken: int = 0
    waiting: int = 0

    @property
    def full(self) -> bool:
        """Whether whoever needs one would have to wait."""
        return self.taken >= self.most

    @property
    def just_freed(self) -> bool:
        """Whether there is one again, and was none before the last job ended."""
        return self.taken == self.most - 1

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count a job that has one, or is to have one, while it lasts."""
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    def startable(self, startable: int, *, each: bool, own: int) -> int:
        """Return how many of so many jobs of a lane find a thread; `own` of them are expected to start soon anyway.

        Of a lane where not `each` job needs a thread nobody knows how many do: as long as there is one, any number.
        """
        if each:
            return min(startable, max(0, self.most - self.taken - self.waiting) + own)
        return min(startable, own) if self.full else startable
