"""Which waiting messages may start together: batches for handlers that take many."""

from collections import deque
from collections.abc import Sequence

import attrs

from loafer.domain.lease import Lease


@attrs.define
class BatchOrder:
    """The order of a standard queue whose messages start in batches, whoever came first first.

    A batch may start when it is full, or when its first message has waited for long enough.

    Attributes:
        size: Messages of a batch at most.

    """

    size: int
    _waiting: deque[Lease] = attrs.field(factory=deque, init=False)
    _ripe: int = attrs.field(default=0, init=False)
    """How many, from the first on, have waited for long enough."""

    @property
    def startable(self) -> int:
        """How many could start now."""
        waiting = len(self._waiting)
        return waiting if self._ripe else waiting - waiting % self.size

    def __len__(self) -> int:
        """Count all that wait, for a slot or for others."""
        return len(self._waiting)

    def add(self, leases: Sequence[Lease]) -> None:
        """Let received messages wait for their turn."""
        self._waiting.extend(leases)

    def ripen(self, lease: Lease) -> None:
        """Let what came up to this message start without waiting for others; a message that started is no matter."""
        for number, waiting in enumerate(self._waiting, 1):
            if waiting is lease:
                self._ripe = max(self._ripe, number)
                return

    def next(self) -> Lease | None:
        """Take the first message of the batch that starts now; `rest` takes the others."""
        return self._take() if self.startable else None

    def rest(self) -> list[Lease]:
        """Take the others of the batch whose first message was taken last."""
        return [self._take() for _ in range(min(self.size - 1, len(self._waiting)))]

    def put_back(self, lease: Lease) -> None:
        """Let a message that was taken to start wait in the first place again, for no others."""
        self._waiting.appendleft(lease)
        self._ripe += 1

    def finished(self, leases: Sequence[Lease]) -> None:
        """Nobody waited for them."""

    def followers(self, lease: Lease) -> list[Lease]:  # noqa: ARG002 - nobody waits for anybody
        """Nobody waits for it."""
        return []

    def spare(self, last: int | None) -> list[Lease]:
        """Take all that wait, but those at their last receive, the `last`, which wait for no others any more."""
        waiting = self.drain()
        self._waiting.extend(lease for lease in waiting if lease.is_due(last))
        self._ripe = len(self._waiting)
        return [lease for lease in waiting if not lease.is_due(last)]

    def drain(self) -> list[Lease]:
        """Take all that wait."""
        drained, self._waiting, self._ripe = list(self._waiting), deque(), 0
        return drained

    def _take(self) -> Lease:
        self._ripe = max(0, self._ripe - 1)
        return self._waiting.popleft()
