"""Jobs that have many messages: one slot and one handler's call, and each message ends by itself."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context

import attrs

from loafer.application.batches import deliver_batch
from loafer.application.endings import Endings, as_it_counts, broken_off
from loafer.application.errands import tell_started
from loafer.application.forks import FORKS, leave
from loafer.application.handled import BATCH, HANDLED
from loafer.application.lane import Lane
from loafer.application.options import Options
from loafer.application.report import companies
from loafer.application.route import BatchCall
from loafer.application.running import Running
from loafer.application.settlement import Settlement
from loafer.application.slots import Slots
from loafer.application.tasks import start_task
from loafer.application.walk import wait_for_the_rest
from loafer.domain.lease import Lease
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class BatchJobs:
    """Runs the handlers of batches.

    Attributes:
        slots: A batch has one.
        running: Keeps what runs.
        options: Say how long a handler may take.
        settlements: Where messages go whose leases have ended.
        endings: Where they go once they were handled.
        start: Called when something else may start.
        context: What each handler's context variables start from.

    """

    slots: Slots
    running: Running
    options: Options
    settlements: Mapping[Lane, Settlement]
    endings: Endings
    start: Callable[[Lane], None]
    context: Context

    def start_batch(self, lane: Lane, leases: Sequence[Lease], now: float) -> None:
        """Start one job with many messages, but for those whose leases have ended, and those that were done before."""
        valid = self.settlements[lane].without_done(self._valid(lane, leases, now), now)
        if not valid:
            self.slots.unused(lane)
            return
        self.slots.more(lane, len(valid) - 1)
        self.running.starting = had = lane, valid, now
        context = self.context.copy()
        task = start_task(self._run(lane, valid, now), context)
        self.running.add(task, had, None, context)

    def _valid(self, lane: Lane, leases: Sequence[Lease], now: float) -> Sequence[Lease]:
        """Return those of a batch whose leases hold; the others are let go."""
        valid = [lease for lease in leases if lease.is_valid(now)]
        if len(valid) < len(leases):
            text = "%d messages on %r: their leases ended while they waited; they are not started"
            logger.warning(text, len(leases) - len(valid), lane.route.name)
            self.settlements[lane].let_go([lease for lease in leases if not lease.is_valid(now)], Cause.LEASE_LOST)
        return valid

    async def _run(self, lane: Lane, leases: Sequence[Lease], began: float) -> None:
        route = lane.route
        assert isinstance(route.call, BatchCall)  # noqa: S101 - which is why its lane collects batches
        limit = self.options.limit_of(route)
        valid = self._valid(lane, leases, lane.clock())  # a task may begin late
        self.slots.more(lane, max(1, len(valid)) - len(leases))
        if not valid:
            self.slots.free(lane)
            self.start(lane)
            return
        leases = valid
        for lease in leases:
            lease.begin()
        messages = [lease.message for lease in leases]
        if lane.tell.started:
            tell_started(lane, messages)
        depth = FORKS.depth
        BATCH.set(lane)
        try:
            deliveries = await deliver_batch(route, route.call, messages, limit, lane.is_ours)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the message fails
            deliveries = [broken_off(self.running, lane, lease, lease.message, error) for lease in leases]
        await wait_for_the_rest()
        if FORKS.depth != depth:
            leave(deliveries[0].error)
        all_counted = [as_it_counts(self.running, *each) for each in zip(leases, deliveries, strict=True)]
        counted = [delivery for delivery in all_counted if delivery is not None]
        if not counted:
            return
        now = lane.clock()
        self.slots.more(lane, 1 - len(leases))
        self.slots.ended(lane, [now - began], now)
        for lease, delivery, company in zip(leases, counted, companies(counted), strict=True):
            HANDLED.set((lane, delivery.message, began))
            self.endings.end(lane, lease, delivery, now - began, company)
