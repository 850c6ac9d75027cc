"""What becomes of a message that is kept: left to its source, given back, run again in place, or moved on."""

import asyncio
import logging
import math
import random
from collections.abc import Callable
from functools import partial

import attrs

from loafer.application.background import Background
from loafer.application.failures import reason_for
from loafer.application.heads import Heads
from loafer.application.lane import Lane
from loafer.application.raised import FATAL, NotStarted
from loafer.application.redrive import MOVES, Moved, Redrive
from loafer.application.settling import Settling
from loafer.application.stop import Stop
from loafer.domain.failure import Reason
from loafer.domain.lease import Lease
from loafer.domain.ordering import GroupOrder
from loafer.domain.retry import Retry, retry_delay
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Keeping:
    """Sends what is kept of one lane its way.

    Attributes:
        lane: Whose messages they are.
        stop: Once it is requested, what is kept is given back.
        settling: What is done with them in the end.
        start: Called when a message of the lane may start.
        explain: Messages of a standard queue are moved at their last attempt, so that their copies say why.

    """

    lane: Lane
    stop: Stop
    settling: Settling
    start: Callable[[Lane], None]
    explain: bool
    _redrive: Redrive = attrs.field(init=False)
    _heads: Heads = attrs.field(init=False)
    _background: Background = attrs.field(factory=Background, init=False)

    def __attrs_post_init__(self) -> None:
        """Make what moves messages, and what keeps the heads of groups."""
        self._redrive = Redrive(self.lane, self.stop)
        self._heads = Heads(self.lane, self.stop, self.settling, self.start, self._background)

    async def drained(self) -> None:
        """Wait until nothing is on its way any more."""
        await self._background.drained()

    def leave_the_rest(self) -> None:
        """Leave what is on its way to itself: nobody waits for it any more."""
        self._background.over = True

    def keep(self, lease: Lease, error: BaseException | None, now: float, retry: Retry) -> None:
        """Let a message whose handling has ended now, with `error` if it raised, go the way that it is to go."""
        order, delay = self.lane.order, retry_delay(retry, error, lease.attempts, random.random())
        ran, cut = not isinstance(error, NotStarted), self._is_cut(error)
        if not ran:
            lease.not_begun()
        failed = ran and not (cut or isinstance(error, FATAL))
        if cut and not self.lane.is_followed(lease):  # by what has to run yet
            self.settling.release([lease])
        elif lease.no_attempt:
            self._give_back_unrun(lease, delay, now)
        elif failed and (retry.gives_up_after(lease.attempts) or self._explains(lease)):
            self._move(lease, delay, error)
        elif not isinstance(order, GroupOrder):
            self._leave(lease, delay)
        elif self._heads.is_to_move(order, lease):
            self._move(lease, delay, error)
        else:
            self._heads.keep(order, lease, 0 if cut else delay, now)

    def _is_cut(self, error: BaseException | None) -> bool:
        """Tell whether a stop has cancelled a handler."""
        return self.stop.requested.is_set() and isinstance(error, asyncio.CancelledError)

    def _explains(self, lease: Lease) -> bool:
        """Tell whether a message had its last attempt, and would be moved by its source without a word."""
        ordered = isinstance(self.lane.order, GroupOrder)
        return self.explain and not ordered and lease.is_last_receive(self.lane.info.max_receive_count)

    def _leave(self, lease: Lease, delay: float | None) -> None:
        """Leave a message to its source: it is visible again after its delay, or when its visibility runs out."""
        if delay is None:
            self.lane.comes_back([lease], Cause.FAILED)
            self.lane.finished([lease])
        else:
            self.settling.release([lease], delay)

    def _give_back_unrun(self, lease: Lease, delay: float | None, now: float) -> None:
        """Give back a message that nothing was attempted with, as one for a route that runs on other workers."""
        order = self.lane.order
        if isinstance(order, GroupOrder):
            self._heads.give_back_in_order(order, lease, delay, now)
        else:
            self._leave(lease, delay)

    def _move(self, lease: Lease, delay: float | None, error: BaseException | None) -> None:
        self._background.do(partial(self._move_on, lease, delay, reason_for(error, lease, self.lane)))

    async def _move_on(self, lease: Lease, delay: float | None, reason: Reason) -> None:
        """Move a message that has no runs left to the dead-letter queue.

        Where that fails, it is left to the source on a FIFO queue; elsewhere it is kept, for no other one waits for it.
        """
        order, message = self.lane.order, lease.message
        ordered = isinstance(order, GroupOrder)
        moved = await self._redrive.move(lease, reason, math.inf if ordered else MOVES)
        if isinstance(moved, Moved):
            if moved.deleted:
                lease.settling = True  # what comes again of it is not to run, as of whatever else was deleted
                self.settling.finished([lease], confirmed=True)
            else:
                self.settling.acknowledge([lease], self.lane.clock())
        elif not lease.is_valid(self.lane.clock()):
            self.settling.let_go([lease], Cause.LEASE_LOST)
        elif isinstance(order, GroupOrder):
            logger.warning("message %s: left to the source's own redrive: %s", message.id, moved.reason)
            self._heads.leave_spent(order, lease)
        else:
            text = "message %s: kept, not moved to the dead-letter queue: %s%s"
            copies = "; copies may be there, for answers may have been lost" if moved.may_be_done else ""
            logger.warning(text, message.id, moved.reason, copies)
            self._leave(lease, delay)
