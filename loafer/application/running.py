"""What runs: the tasks of the handlers, and the messages that each of them has."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from loafer.application.lane import Lane
from loafer.application.tasks import STOPPED
from loafer.application.ticket import Ticket
from loafer.domain.lease import Lease
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)

Had: TypeAlias = tuple[Lane, Sequence[Lease], float]
"""What a task has: messages of a lane, and since when."""

Tasks: TypeAlias = "dict[asyncio.Task[None], tuple[Lane, Sequence[Lease], float, Ticket | None]]"
"""What tasks have; one with a ticket that stands in a line has nothing yet."""


@attrs.define(eq=False)
class Running:
    """The tasks that have not ended, and which messages were left when the stop was over.

    Attributes:
        starting: What a task has that is being started, and since when: where tasks start at once, it runs already.
        cancelled: Whether what ran was cancelled, as a stop does.

    """

    starting: "Had | None" = attrs.field(default=None, init=False)
    cancelled: bool = attrs.field(default=False, init=False)
    _tasks: Tasks = attrs.field(factory=dict, init=False)
    _abandoned: set[Lease] = attrs.field(factory=set, init=False)

    def __len__(self) -> int:
        """Count the tasks, but for those of messages that wait again."""
        return sum(ticket is None or not ticket.void for _, _, _, ticket in self._tasks.values())

    def add(
        self,
        task: "asyncio.Task[None]",
        lane: Lane,
        leases: Sequence[Lease],
        began: float,
        ticket: Ticket | None = None,
    ) -> None:
        """Keep a task, which `began` then, until it ends; one that started at once may have ended already."""
        self.starting = None
        if not task.done():
            self._tasks[task] = lane, leases, began, ticket
            task.add_done_callback(self._forget)

    def now(self) -> "list[tuple[asyncio.Task[None] | None, Had]]":
        """Return the tasks with what they have and when they began; on any thread; None is being started."""
        starting, tasks = self.starting, list(self._tasks.items())
        found: list[tuple[asyncio.Task[None] | None, Had]] = [] if starting is None else [(None, starting)]
        for task, (lane, leases, began, ticket) in tasks:
            since = began if ticket is None else ticket.since_when(began)
            if since is not None:
                found.append((task, (lane, leases, since)))
        return found

    def lined_up(self, lane: Lane) -> int:
        """Count the messages of a lane that stand in the line before its threads; on any thread."""
        return sum(ticket.lined_up for ticket in self._tickets(lane))

    def over(self, lane: Lane) -> int:
        """Count the messages of a lane whose functions have ended, before the event loop knows it; on any thread."""
        return sum(ticket.over for ticket in self._tickets(lane))

    def _tickets(self, lane: Lane) -> list[Ticket]:
        return [ticket for other, _, _, ticket in list(self._tasks.values()) if other is lane and ticket is not None]

    def is_abandoned(self, lease: Lease) -> bool:
        """Tell whether a message was left to its lease: the stop is over, and nothing can be settled any more."""
        return lease in self._abandoned

    async def ended(self) -> None:
        """Wait until no task runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def some_ended(self) -> None:
        """Wait until all that run now have ended; there must be one."""
        await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Cancel what runs; a function that has started in its thread goes on."""
        self.cancelled = True
        for task in self._tasks:
            STOPPED.add(task)
            task.cancel()

    def abandon(self) -> int:
        """Leave what still runs to its lease and return how many tasks that are."""
        for lane, leases, _, _ in self._tasks.values():
            for lease in leases:
                text = "message %s: its handler cannot be cancelled (does it run in a thread?): left to its lease"
                logger.warning(text, lease.message.id)
            lane.comes_back(leases, Cause.STOP)
            with lane.lock:
                lane.leases.drop(leases)
            self._abandoned.update(leases)
        abandoned = len(self._tasks)
        self._tasks = {}
        return abandoned

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(task, None)
