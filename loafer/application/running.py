"""What runs: the tasks of the handlers, and the messages that each of them has."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, TypeAlias

import attrs

from loafer.application.errand import Errand
from loafer.application.handled import HANDLED
from loafer.application.lane import Lane
from loafer.application.stop import nothing
from loafer.application.tasks import STOPPED
from loafer.application.ticket import Ticket
from loafer.domain.lease import Lease
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)

Had: TypeAlias = tuple[Lane, Sequence[Lease], float]
"""What a task has: messages of a lane, and since when."""

Tasks: TypeAlias = "dict[asyncio.Task[None] | Errand, tuple[Lane, Sequence[Lease], float, Ticket | None]]"
"""What tasks and errands have; one with a ticket that stands in a line has nothing yet."""


@attrs.define(eq=False)
class Running:
    """The tasks and errands that have not ended, and which messages were left when the stop was over.

    Attributes:
        unbegun: Called with what a task has that somebody has cancelled before it began.
        starting: What a task has that is being started, and since when: where tasks start at once, it runs already.
        worker: The task of the worker that all of these are for.
        stop: Called once that was cancelled: the worker stops, and will know it only when its task goes on.
        stopped: Whether a stop has cancelled what ran.

    """

    unbegun: Callable[[Lane, Sequence[Lease]], None]
    worker: "asyncio.Task[Any] | None" = None
    stop: Callable[[], object] = attrs.field(default=nothing, repr=False)
    starting: "Had | None" = attrs.field(default=None, init=False)
    stopped: bool = attrs.field(default=False, init=False)
    _before: int = attrs.field(init=False)
    """How often the worker's task had been cancelled when it began, as its host's may have been."""
    _seen: int = attrs.field(init=False)
    """How often it was seen to be cancelled."""
    _tasks: Tasks = attrs.field(factory=dict, init=False)
    _abandoned: set[Lease] = attrs.field(factory=set, init=False)

    @property
    def cancelled(self) -> bool:
        """Whether what ran was cancelled: by a stop, or by somebody who cancels all tasks, the worker's among them."""
        return self.stopped or (self._times > self._before and self.see_cancelled())

    @property
    def _times(self) -> int:
        return 0 if self.worker is None else self.worker.cancelling()

    def __attrs_post_init__(self) -> None:
        """Look at what was before."""
        self._before = self._seen = self._times

    def see_cancelled(self) -> bool:
        """Tell whether the worker's task was cancelled; take what was cancelled with it for stopped, at first sight."""
        times = self._times
        if times > self._seen and self.worker is not None:
            self._seen = times
            STOPPED.update(task for task in self._tasks if not isinstance(task, Errand) and task.cancelling())
            if self.worker.get_loop() is asyncio.get_running_loop():
                self.stop()
        return times > self._before

    def __len__(self) -> int:
        """Count the tasks, but for those of messages that wait again."""
        return sum(ticket is None or not ticket.void for _, _, _, ticket in self._tasks.values())

    def add(self, task: "asyncio.Task[None]", had: Had, ticket: Ticket | None, context: Context) -> None:
        """Keep a task, and what it has, until it ends; one that started at once may have ended already."""
        self.starting = None
        if not task.done():
            self._tasks[task] = *had, ticket
            task.add_done_callback(self._ended, context=context)

    def set_out(self, errand: Errand, began: float) -> None:
        """Keep an errand, which `began` then, until `forget`."""
        self.starting = None
        self._tasks[errand] = errand.ticket.lane, (errand.ticket.lease,), began, errand.ticket

    def forget(self, errand: Errand) -> None:
        """Keep an errand that has ended no longer."""
        self._tasks.pop(errand, None)
        if errand.over is not None and not errand.over.done():
            errand.over.set_result(None)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        """Keep a task no longer, in the context of its handling: that says whether it has begun, if it was cancelled.

        It is cancelled too if its handler cancels it as its last act.
        """
        had = self._tasks.pop(task, None)
        if had is not None and task.cancelled():
            lane, leases, _, _ = had
            handling = HANDLED.get()
            if handling is None or handling[0] is not lane:
                self.unbegun(lane, leases)

    def now(self) -> "list[tuple[asyncio.Task[None] | None, Had]]":
        """Return the tasks with what they have and when they began; on any thread.

        None stands for one that is being started, and for an errand: where that is, its thread knows.
        """
        starting, tasks = self.starting, list(self._tasks.items())
        found: list[tuple[asyncio.Task[None] | None, Had]] = [] if starting is None else [(None, starting)]
        for task, (lane, leases, began, ticket) in tasks:
            since = began if ticket is None else ticket.since_when(began)
            if since is not None:
                found.append((None if isinstance(task, Errand) else task, (lane, leases, since)))
        return found

    def lined_up(self, lane: Lane) -> int:
        """Count the messages of a lane that stand in the line before its threads; on any thread."""
        return sum(ticket.lined_up for ticket in self._tickets(lane))

    def over(self, lane: Lane) -> int:
        """Count the messages of a lane whose functions have ended, before the event loop knows it; on any thread."""
        return sum(ticket.over for ticket in self._tickets(lane))

    def _tickets(self, lane: Lane) -> list[Ticket]:
        return [ticket for other, _, _, ticket in list(self._tasks.values()) if other is lane and ticket is not None]

    def raise_if_closed(self, error: BaseException, lease: Lease) -> None:
        """Raise a GeneratorExit again where the task of a message is closed from elsewhere; let any other error pass.

        So Python does with the tasks of an event loop that is gone. Where the task itself takes a step, the error is
        that of another task that it waits for, and it goes on.
        """
        if not isinstance(error, GeneratorExit):
            return
        try:
            task = asyncio.current_task()
        except RuntimeError:
            raise error from None
        had = None if task is None else self._tasks.get(task)
        if had is None or lease not in had[1]:
            raise error

    def is_abandoned(self, lease: Lease) -> bool:
        """Tell whether a message was left to its lease: the stop is over, and nothing can be settled any more."""
        return lease in self._abandoned

    async def ended(self) -> None:
        """Wait until no task runs."""
        while self._tasks:
            await self.some_ended()

    async def some_ended(self) -> None:
        """Wait until all that run now have ended; there must be one."""
        await asyncio.wait([task.until_over() if isinstance(task, Errand) else task for task in self._tasks])

    def cancel(self) -> None:
        """Cancel what runs; a function that has started in its thread goes on."""
        self.stopped = True
        for task in list(self._tasks):
            if not isinstance(task, Errand):
                STOPPED.add(task)
            task.cancel()

    def abandon(self) -> int:
        """Leave what still runs to its lease and return how many tasks that are."""
        for lane, leases, _, _ in self._tasks.values():
            why = "has not ended though it was cancelled" if lane.route.pool is None else "runs on in its thread"
            for lease in leases:
                logger.warning("message %s: its handler %s: left to its lease", lease.message.id, why)
            lane.comes_back(leases, Cause.STOP)
            with lane.lock:
                lane.leases.drop(leases)
            self._abandoned.update(leases)
            for branch in lane.route.branches:
                if branch.pool is not None:
                    branch.pool.leave()
        abandoned = len(self._tasks)
        self._tasks = {}
        return abandoned
