"""What becomes of a message whose handling has ended: it is deleted, given back, or goes the way of what is kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from operator import attrgetter

import attrs

from loafer.application.causes import cause_of
from loafer.application.denial import Denial
from loafer.application.gate import Gate
from loafer.application.keeping import Keeping
from loafer.application.lane import Lane
from loafer.application.outbox import Outbox, Results
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.domain.lease import Lease
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.domain.ordering import GroupOrder, group_of
from loafer.domain.retry import Retry
from loafer.exceptions import AccessDenied
from loafer.ports.observer import Cause, Operation

logger = logging.getLogger(__name__)

UNRUN = "message %s: given back unrun at its last receive: its source moves it on"

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
    _keeping: Keeping = attrs.field(init=False)
    _denial: Denial = attrs.field(init=False)
    _gate: Gate = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make an outbox for each kind of batch."""
        self._acknowledged = self._outbox(Operation.ACKNOWLEDGE, self._acknowledge)
        self._released = self._outbox(Operation.RELEASE, self._release)
        self._keeping = Keeping(self.lane, self.stop, self, self.start, self.explain)
        self._denial = Denial(self.lane, self.slots, self.stop, self.start)
        self._gate = Gate(self.stop, self.lane.clock, self._release_now)

    def acknowledge(self, leases: Sequence[Lease], now: float) -> None:
        """Delete messages whose handling has ended now."""
        for lease in leases:
            lease.settling = True
        self._acknowledged.put(leases, now)

    def without_done(self, leases: Sequence[Lease], now: float) -> Sequence[Lease]:
        """Return which messages are to be handled or given back, and hold those no longer that were done before.

        What is there still is deleted. The answer to an earlier receive may be late: what it brings is there no more.
        """
        before = self.lane.done_before
        done = [lease for lease in leases if before.knows(lease.message)]
        if not done:
            return leases
        for lease in done:
            logger.info("message %s: not run again, for it was done before", lease.message.id)
        there = [lease for lease in done if before.is_newer(lease.message)]
        if there:
            self.acknowledge(there, now)
        if len(there) < len(done):
            self.finished([lease for lease in done if lease not in there], confirmed=True)
        return [lease for lease in leases if lease not in done]

    def keep(
        self, lease: Lease, outcome: Outcome, error: BaseException | None, now: float, retry: Retry | None = None
    ) -> None:
        """Act upon the outcome of a message whose handling has ended now, with `error` if it raised, and that stays.

        `retry` says when it comes back; None: as the lane's does.
        """
        stopping = self.stop.requested.is_set()
        lease.kept_for = cause_of(outcome, error, stopping=stopping)
        cut = stopping and outcome is Outcome.UNTRANSLATED and isinstance(error, asyncio.CancelledError)
        if cut and not self.lane.is_followed(lease):  # it goes back, and does not run again in its place
            lease.not_begun()
        self._keeping.keep(lease, error, now, retry or self.retry)

    def release(self, leases: Sequence[Lease], delay: float = 0, *, cause: Cause = Cause.ORDER) -> None:
        """Give messages back, in their order, visible again after `delay` seconds; in a stop, see `open_gate`.

        Those that were done before are deleted.
        """
        leases = self.without_done(leases, self.lane.clock())
        for lease in leases if self.stop.begun else ():
            if lease.is_due(self.lane.info.max_receive_count):
                logger.warning(UNRUN, lease.message.id)
        self._give_back(leases, delay, cause)

    def _give_back(self, leases: Sequence[Lease], delay: float, cause: Cause) -> None:
        self.lane.comes_back(leases, cause)
        self._gate.release(leases, delay)

    def taken_out(self, messages: Sequence[Message]) -> list[Lease]:
        """Take what was to be given back, and has come again with these messages: given back, it would never run."""
        info, again = self.lane.info, {message.id for message in messages}
        return self._gate.take_out(again, info.last_receive, group_of if info.ordered else attrgetter("id"))

    def open_gate(self, served_until: float) -> None:
        """Let go what a stop gives back: no poll is open, and the source serves aborted ones until `served_until`."""
        self._gate.open(served_until)

    def let_go(self, leases: Sequence[Lease], cause: Cause) -> None:
        """Leave started messages to their leases, and give back what waits for them."""
        self.lane.comes_back(leases, cause)
        self.finished(leases, confirmed=False)

    def finished(self, leases: Sequence[Lease], *, confirmed: bool) -> None:
        """Hold messages no longer: what waited for them may start, unless their settlement was not confirmed.

        What waits for a message that is given back is given back behind it. Not where that one had its last receive:
        that something came behind it shows that its source has moved it, whether or not it confirmed the release. Nor
        where something came behind it after it was received: it was deleted or moved, and the answer is late, or lost.
        """
        if not confirmed:
            lost = [lease for lease in leases if lease.settling and not self._is_gone(lease)]
            self.lane.comes_back(lost, Cause.DELETE_FAILED)
        last, before = self.lane.info.max_receive_count, self.lane.done_before
        for lease in leases:
            if lease.settling:
                remember = before.add_deleted if confirmed and lease.message.receive_count == 1 else before.add
                remember(lease.message)
            goes = lease.is_last_receive(last) if lease.released else confirmed
            if not (goes or self._is_gone(lease)):
                self.release(self.lane.order.followers(lease))
        self.lane.finished(leases)
        if self.lane.order.startable:
            self.start(self.lane)
        self.slots.seats.changed(self.lane)

    def _is_gone(self, lease: Lease) -> bool:
        """Tell whether a message that is done, or given back, is gone from its source, though no answer has said so."""
        order = self.lane.order
        return (lease.settling or lease.released) and isinstance(order, GroupOrder) and order.is_overtaken(lease)

    def look_for_return(self, messages: Sequence[Message]) -> None:
        """See whether messages come again that could not be deleted: each time that costs what is held a receive."""
        with self.lane.lock:
            again = self.lane.leases.come_again(messages, self.lane.clock())
        if again:
            self._denial.in_vain(again)

    def sorted_out(self, leases: Sequence[Lease], messages: Sequence[Message]) -> Sequence[Lease]:
        """Return which leases on messages that came together may wait for their start; the others are given back.

        A message without runs left is given back until its source has moved it: each receive brings that nearer.
        `messages` has those too that are held already: what came behind one of them that is to come alone is given back
        as well.
        """
        now = self.lane.clock()
        if not self.lane.singles.any(now):
            return leases
        limit = self.lane.info.max_receive_count
        back = self.lane.singles.given_back(messages, now, limit)
        for lease in self.without_done([lease for lease in leases if lease.message.id in back], now):
            self._give_back([lease], self.lane.singles.pause(lease.message), Cause.ORDER)
        return [lease for lease in leases if lease.message.id not in back]

    async def drained(self) -> None:
        """Wait until every message is settled or given up; nothing waits for company any more."""
        await self._keeping.drained()
        await asyncio.gather(self._denial.end(), self._acknowledged.drained(), self._released.drained())

    def leave_the_rest(self) -> None:
        """Leave what could not be settled to its lease: nobody waits for it any more."""
        self._keeping.leave_the_rest()
        self._acknowledged.over = self._released.over = True

    def _release_now(self, lease: Lease, delay: float) -> None:
        now = self.lane.clock()
        lease.release_delay = max(0.0, min(delay, lease.ends_at - now))  # SQS refuses more
        self._released.put([lease], now)

    def _outbox(self, operation: Operation, send: Callable[[Sequence[Lease]], Awaitable[Results]]) -> Outbox:
        return Outbox(operation, self.lane, send, self.finished, self._others_may_join)

    def _others_may_join(self) -> bool:
        return self.slots.is_running(self.lane) or self.lane.order.startable > 0

    async def _acknowledge(self, leases: Sequence[Lease]) -> Results:
        now = self.lane.clock()
        outdated = [index for index, lease in enumerate(leases) if not lease.is_valid(now)]
        try:
            results = await self.lane.consumer.acknowledge([lease.message for lease in leases])
        except BaseException as error:
            if isinstance(error, AccessDenied):
                self._denial.denied(error)
            self._look_for_end(leases)
            raise
        if any(result is None or not result.retryable for result in results):
            self._denial.over()
        else:
            self._look_for_end(leases)
        for index in outdated:
            result, message = results[index], leases[index].message
            if result is None or not result.retryable:
                self.lane.counts["stale"] += 1
                self.lane.done_before.add(message)  # whatever was answered: an outdated receipt may delete nothing
                refused = " and refused" * (result is not None)
                logger.warning("message %s: stale: acknowledged%s after its lease had ended", message.id, refused)
        return results

    def _look_for_end(self, leases: Sequence[Lease]) -> None:
        """See whether leases of messages have ended that could not be deleted: others may have them."""
        now = self.lane.clock()
        ended = [lease.message for lease in leases if not lease.is_valid(now)]
        if ended:  # one that could not be deleted before is no news, and bars nothing
            new = [message for message in ended if self.lane.done_before.add(message)]
            self._denial.in_vain(ended, bars=bool(new))

    async def _release(self, leases: Sequence[Lease]) -> Results:
        while any(lease.extending for lease in leases):  # noqa: ASYNC110 - the extension ends on another thread
            await asyncio.sleep(EXTENSION_CHECK)  # whichever call reaches the source last wins
        delays = [lease.release_delay or 0.0 for lease in leases]
        return await self.lane.consumer.release([lease.message for lease in leases], delays)
