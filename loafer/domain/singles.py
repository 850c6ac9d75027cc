"""Messages of a FIFO queue that its source has to move, or to count: they are received one at a time."""

import math
from collections.abc import Sequence

import attrs

from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.domain.ordering import group_of

LONGEST_PAUSE = 30.0
"""Seconds that a message waits at most which its source should have moved."""

FORGOTTEN_AFTER = 60.0
"""Seconds until a message that is received alone and is not seen again counts as moved."""

CAREFUL = 60.0
"""Seconds in which messages are received one at a time after one failed whose runs nobody but its source can count."""


@attrs.define
class Singles:
    """Messages that must be received one at a time until they are through, so that followers' counts do not burn.

    Those without runs left are given back each time, until their source has moved them, or grants more runs. Where
    nobody knows how many runs there are, they run once a receive, and the source counts; the next ones may fail too, so
    that all are received one at a time for a while. A message that nobody saw for `FORGOTTEN_AFTER` seconds has been
    moved by another consumer.
    """

    _ids: dict[str, str] = attrs.field(factory=dict, init=False)
    _spent: dict[str, int] = attrs.field(factory=dict, init=False)
    """How many runs the source granted each of those that have none left."""
    _returns: dict[str, int] = attrs.field(factory=dict, init=False)
    """How often each has been given back since its source should have moved it."""
    _until: float = attrs.field(default=0.0, init=False)
    _careful_until: float = attrs.field(default=0.0, init=False)

    def add(self, message: Message, now: float, spent: int | None = None) -> None:
        """Remember a message; `spent`: it has no runs left, of as many as its source grants."""
        self._ids[group_of(message)] = message.id
        if spent is None:
            self._careful_until = now + CAREFUL
        else:
            self._spent[message.id] = spent
        self._until = now + FORGOTTEN_AFTER

    def any(self, now: float) -> bool:
        """Tell whether there is one, or was of late: messages are received one at a time."""
        if self._ids and now >= self._until:
            self._ids.clear()
            self._spent.clear()
            self._returns.clear()
        return bool(self._ids) or now < self._careful_until

    def through(self, leases: Sequence[Lease]) -> None:
        """Forget messages that are deleted."""
        for lease in leases if self._ids else ():
            if lease.settling and self._ids.get(group_of(lease.message)) == lease.message.id:
                self._forget(lease.message)

    def given_back(self, messages: Sequence[Message], now: float, limit: int | None) -> set[str]:
        """Return the ids of those that go back in their order: the spent, and what was received behind any of these.

        Where others of its group come without it, the message is gone. `limit` is how many runs its source grants by
        now; None: that is not limited, or nobody knows.
        """
        if not self.any(now):
            return set()
        self._spent = {name: runs for name, runs in self._spent.items() if limit is not None and limit <= runs}
        present = {group_of(message) for message in messages if self._ids.get(group_of(message)) == message.id}
        for message in messages:
            if group_of(message) not in present:
                self._forget(message)
        if present:
            self._until = now + FORGOTTEN_AFTER
        running = set(self._ids.values()) - self._spent.keys()
        return {message.id for message in messages if group_of(message) in present} - running

    def pause(self, message: Message) -> float:
        """Return after how many seconds a message is given back now: at once until its source has to move it.

        If it does not, as where its dead-letter queue is gone, less and less often: that may last.
        """
        if message.receive_count <= self._spent.get(message.id, math.inf):
            return 0.0
        returns = self._returns[message.id] = self._returns.get(message.id, 0) + 1
        return min(LONGEST_PAUSE, 2.0 ** (returns - 1))

    def _forget(self, message: Message) -> None:
        gone = self._ids.pop(group_of(message), None)
        if gone is not None:
            self._spent.pop(gone, None)
            self._returns.pop(gone, None)
