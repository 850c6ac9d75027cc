"""From a received message to its settlement: start it, deliver it, act upon the outcome."""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, copy_context

import attrs

from loafer.application.delivery import Delivery, deliver, log
from loafer.application.lane import Lane
from loafer.application.retention import Retention
from loafer.application.shutdown import Stop
from loafer.application.slots import Slots
from loafer.domain.lease import Lease
from loafer.domain.message import Message

logger = logging.getLogger(__name__)


if sys.version_info >= (3, 12):

    def _start_task(coroutine: Coroutine[object, object, None], context: Context) -> "asyncio.Task[None]":
        """Start a task, which runs at once until it first waits: many handlers never do."""
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), context=context, eager_start=True)

else:

    def _start_task(coroutine: Coroutine[object, object, None], context: Context) -> "asyncio.Task[None]":
        """Start a task, which runs when its turn comes: tasks cannot start at once yet."""
        return asyncio.get_running_loop().create_task(coroutine, context=context)


@attrs.define(eq=False)
class Jobs:
    """Runs the handlers of all lanes: each message in a task of its own, never more at once than there are slots."""

    slots: Slots
    retention: Retention
    stop: Stop
    timeout: float | None
    observe: Callable[[Delivery], None]
    _tasks: "dict[asyncio.Task[None], tuple[Lane, Lease]]" = attrs.field(factory=dict, init=False)
    _context: Context = attrs.field(factory=copy_context, init=False)
    """What each handler's context variables start from: one message often starts the next, and must not colour it."""
    _starting: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Start again what is retried in its place."""
        self.retention.restart = self.start

    def admit(self, lane: Lane, messages: Sequence[Message]) -> None:
        """Take in what a receive brought; once loafer stops, it is given back."""
        leases = lane.take(messages)
        if self.stop.requested.is_set():
            self.retention.give_back(lane, leases)
            return
        for lease in self.retention.startable(lane, leases):
            lane.order.add(lease)
        self.start(lane)

    def start(self, lane: Lane) -> None:
        """Start what may start, now that `lane` may have something."""
        self.slots.ready(lane)
        if self._starting:
            return  # whoever is starting goes on
        self._starting = True
        try:
            while not self.stop.requested.is_set() and (ready := self.slots.next_lane()) is not None:
                self._start_next(ready)
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
                lane.leases.drop(lease)
        abandoned, self._tasks = len(self._tasks), {}
        return abandoned

    def _start_next(self, lane: Lane) -> None:
        lease = lane.order.next()
        if lease is None:
            return
        now = lane.clock()
        if not lease.is_valid(now):
            logger.warning("message %s: its lease ended while it waited; it is not started", lease.message.id)
            self.settled(lane, [lease], confirmed=False)
            return
        lease.runs += 1
        self.slots.started(lane)
        task = _start_task(self._run(lane, lease, now), self._context.copy())
        if not task.done():
            self._tasks[task] = lane, lease
            task.add_done_callback(self._forget)

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(task, None)

    async def _run(self, lane: Lane, lease: Lease, began: float) -> None:
        delivery = await deliver(lane.route, lease.message, self.timeout)
        now = lane.clock()
        self.slots.ended(lane, now - began, now)
        lane.counts[delivery.outcome.value] += 1
        if delivery.outcome.acknowledged:
            self.retention.settlements[lane].acknowledge(lease)
        else:
            self.retention.keep(lane, lease, delivery)
        self.observe(delivery)
        if delivery.error is not None:
            log(delivery)
            if delivery.stops_the_worker:
                self.stop.fail(delivery.error)
        if not self._starting:  # a handler that ended at once leaves that to its starter
            self.start(lane)
        self.slots.changed(lane)
