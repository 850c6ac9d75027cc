"""The lines before the threads of pools, in which messages stand whose functions are quick."""

import asyncio
from collections.abc import Callable

import attrs

from loafer.application.handled import HANDLED
from loafer.application.lane import Lane
from loafer.application.slots import Slots
from loafer.application.threads import Threads
from loafer.application.ticket import TICKET, Ticket
from loafer.domain.lease import Lease

STANDS_STILL = 0.1
"""Seconds after which what stands in a line waits for its start again: it was expected to begin at once."""


@attrs.frozen(eq=False)
class Lines:
    """Gives messages their tickets in threads, and looks after it that no line stands still.

    Attributes:
        slots: Start no more than there are threads, and places in the lines.
        start: Called when others may start in the slots of what was taken back.

    """

    slots: Slots
    start: Callable[[Lane], None]

    def ticket(self, lane: Lane, lease: Lease, now: float) -> Ticket | None:
        """Return the ticket of a message that has a slot now; None where it may not stand in a line."""
        tally = self.slots.tally(lane)
        threads = tally.threads
        if threads is None or not tally.lines_up:
            return None
        if threads.taken > threads.most:
            self._watch(threads, lane)
        return Ticket(lease, lane, threads, lane.clock, now, _begins)

    def _watch(self, threads: Threads, lane: Lane) -> None:
        if not threads.watched:
            threads.watched = True
            asyncio.get_running_loop().call_later(STANDS_STILL, self._look, threads, lane)

    def _look(self, threads: Threads, lane: Lane) -> None:
        threads.watched = False
        since = None if lane.route.pool is None else lane.route.pool.waiting_since
        if since is not None and lane.clock() - since >= STANDS_STILL:
            self.slots.take_back(lane)
            self.start(lane)
        elif threads.taken > threads.most:
            self._watch(threads, lane)


def when_it_began(ticket: Ticket, started: float) -> float:
    """Return when a handler that had a ticket, was started then and is over began."""
    if ticket.began is None:
        return started
    ticket.threads.ended(ticket.seconds)
    return ticket.began


def _begins(began: float) -> None:
    """Let a function's context know when its handling really began; what it calls on stands in no line."""
    TICKET.set(None)
    if (handling := HANDLED.get()) is not None:
        HANDLED.set((handling[0], handling[1], began))
