"""From a received message to its settlement: start it, deliver it, act upon the outcome."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context

import attrs

from loafer.application.delivery import Delivery, deliver, ignore, log
from loafer.application.lane import Lane
from loafer.application.retention import Retention
from loafer.application.shutdown import Stop
from loafer.application.slots import Slots
from loafer.application.tasks import start_task
from loafer.application.watchdog import Watchdog
from loafer.domain.lease import Lease
from loafer.domain.message import Message

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Jobs:
    """Runs the handlers of all lanes: each message in a task of its own, never more at once than there are slots."""

    slots: Slots
    retention: Retention
    stop: Stop
    timeout: float | None
    observe: Callable[[Delivery], None]
    watchdog: Watchdog | None = None
    _tasks: "dict[asyncio.Task[None], tuple[Lane, Lease]]" = attrs.field(factory=dict, init=False)
    _context: Context = attrs.field(factory=copy_context, init=False)
    """What each handler's context variables start from: one message often starts the next, and must not colour it."""
    _starting: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Start again what is retried in its place."""
        self.retention.restart = self.start

    def admit(self, lane: Lane, messages: Sequence[Message]) -> None:
        """Take in what a receive brought; once loafer stops, it is given back."""
        if self.watchdog is not None:
            self.watchdog.give_way()
        leases = lane.take(messages)
        if self.stop.requested.is_set():
            self.retention.give_back(lane, leases)
            return
        lane.order.add(self.retention.startable(lane, leases))
        self.start(lane)

    def start(self, lane: Lane) -> None:
        """Start what may start, now that `lane` may have something."""
        self.slots.ready(lane)
        if self._starting:
            return  # whoever is starting goes on
        self._starting = True
        try:
            while not self.stop.requested.is_set() and (ready := self.slots.next()) is not None:
                self._start_one(*ready)
        finally:
            self._starting = False

    def settled(self, lane: Lane, leases: Sequence[Lease], *, confirmed: bool) -> None:
        """Let go of settled messages: what waited for them may start, unless their settlement was not confirmed."""
        if not confirmed:
            for lease in leases:
                self.retention.give_back(lane, lane.order.followers(lease))
        lane.settled(leases)
        if lane.order.startable:
            self.start(lane)
        self.slots.changed(lane)

    def release_waiting(self, lanes: Sequence[Lane]) -> None:
        """Give back what waits."""
        for lane in lanes:
            self.retention.give_back(lane, lane.order.drain())

    async def ended(self) -> None:
        """Wait until no handler runs."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Cancel what runs; a function that has started in its thread goes on."""
        for task in self._tasks:
            task.cancel()

    def abandon(self) -> int:
        """Leave what still runs to its lease and return how many that are."""
        for lane, lease in self._tasks.values():
            text = "message %s: its handler cannot be cancelled (does it run in a thread?): left to its lease"
            logger.warning(text, lease.message.id)
            with lane.lock:
                lane.leases.drop([lease])
        abandoned, self._tasks = len(self._tasks), {}
        return abandoned

    def _start_one(self, lane: Lane, lease: Lease) -> None:
        now = lane.clock()
        if not lease.is_valid(now):
            logger.warning("message %s: its lease ended while it waited; it is not started", lease.message.id)
            self.slots.free(lane)
            self.settled(lane, [lease], confirmed=False)
            return
        lease.runs += 1
        task = start_task(self._run(lane, lease, now), self._context.copy())
        if not task.done():
            self._tasks[task] = lane, lease
            task.add_done_callback(self._forget)

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(task, None)

    async def _run(self, lane: Lane, lease: Lease, began: float) -> None:
        message = lease.message  # which a newer delivery replaces
        outcome, error = await deliver(lane.route, message, self.timeout)
        now = lane.clock()
        self.slots.ended(lane, now - began, now)
        lane.counts[outcome.word] += 1
        if error is not None or self.observe is not ignore:
            self._tell(Delivery(lane.route.name, message, outcome, error))
        if outcome.acknowledged:
            self.retention.settlements[lane].acknowledge(lease, now)
        else:
            self.retention.keep(lane, lease, error)
        if not self._starting:  # a handler that ended at once leaves that to its starter
            self.start(lane)

    def _tell(self, delivery: Delivery) -> None:
        self.observe(delivery)
        log(delivery)
        if delivery.fatal is not None:
            self.stop.fail(delivery.fatal)
