"""Holds back what a stop gives back, until no poll of this process can take it again."""

import math
from collections import defaultdict
from collections.abc import Callable, Container, Sequence

import attrs

from loafer.application.stop import Stop
from loafer.domain.lease import Lease
from loafer.domain.message import Message


@attrs.define(eq=False)
class Gate:
    """Lets what one lane gives back through, but in a stop only once the polls of its source have ended.

    What waits here is still held, and its lease extended.

    Attributes:
        stop: Once it is requested, messages wait here.
        clock: Seconds that never go back.
        send: Gives a message back, visible again after so many seconds.

    """

    stop: Stop
    clock: Callable[[], float]
    send: Callable[[Lease, float], None]
    _waiting: list[tuple[Lease, float]] = attrs.field(factory=list, init=False)
    """Messages, and when they are to be visible again at the earliest."""
    _opened: bool = attrs.field(default=False, init=False)
    _served_until: float = attrs.field(default=-math.inf, init=False)

    def release(self, leases: Sequence[Lease], delay: float) -> None:
        """Give messages back, now or once the gate is opened; each is visible again after `delay` seconds or more."""
        now = self.clock()
        if self.stop.requested.is_set() and not self._opened:
            self._waiting += [(lease, now + delay) for lease in leases]
            return
        for lease in leases:
            self.send(lease, max(delay, self._served_until - now))

    def take_out(self, again: Container[str], last: int | None, group: Callable[[Message], str]) -> list[Lease]:
        """Take what has not run, and what stands before it in its `group`, if it has come `again` for a `last` time.

        Given back, it would be dead-lettered unrun.
        """
        taken, before, behind = list[Lease](), defaultdict[str, list[Lease]](list), set[str]()
        for lease, _ in self._waiting:
            name = group(lease.message)
            if lease.runs or lease.message.id not in again:
                behind.add(name)
            elif name not in behind:
                before[name].append(lease)
                if lease.is_due(last):
                    taken += before.pop(name)
        out = set(taken)
        self._waiting = [(lease, at) for lease, at in self._waiting if lease not in out]
        return taken

    def open(self, served_until: float) -> None:
        """Let everything through: no poll is open, and the source serves aborted ones until `served_until`."""
        self._opened, self._served_until = True, served_until
        now, waiting = self.clock(), self._waiting
        self._waiting = []
        for lease, at in waiting:
            self.send(lease, max(0.0, at - now, served_until - now))
