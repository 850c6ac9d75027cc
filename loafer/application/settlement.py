"""What becomes of a message whose handling has ended: deleted, left, given back, or on a FIFO queue run again."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence

import attrs

from loafer.application.causes import cause_of
from loafer.application.denial import Denial
from loafer.application.failures import reason_for
from loafer.application.gate import Gate
from loafer.application.lane import Lane
from loafer.application.outbox import Outbox, Results
from loafer.application.pool import NotStarted
from loafer.application.redrive import MOVES, Redrive
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.domain.failure import Reason
from loafer.domain.lease import Lease
from loafer.domain.lifecycle import Outcome
from loafer.domain.ordering import GroupOrder
from loafer.domain.retry import Retry, retry_delay
from loafer.exceptions import AccessDenied
from loafer.ports.observer import Cause, Operation

logger = logging.getLogger(__name__)

POLL_CHECK = 0.1
"""Seconds between two looks whether a receive that may bring several messages is still under way."""

EXTENSION_CHECK = 0.01
"""Seconds between two looks whether an extension that is under way has ended."""


@attrs.define(eq=False)
class Settlement:
    """Settles the messages of one lane.

    Attributes:
        lane: Whose messages they are.
        slots: Told when a message is held no longer.
        stop: Once it is requested, what is kept is given back.
        retry: When a kept message comes back.
        start: Called when a message of the lane may start.
        explain: Messages of a standard queue are moved at their last attempt, so that their copies say why.

    """

    lane: Lane
    slots: Slots
    stop: Stop
    retry: Retry
    start: Callable[[Lane], None]
    explain: bool = False
    _acknowledged: Outbox = attrs.field(init=False)
    _released: Outbox = attrs.field(init=False)
    _redrive: Redrive = attrs.field(init=False)
    _denial: Denial = attrs.field(init=False)
    _gate: Gate = attrs.field(init=False)
    _moves: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        """Make an outbox for each kind of batch."""
        self._acknowledged = self._outbox(Operation.ACKNOWLEDGE, self._acknowledge)
        self._released = self._outbox(Operation.RELEASE, self._release)
        self._redrive = Redrive(self.lane, self.stop)
        self._denial = Denial(self.lane, self.slots, self.stop, self.start)
        self._gate = Gate(self.stop, self.lane.clock, self._release_now)

    def acknowledge(self, leases: Sequence[Lease], now: float) -> None:
        """Delete messages whose handling has ended now."""
        for lease in leases:
            lease.settling = True
        self._acknowledged.put(leases, now)

    def keep(
        self, lease: Lease, outcome: Outcome, error: BaseException | None, now: float, retry: Retry | None = None
    ) -> None:
        """Act upon the outcome of a message whose handling has ended now, with `error` if it raised, and that stays.

        `retry` says when it comes back; None: as the lane's does.
        """
        lease.kept_for = cause_of(outcome, error, stopping=self.stop.requested.is_set())
        self._keep(lease, error, now, retry or self.retry)

    def release(self, leases: Sequence[Lease], delay: float = 0, *, cause: Cause = Cause.ORDER) -> None:
        """Give messages back, in their order, visible again after `delay` seconds; in a stop, see `open_gate`."""
        self.lane.comes_back(leases, cause)
        self._gate.release(leases, delay)

    def open_gate(self, served_until: float) -> None:
        """Let go what a stop gives back: no poll is open, and the source serves aborted ones until `served_until`."""
        self._gate.open(served_until)

    def let_go(self, leases: Sequence[Lease], cause: Cause) -> None:
        """Leave started messages to their leases, and give back what waits for them."""
        self.lane.comes_back(leases, cause)
        self._finished(leases, confirmed=False)

    def sorted_out(self, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Return which of the messages that came together may wait for their start; the others are given back.

        A message without runs left is given back until its source has moved it: each receive brings that nearer.
        """
        now = self.lane.clock()
        if not self.lane.singles.any(now):
            return leases
        back = self.lane.singles.given_back([lease.message for lease in leases], now)
        for lease in leases:
            if lease.message.id in back:
                self.release([lease], self.lane.singles.pause(lease.message.id))
        return [lease for lease in leases if lease.message.id not in back]

    async def drained(self) -> None:
        """Wait until every message is settled or given up; nothing waits for company any more."""
        if self._moves:
            await asyncio.wait(self._moves)
        await asyncio.gather(self._acknowledged.drained(), self._released.drained())

    def _release_now(self, lease: Lease, delay: float) -> None:
        now = self.lane.clock()
        lease.release_delay = max(0.0, min(delay, lease.ends_at - now))  # SQS refuses more
        self._released.put([lease], now)

    def _keep(self, lease: Lease, error: BaseException | None, now: float, retry: Retry) -> None:
        delay = retry_delay(retry, error, lease.attempts, random.random())
        ran = not isinstance(error, NotStarted)
        lease.runs -= not ran
        if self.stop.requested.is_set() and isinstance(error, asyncio.CancelledError):
            self.release([lease])
        elif (
            ran
            and isinstance(error, Exception | None)
            and (retry.gives_up_after(lease.attempts) or self._explains(lease))
        ):
            self._in_background(self._move_on(lease, delay, reason_for(error, lease, self.lane)))
        elif isinstance(self.lane.order, GroupOrder):
            self._keep_in_place(self.lane.order, lease, delay, now, error)
        else:
            self._leave(lease, delay)

    def _explains(self, lease: Lease) -> bool:
        """Tell whether a message had its last attempt, and would be moved by its source without a word."""
        limit = self.lane.info.max_receive_count
        ordered = isinstance(self.lane.order, GroupOrder)
        return self.explain and not ordered and limit is not None and lease.attempts >= limit

    def _leave(self, lease: Lease, delay: float | None) -> None:
        """Leave a message to its source: it is visible again after its delay, or when its visibility runs out."""
        if delay is None:
            self.lane.comes_back([lease], Cause.FAILED)
            self.lane.finished([lease])
        else:
            self.release([lease], delay)

    def _keep_in_place(
        self, order: GroupOrder, lease: Lease, delay: float | None, now: float, error: BaseException | None
    ) -> None:
        """Keep the head of a group: it runs again after its delay, and its followers wait for that.

        In a stop only if one of them has to run yet.
        """
        limit = self.lane.info.max_receive_count
        if self.stop.requested.is_set() and not order.has_followers(lease):
            self.release([lease], delay or 0)
        elif not self.lane.info.redrive_known:
            self._give_back_in_order(order, lease, delay, now)
        elif limit is not None and lease.attempts >= limit and lease.runs:
            self._in_background(self._move_on(lease, delay, reason_for(error, lease, self.lane)))
        else:
            wait = max(0.0, lease.deadline - now) if delay is None else delay
            order.retry(lease, now + wait)
            asyncio.get_running_loop().call_later(wait, self._wake, order, now + wait)

    def _give_back_in_order(self, order: GroupOrder, lease: Lease, delay: float | None, now: float) -> None:
        """Give a head and its followers back: how many runs it has only the source knows, which counts receives."""
        self.lane.singles.add(lease.message, now, spent=False)
        followers = order.followers(lease)
        if delay is None:
            self.lane.comes_back([lease], Cause.FAILED)
            self._finished([lease], confirmed=True)
            self._release_alone(followers)
        else:
            self._release_alone([lease, *followers], delay)

    def _release_alone(self, leases: Sequence[Lease], delay: float = 0) -> None:
        """Give a group back so that its messages are received one at a time: when no receive may bring several.

        Meanwhile it is held: a receive under way would take the whole group again, and use up its followers' attempts.
        """

        async def wait_and_release() -> None:
            while self.lane.wide_polls and not self.stop.requested.is_set():  # noqa: ASYNC110 - seldom, and for long
                await asyncio.sleep(POLL_CHECK)
            self.release(leases[:1], delay)
            self.release(leases[1:])

        self._in_background(wait_and_release())

    def _in_background(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._moves.add(task)
        task.add_done_callback(self._moves.discard)

    def _wake(self, order: GroupOrder, at: float) -> None:
        """Let those start whose time is `at`: the loop's clock may be a little ahead of ours."""
        order.wake(at)
        self.start(self.lane)

    async def _move_on(self, lease: Lease, delay: float | None, reason: Reason) -> None:
        """Move a message that has no runs left to the dead-letter queue.

        Where that fails, it is left to the source on a FIFO queue; elsewhere it is kept, for no other one waits for it.
        """
        order, message = self.lane.order, lease.message
        ordered = isinstance(order, GroupOrder)
        failure = await self._redrive.move(lease, reason, math.inf if ordered else MOVES)
        if failure is None:
            self._finished([lease], confirmed=True)
        elif not lease.is_valid(self.lane.clock()):
            self.let_go([lease], Cause.LEASE_LOST)
        elif ordered:
            logger.warning("message %s: left to the source's own redrive: %s", message.id, failure.reason)
            self.lane.singles.add(message, self.lane.clock(), spent=True)
            self._release_alone([lease, *order.followers(lease)])
        else:
            logger.warning("message %s: kept, not moved to the dead-letter queue: %s", message.id, failure.reason)
            self._leave(lease, delay)

    def _finished(self, leases: Sequence[Lease], *, confirmed: bool) -> None:
        """Hold messages no longer: what waited for them may start, unless their settlement was not confirmed."""
        if not confirmed:
            self.lane.comes_back([lease for lease in leases if lease.settling], Cause.DELETE_FAILED)
            for lease in leases:
                self.release(self.lane.order.followers(lease))
        self.lane.finished(leases)
        if self.lane.order.startable:
            self.start(self.lane)
        self.slots.seats.changed(self.lane)

    def _outbox(self, operation: Operation, send: Callable[[Sequence[Lease]], Awaitable[Results]]) -> Outbox:
        return Outbox(operation, self.lane, send, self._finished, self._others_may_join)

    def _others_may_join(self) -> bool:
        return self.slots.is_running(self.lane) or self.lane.order.startable > 0

    async def _acknowledge(self, leases: Sequence[Lease]) -> Results:
        now = self.lane.clock()
        outdated = [index for index, lease in enumerate(leases) if not lease.is_valid(now)]
        try:
            results = await self.lane.consumer.acknowledge([lease.message for lease in leases])
        except AccessDenied as error:
            self._denial.denied(error)
            raise
        self._denial.over()
        for index in outdated:
            result, message = results[index], leases[index].message
            if result is None or not result.retryable:
                self.lane.counts["stale"] += 1
                refused = " and refused" * (result is not None)
                logger.warning("message %s: stale: acknowledged%s after its lease had ended", message.id, refused)
        return results

    async def _release(self, leases: Sequence[Lease]) -> Results:
        while any(lease.extending for lease in leases):  # noqa: ASYNC110 - the extension ends on another thread
            await asyncio.sleep(EXTENSION_CHECK)  # whichever call reaches the source last wins
        delays = [lease.release_delay or 0.0 for lease in leases]
        return await self.lane.consumer.release([lease.message for lease in leases], delays)
