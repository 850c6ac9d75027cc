"""What runs: the tasks of the handlers, and the messages that each of them has."""

import asyncio
import logging
from collections.abc import Sequence
from typing import TypeAlias

import attrs

from loafer.application.lane import Lane
from loafer.domain.lease import Lease
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)

Had: TypeAlias = tuple[Lane, Sequence[Lease], float]
"""What a task has: messages of a lane, and since when."""


@attrs.define(eq=False)
class Running:
    """The tasks that have not ended, and which messages were left when the stop was over.

    Attributes:
        starting: What a task has that is being started, and since when: where tasks start at once, it runs already.
        cancelled: Whether what ran was cancelled, as a stop does.

    """

    starting: "Had | None" = attrs.field(default=None, init=False)
    cancelled: bool = attrs.field(default=False, init=False)
    _tasks: "dict[asyncio.Task[None], Had]" = attrs.field(factory=dict, init=False)
    _abandoned: set[Lease] = attrs.field(factory=set, init=False)

    def __len__(self) -> int:
        """Count the tasks."""
        return len(self._tasks)

    def add(self, task: "asyncio.Task[None]", lane: Lane, leases: Sequence[Lease], began: float) -> None:
        """Keep a task, which `began` then, until it ends; one that started at once may have ended already."""
        self.starting = None
        if not task.done():
            self._tasks[task] = lane, leases, began
            task.add_done_callback(self._forget)

    def now(self) -> "list[tuple[asyncio.Task[None] | None, Had]]":
        """Return the tasks with what they have and when they began; on any thread; None is being started."""
        starting = self.starting
        return [*([] if starting is None else [(None, starting)]), *list(self._tasks.items())]

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
            task.cancel()

    def abandon(self) -> int:
        """Leave what still runs to its lease and return how many tasks that are."""
        for lane, leases, _ in self._tasks.values():
            for lease in leases:
                text = "message %s: its handler cannot be cancelled (does it run in a thread?): left to its lease"
                logger.warning(text, lease.message.id)
            lane.comes_back(leases, Cause.STOP)
            with lane.lock:
                lane.leases.drop(leases)
            self._abandoned.update(leases)
        abandoned, self._tasks = len(self._tasks), {}
        return abandoned

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(task, None)
