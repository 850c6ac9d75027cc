"""What becomes of a message that is kept: left, given back, or on a FIFO queue run again in its place."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import attrs

from loafer.application.lane import Lane
from loafer.application.settlement import Settlement
from loafer.application.shutdown import Stop
from loafer.domain.batch import Failure
from loafer.domain.lease import Lease
from loafer.domain.ordering import GroupOrder
from loafer.domain.retry import RetryDelay, backoff, retry_delay
from loafer.exceptions import LoaferError

logger = logging.getLogger(__name__)

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
"""Bounds of the wait before a failed move to the dead-letter queue is tried again, in seconds."""


@attrs.define(eq=False)
class Retention:
    """Keeps messages on their queue, and decides when they come back.

    Attributes:
        settlements: The settlement of each lane.
        restart: Called when a message may start again in its place.

    """

    retry_delay: RetryDelay
    stop: Stop
    settlements: dict[Lane, Settlement] = attrs.field(factory=dict, init=False)
    restart: Callable[[Lane], None] = attrs.field(init=False)
    _moves: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)

    async def drained(self) -> None:
        """Wait until every message is settled or given up; nothing waits for company any more."""
        if self._moves:
            await asyncio.wait(self._moves)
        await asyncio.gather(*(settlement.drained() for settlement in self.settlements.values()))

    def give_back(self, lane: Lane, leases: Sequence[Lease]) -> None:
        """Make messages visible to others at once, in their order."""
        for lease in leases:
            self.settlements[lane].release(lease, 0)

    def keep(self, lane: Lane, lease: Lease, error: BaseException | None) -> None:
        """Keep a message whose handling did not succeed."""
        delay = retry_delay(self.retry_delay, error, lease.attempts, random.random())
        if self.stop.requested.is_set() and isinstance(error, asyncio.CancelledError):
            self.give_back(lane, [lease])
        elif isinstance(lane.order, GroupOrder):
            self._keep_in_place(lane, lane.order, lease, delay)
        elif delay is None:
            lane.settled([lease])
        else:
            self.settlements[lane].release(lease, delay)

    def startable(self, lane: Lane, leases: Sequence[Lease]) -> Sequence[Lease]:
        """Return which of the messages that came together may wait for their start; the others are given back.

        A message without runs left is given back until its source has moved it: each receive brings that nearer.
        """
        now = lane.clock()
        if not lane.spent.any(now):
            return leases
        spent = lane.spent.among([lease.message for lease in leases], now)
        self.give_back(lane, [lease for lease in leases if lease.message.id in spent])
        return [lease for lease in leases if lease.message.id not in spent]

    def _keep_in_place(self, lane: Lane, order: GroupOrder, lease: Lease, delay: float | None) -> None:
        """Keep the head of a group: it runs again after its delay, and its followers wait for that."""
        limit = lane.info.max_receive_count
        if self.stop.requested.is_set():
            self.settlements[lane].release(lease, delay or 0)
        elif limit is not None and lease.attempts >= limit:
            move = asyncio.get_running_loop().create_task(self._move_on(lane, order, lease))
            self._moves.add(move)
            move.add_done_callback(self._moves.discard)
        else:
            now = lane.clock()
            wait = max(0.0, lease.deadline - now) if delay is None else delay
            order.retry(lease, now + wait)
            asyncio.get_running_loop().call_later(wait, self._wake, lane, order, now + wait)

    def _wake(self, lane: Lane, order: GroupOrder, at: float) -> None:
        """Let those start whose time is `at`: a timer may fire a little before it, and fires but once."""
        order.wake(at)
        self.restart(lane)

    async def _move_on(self, lane: Lane, order: GroupOrder, lease: Lease) -> None:
        """Move a message that has no runs left to the dead-letter queue, or leave that to the source."""
        failure = await self._dead_lettered(lane, lease)
        message = lease.message
        if failure is None:
            logger.warning("message %s: moved to the dead-letter queue after %d runs", message.id, lease.attempts)
            lane.counts["dead_lettered"] += 1
            self.settlements[lane].settled([lease], confirmed=True)
            return
        logger.warning("message %s: left to the source's own redrive: %s", message.id, failure.reason)
        lane.spent.add(message, lane.clock())
        self.give_back(lane, [lease, *order.followers(lease)])

    async def _dead_lettered(self, lane: Lane, lease: Lease) -> Failure | None:
        tries = 0
        while True:
            try:
                failure = await lane.consumer.dead_letter(lease.message)
            except LoaferError as error:
                failure = Failure(str(error))
            tries += 1
            if failure is None or not failure.retryable or self.stop.requested.is_set():
                return failure
            if not lease.is_valid(lane.clock()):
                return Failure("its lease ended", retryable=False)
            wait = backoff(tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random())
            await asyncio.sleep(wait)
