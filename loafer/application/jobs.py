"""Starts what may start, in a task or as an errand, and hands on how its handling has ended."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial

import attrs

from loafer.application.batch_jobs import BatchJobs
from loafer.application.delivery import Delivery, deliver
from loafer.application.endings import Endings, as_it_counts, broken_off
from loafer.application.errands import Errands, begun
from loafer.application.forks import FORKS, leave
from loafer.application.handled import HANDLED
from loafer.application.lane import Lane
from loafer.application.limit import LIMIT
from loafer.application.lines import Lines, when_it_began
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.application.running import Running
from loafer.application.settlement import Settlement
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.tasks import SEE, start_task
from loafer.application.ticket import TICKET, Ticket
from loafer.application.waiting import Phase, Waiting
from loafer.application.walk import wait_for_the_rest
from loafer.domain.collecting import BatchOrder
from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)

LOOK = 0.05
"""Seconds between two looks whether what waits, while nothing runs, has been settled or may start."""


@attrs.define(eq=False)
class Jobs:
    """Runs the handlers of all lanes, in tasks or as errands, never more at once than there are slots."""

    slots: Slots
    stop: Stop
    options: Options
    observe: Callable[[Delivery], None]
    running: Running = attrs.field(init=False)
    waiting: Waiting = attrs.field(init=False)
    _settlements: dict[Lane, Settlement] = attrs.field(init=False)
    _endings: Endings = attrs.field(init=False)
    _lines: Lines = attrs.field(init=False)
    _errands: Errands = attrs.field(init=False)
    _batches: BatchJobs = attrs.field(init=False)
    _context: Context = attrs.field(factory=copy_context, init=False)
    """What each handler's context variables start from: one message often starts the next, and must not colour it."""
    _starting: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Make the rooms that jobs need, and give each lane its settlement."""
        self.running = Running(self._unbegun, asyncio.current_task(), self.stop.begin)
        self._context.run(SEE.set, self.running.see_cancelled)
        self._context.run(LIMIT.set, None)  # of a handler that this worker may have been started in, as the next one
        self._context.run(HANDLED.set, None)
        self._settlements = {
            lane: Settlement(
                lane,
                self.slots,
                self.stop,
                lane.route.retry or self.options.retry_delay,
                self.start,
                self.options.explain_dead_letters,
            )
            for lane in self.slots.lanes
        }
        self.waiting = Waiting(self.slots, self._settlements, self.start)
        self._endings = Endings(
            self._settlements, self.slots, self.stop, self.options, self.observe, self.start, self._context
        )
        self._lines = Lines(self.slots, self.start)
        self._errands = Errands(self.running, self._endings, self._not_started)
        self._batches = BatchJobs(
            self.slots, self.running, self.options, self._settlements, self._endings, self.start, self._context
        )

    def admit(self, lane: Lane, messages: Sequence[Message], since: float, hidden_for: float, doubted: bool) -> None:
        """Take in what a receive brought, at the time `since` at the earliest, and that is hidden for so many seconds.

        Where that is doubted, it starts once it was extended. In a stop it is given back, but for messages at their
        last receive, while there is time for them. A message that another lane of the same queue holds, or whose group
        it holds, goes to that lane.
        """
        for owner, theirs in lane.owners(messages):
            settlement = self._settlements[owner]
            settlement.look_for_return(theirs)
            leases = owner.take(theirs, since, hidden_for, doubted=doubted)
            if self.waiting.phase is Phase.LAST_RECEIVES:
                leases = [*settlement.taken_out(theirs), *leases]
            self._admit(owner, settlement.sorted_out(leases, theirs))

    def _admit(self, lane: Lane, leases: Sequence[Lease]) -> None:
        lane.order.add(leases)
        if leases and isinstance(lane.order, BatchOrder) and isinstance(lane.route.call, BatchCall):
            loop, wait, short = asyncio.get_running_loop(), lane.route.call.wait, leases[0].short_from - lane.clock()
            loop.call_later(wait, self._ripen, lane, lane.order, leases[-1])
            if short < wait:
                loop.call_later(short, self._ripen_if_denied, lane, lane.order, leases[-1])
        if self.stop.requested.is_set():
            self.waiting.give_back(lane)
        self.start(lane)

    def _ripen(self, lane: Lane, order: BatchOrder, lease: Lease) -> None:
        """Let a batch start that is not full: its first message has waited for long enough."""
        order.ripen(lease)
        self.start(lane)

    def _ripen_if_denied(self, lane: Lane, order: BatchOrder, lease: Lease) -> None:
        """Let a batch start that is not full where its leases may not be extended, before the first of them ends."""
        if not lane.may_extend:
            self._ripen(lane, order, lease)

    def start(self, lane: Lane) -> None:
        """Start what may start, now that `lane` may have something."""
        self.slots.ready(lane)
        if self._starting:
            return  # whoever is starting goes on
        self._starting = True
        stop, waiting = self.stop, self.waiting
        try:
            while (not stop.begun or waiting.phase is Phase.LAST_RECEIVES) and (ready := self.slots.next()) is not None:
                self._start_one(*ready)
        finally:
            self._starting = False
        if self.slots.pauses:
            self._start_later()

    def _start_later(self) -> None:
        """Start what a lane's rate has put off, when its time has come."""
        loop = asyncio.get_running_loop()
        while self.slots.pauses:
            lane, seconds = self.slots.pauses.popitem()
            loop.call_later(seconds, self._start_again, lane)

    def _start_again(self, lane: Lane) -> None:
        self.slots.pause_over(lane)
        self.start(lane)

    def open_gate(self, lane: Lane, served_until: float) -> None:
        """Let go what a stop gives back of a lane: its source serves no poll but aborted ones, until `served_until`."""
        self._settlements[lane].open_gate(served_until)

    async def idle(self) -> None:
        """Wait until no handler runs and nothing waits."""
        while self.running or self.waiting:
            await (self.running.some_ended() if self.running else asyncio.sleep(LOOK))

    async def drained(self) -> None:
        """Wait until every message is settled or given up; nothing waits for company any more."""
        self._endings.settle()
        await asyncio.gather(*(settlement.drained() for settlement in self._settlements.values()))

    def leave_the_rest(self) -> None:
        """Leave what could not be settled to its lease: nobody waits for it any more."""
        for settlement in self._settlements.values():
            settlement.leave_the_rest()

    def _start_one(self, lane: Lane, lease: Lease) -> None:
        now = lane.clock()
        if isinstance(lane.order, BatchOrder):
            batch = [lease, *lane.order.rest()]
            late = any(lane.is_short(each, now) for each in batch)
            (self._start_once_extended if late else self._batches.start_batch)(lane, batch, now)
            return
        if lane.is_short(lease, now):
            self._start_once_extended(lane, [lease], now)
            return
        if lane.done_before.knows(lease.message):
            self._settlements[lane].without_done([lease], now)
            self.slots.unused(lane)
            return
        context = self._context.copy()
        ticket = None if lane.route.pool is None else self._lines.ticket(lane, lease, now)
        self.running.starting = had = lane, (lease,), now
        if ticket is not None:
            if self.options.limit_of(lane.route) is None:
                self._errands.start(ticket, now, context)
                return
            context.run(TICKET.set, ticket)
        task = start_task(self._run(lane, lease, now, ticket), context)
        self.running.add(task, had, ticket, context)

    def _start_once_extended(self, lane: Lane, leases: Sequence[Lease], now: float) -> None:
        """Let messages wait, in their slot, for leases of which little is left, as after an answer that was late.

        Another worker could have them else while they run here.
        """
        self.slots.more(lane, len(leases) - 1)
        self.running.starting = had = lane, leases, now
        context = self._context.copy()
        self.running.add(start_task(self._once_extended(lane, leases), context), had, None, context)

    async def _once_extended(self, lane: Lane, leases: Sequence[Lease]) -> None:
        while any(lane.is_short(lease, lane.clock()) for lease in leases):  # noqa: ASYNC110 - another thread extends them
            await asyncio.sleep(LOOK)
        self._unbegun(lane, leases)

    def _unbegun(self, lane: Lane, leases: Sequence[Lease]) -> None:
        """Let messages wait for their start again whose task somebody has cancelled before it began."""
        self.slots.put_back(lane, leases)
        if self.stop.requested.is_set():
            self.waiting.give_back(lane)
        self.start(lane)

    async def _run(self, lane: Lane, lease: Lease, began: float, ticket: Ticket | None) -> None:
        """Run a handler; its lease is looked at here, for a task may begin late, as when the process stood still."""
        if not lease.is_valid(lane.clock()):
            self._not_started(lane, lease)
            return
        message, route = begun(lane, lease, began), lane.route
        limit = self.options.limit_of(route)
        depth = FORKS.depth
        try:
            if route.branching is None:
                delivery = await deliver(route, message, limit)
            else:
                from loafer.application.branching import deliver_to_one  # noqa: PLC0415 - few routes share a source

                threadless = partial(self._threadless, lane)
                delivery = await deliver_to_one(route, route.branching, message, limit, threadless)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the message fails
            delivery = broken_off(self.running, lane, lease, message, error)
        if delivery.error is not None:
            await wait_for_the_rest()
        if FORKS.depth != depth:
            leave(delivery.error)
        counted, now = as_it_counts(self.running, lease, delivery), lane.clock()
        if counted is None:
            return
        if ticket is not None:
            if self._errands.gave_up(ticket):
                return
            began = when_it_began(ticket, began)
        self._endings.end(lane, lease, counted, now - began)

    @contextmanager
    def _threadless(self, lane: Lane) -> Iterator[None]:
        """Let others start in the thread of a job that needs none."""
        with self.slots.threadless(lane):
            self.start(lane)
            yield

    def _not_started(self, lane: Lane, lease: Lease) -> None:
        logger.warning("message %s: its lease ended while it waited; it is not started", lease.message.id)
        self.slots.free(lane)
        self._settlements[lane].let_go([lease], Cause.LEASE_LOST)
        if not self._starting:
            self.start(lane)
