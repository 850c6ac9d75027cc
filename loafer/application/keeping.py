"""What becomes of a message that is kept: left to its source, given back, run again in place, or moved on."""

import asyncio
import logging
import math
import random
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Protocol

import attrs

from loafer.application.failures import reason_for
from loafer.application.lane import Lane
from loafer.application.pool import NotStarted
from loafer.application.raised import FATAL
from loafer.application.redrive import MOVES, Moved, Redrive
from loafer.application.stop import Stop
from loafer.domain.failure import Reason
from loafer.domain.lease import Lease
from loafer.domain.ordering import GroupOrder, group_of
from loafer.domain.retry import Retry, retry_delay
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)

POLL_CHECK = 0.1
"""Seconds between two looks whether a receive that may bring several messages is still under way."""


UNRUN = "message %s: given back unrun at its last receive, for no time is left: its source moves it on"


class Settling(Protocol):
    """What is done with messages in the end; see `Settlement`."""

    def release(self, leases: Sequence[Lease], delay: float = 0) -> None:
        """Give messages back, in their order, visible again after `delay` seconds."""

    def acknowledge(self, leases: Sequence[Lease], now: float) -> None:
        """Delete messages whose handling has ended now."""

    def let_go(self, leases: Sequence[Lease], cause: Cause) -> None:
        """Leave started messages to their leases, and give back what waits for them."""

    def finished(self, leases: Sequence[Lease], *, confirmed: bool) -> None:
        """Hold messages no longer: what waited for them may start, unless their settlement was not confirmed."""


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
    _moves: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)
    _done_with: set[Lease] = attrs.field(factory=set, init=False)
    """Heads that are to be given back when nothing of their group is here any more."""
    _over: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Have the way to the dead-letter queue."""
        self._redrive = Redrive(self.lane, self.stop)

    async def drained(self) -> None:
        """Wait until nothing is on its way any more."""
        try:
            while self._moves:
                await asyncio.wait(self._moves)
        finally:
            self._over = True

    def keep(self, lease: Lease, error: BaseException | None, now: float, retry: Retry) -> None:
        """Let a message whose handling has ended now, with `error` if it raised, go the way that it is to go."""
        delay = retry_delay(retry, error, lease.attempts, random.random())
        ran = not isinstance(error, NotStarted)
        if not ran:
            lease.not_begun()
        if self._is_stopped(lease, error):
            self.settling.release([lease])
        elif lease.no_attempt:
            self._give_back_unrun(lease, delay, now)
        elif ran and not self._is_ended(error) and (retry.gives_up_after(lease.attempts) or self._explains(lease)):
            self._in_background(partial(self._move_on, lease, delay, reason_for(error, lease, self.lane)))
        elif isinstance(self.lane.order, GroupOrder):
            self._keep_in_place(self.lane.order, lease, delay, now, error)
        else:
            self._leave(lease, delay)

    def _is_stopped(self, lease: Lease, error: BaseException | None) -> bool:
        """Tell whether a stop has cancelled its handler: by then, nothing that has to run yet waits behind it."""
        cancelled = self.stop.requested.is_set() and isinstance(error, asyncio.CancelledError)
        return cancelled and not self.lane.is_followed(lease)

    def _is_ended(self, error: BaseException | None) -> bool:
        """Tell whether it is no failure of the handler: it was cancelled in a stop, or it ends the program."""
        if isinstance(error, asyncio.CancelledError):
            return self.stop.requested.is_set()
        return isinstance(error, FATAL)

    def _explains(self, lease: Lease) -> bool:
        """Tell whether a message had its last attempt, and would be moved by its source without a word."""
        limit = self.lane.info.max_receive_count
        ordered = isinstance(self.lane.order, GroupOrder)
        return self.explain and not ordered and limit is not None and lease.message.receive_count >= limit

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
            self._give_back_in_order(order, lease, delay, now)
        else:
            self._leave(lease, delay)

    def _keep_in_place(
        self, order: GroupOrder, lease: Lease, delay: float | None, now: float, error: BaseException | None
    ) -> None:
        """Keep the head of a group: it runs again after its delay, and its followers wait for that.

        In a stop only if one of them has to run yet.
        """
        limit = self.lane.info.max_receive_count
        if self.stop.requested.is_set() and not order.has_followers(lease):
            self.settling.release([lease], delay or 0)
        elif not self.lane.info.redrive_known:
            self._give_back_in_order(order, lease, delay, now)
        elif limit is not None and lease.attempts >= limit and lease.runs:
            self._in_background(partial(self._move_on, lease, delay, reason_for(error, lease, self.lane)))
        else:
            wait = max(0.0, lease.deadline - now) if delay is None else delay
            order.retry(lease, now + wait)
            asyncio.get_running_loop().call_later(wait, self._wake, order, now + wait)

    def _give_back_in_order(self, order: GroupOrder, lease: Lease, delay: float | None, now: float) -> None:
        """Give a head and its followers back: how many runs it has only the source knows, which counts receives."""
        self.lane.singles.add(lease.message, now)
        followers = order.followers(lease)
        if delay is None:
            self.lane.comes_back([lease], Cause.FAILED)
            self.settling.finished([lease], confirmed=True)
            self._release_alone(followers)
        else:
            self._release_alone([lease, *followers], delay)

    def _release_alone(self, leases: Sequence[Lease], delay: float = 0) -> None:
        """Give a group back so that its messages are received one at a time: when no receive may bring several.

        Meanwhile it is held: a receive under way would take the whole group again, and use up its followers' attempts.
        """
        for lease in leases[1:] if self.stop.requested.is_set() else ():
            if lease.is_due(self.lane.info.max_receive_count):
                logger.warning(UNRUN, lease.message.id)

        async def wait_and_release() -> None:
            lanes, stopping = self.lane.peers, self.stop.requested
            while any(lane.wide_polls for lane in lanes) and not stopping.is_set():  # noqa: ASYNC110 - seldom, and long
                await asyncio.sleep(POLL_CHECK)
            self.settling.release(leases[:1], delay)
            self.settling.release(leases[1:])

        self._in_background(wait_and_release)

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
        moved = await self._redrive.move(lease, reason, math.inf if ordered else MOVES)
        if isinstance(moved, Moved):
            if moved.deleted:
                self.settling.finished([lease], confirmed=True)
            else:
                self.settling.acknowledge([lease], self.lane.clock())
        elif not lease.is_valid(self.lane.clock()):
            self.settling.let_go([lease], Cause.LEASE_LOST)
        elif isinstance(order, GroupOrder):
            logger.warning("message %s: left to the source's own redrive: %s", message.id, moved.reason)
            limit = self.lane.info.max_receive_count
            self.lane.singles.add(message, self.lane.clock(), spent=limit)
            if limit is not None and message.receive_count >= limit and order.has_followers(lease):
                self._give_back_last(order, lease)
            else:
                self._release_alone([lease, *order.followers(lease)])
        else:
            logger.warning("message %s: kept, not moved to the dead-letter queue: %s", message.id, moved.reason)
            self._leave(lease, delay)

    def _give_back_last(self, order: GroupOrder, lease: Lease) -> None:
        """Let what waits for a head go on, and give the head back after that: whoever receives it next has it moved.

        Given back with it, messages at their last receive would be moved unrun. As long as its lease lasts, none of the
        group comes meanwhile.
        """
        self._done_with.add(lease)
        order.finished([lease])
        self.start(self.lane)

        async def wait_and_release() -> None:
            group = group_of(lease.message)
            while lease.is_valid(self.lane.clock()) and self._holds_more_of(group):  # noqa: ASYNC110 - seldom, and long
                await asyncio.sleep(POLL_CHECK)
            self.settling.release([lease])
            self._done_with.discard(lease)

        self._in_background(wait_and_release)

    def _holds_more_of(self, group: str) -> bool:
        """Tell whether any message of a group is held that is not only to be given back."""
        with self.lane.lock:
            held = self.lane.leases.all()
        return any(
            group_of(lease.message) == group and not (lease.released or lease in self._done_with) for lease in held
        )

    def _in_background(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Do some work beside all else, and again where it is cancelled, as by code that cancels all tasks it finds."""
        task = asyncio.get_running_loop().create_task(work())
        self._moves.add(task)
        task.add_done_callback(partial(self._worked, work))

    def _worked(self, work: Callable[[], Coroutine[object, object, None]], task: "asyncio.Task[None]") -> None:
        self._moves.discard(task)
        if not self._over and (task.cancelled() or task.exception() is not None):
            self._in_background(partial(_after_a_pause, work))


async def _after_a_pause(work: Callable[[], Coroutine[object, object, None]]) -> None:
    await asyncio.sleep(POLL_CHECK)
    await work()
