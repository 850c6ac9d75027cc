"""Holds back what a stop gives back, until no poll of this process can take it again."""

import math
from collections.abc import Callable, Sequence

import attrs

from loafer.application.stop import Stop
from loafer.domain.lease import Lease


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

    def open(self, served_until: float) -> None:
        """Let everything through: no poll is open, and the source serves aborted ones until `served_until`."""
        self._opened, self._served_until = True, served_until
        now, waiting = self.clock(), self._waiting
        self._waiting = []
        for lease, at in waiting:
            self.send(lease, max(0.0, at - now, served_until - now))
