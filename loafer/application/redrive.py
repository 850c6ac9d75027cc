"""How a message without attempts left gets to the dead-letter queue."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable

import attrs

from loafer.application.lane import Lane
from loafer.application.letters.reasons import explained
from loafer.application.overdue import Overdue
from loafer.application.stop import Stop
from loafer.application.tasks import broken, looked_at
from loafer.application.trouble import Trouble
from loafer.domain.batch import LONGEST_CALL, UNANSWERED, Failure, one_for_each
from loafer.domain.failure import Reason
from loafer.domain.lease import Lease
from loafer.domain.limits import STILL_KNOWN
from loafer.domain.message import Message
from loafer.domain.retry import backoff
from loafer.exceptions import ConsumerUnavailable, LoaferError
from loafer.ports.consumer import COPY_CONFIRMED
from loafer.ports.observer import Operation

logger = logging.getLogger(__name__)

FIRST_WAIT = 0.1
LONGEST_WAIT, LONGEST_IN_A_STOP = 5.0, 0.5
"""Bounds of the wait before a failed move is tried again, in seconds."""

MOVES = 5
"""How often a message of a standard queue is tried to be moved, before it is kept."""


LONGEST_QUESTION = 5.0
"""Seconds that its source may take to answer whether a message is still ours."""

TURNS = 30
"""Turns of the event loop in which it reads what lay unread when a lease has ended."""

OVER = Failure("its lease has ended", retryable=False)
"""Why nothing is moved, or not any more."""


@attrs.frozen
class Moved:
    """A message that is on the dead-letter queue, and whether it is gone from its source for good."""

    deleted: bool


@attrs.frozen
class Redrive:
    """Moves messages of one lane to its source's dead-letter queue."""

    lane: Lane
    stop: Stop
    _trouble: Trouble = attrs.field(init=False)

    @_trouble.default
    def _(self) -> Trouble:
        return Trouble(f"moving messages of {self.lane.route.source!r} to the dead-letter queue", self.lane.clock)

    async def move(self, lease: Lease, reason: Reason, most: float = math.inf) -> Moved | Failure:
        """Move a message, again and again while its lease lasts, `most` times at most; return `Moved`, or why not.

        Nothing is moved once the lease has ended: somebody else may have the message, and may succeed. A standard queue
        may have given it to two workers at once, so it is asked whether the message is still ours. The copy says the
        reason, unless there is no room for it, or the queue does not take it so.
        """
        copy = explained(lease.message, reason)
        if copy is None:
            text = "message %s: its attributes have no room for the reason why it is moved to the dead-letter queue: %s"
            logger.warning(text, lease.message.id, reason.error)
        tries, doubtful, began = 0, False, self.lane.clock()
        if not self.lane.info.ordered:
            await self._ask_for(lease)
        while True:
            if not lease.is_valid(self.lane.clock()):
                return _over(lease)
            message = lease.message
            failure = await self._move(lease, message, copy)
            if failure is OVER:
                return _over(lease)
            if failure is None or failure.copied:
                self._moved(lease, self._most_copies(tries, began))
                return Moved(failure is None and lease.message is message)  # or else it was delivered anew meanwhile
            doubtful |= failure.may_be_done
            if copy is not None and not failure.retryable:
                copy = None  # the queue may take it as it is
                continue
            tries += 1
            stopping = self.stop.requested.is_set()
            # A stop waits for it only where something behind it has to run yet.
            if not failure.retryable or tries >= most or (stopping and not self.lane.is_followed(lease)):
                return attrs.evolve(failure, may_be_done=doubtful)
            if most == math.inf:  # else it is told when it is kept
                self._trouble.note(ConsumerUnavailable(failure.reason))
            longest = LONGEST_IN_A_STOP if stopping else LONGEST_WAIT
            await asyncio.sleep(backoff(tries, first=FIRST_WAIT, longest=longest, jitter=random.random()))

    async def _ask_for(self, lease: Lease) -> None:
        """Extend a lease, which is refused if it is lost; where that cannot be found out, it counts as ours."""
        lane, message, began = self.lane, lease.message, self.lane.clock()
        seconds = lane.leases.extension(began, lease)
        if seconds <= 0:
            return
        failure: Failure | None = None
        raised: Exception | None = None
        try:
            failure = await self._while_ours(lease, self._extended(message, seconds), LONGEST_QUESTION)
            raised = _no_answer(failure)
        except BaseException as error:  # noqa: BLE001 - the heartbeat's extensions tell of it
            raised = broken(error)
        lane.called(Operation.EXTEND, began, raised)
        if failure is None or failure.retryable or failure is OVER:
            return
        with lane.lock:
            lost = lane.leases.refused(lease, message)
        if lost:
            lane.refused(lease, failure.reason)

    async def _extended(self, message: Message, seconds: float) -> Failure | None:
        [result] = one_for_each(await self.lane.consumer.extend([message], seconds), 1)
        return result

    def _moved(self, lease: Lease, copies: int) -> None:
        text = "message %s: moved to the dead-letter queue at attempt %d, run %d since its last receive%s"
        message, attempts = lease.message, lease.attempts
        many = f"; its copy may be there {copies} times, for the first answers may have been lost"
        more = many if copies > 1 else ""
        logger.warning(text, message.id, attempts, attempts - message.receive_count + 1, more)
        self._trouble.over()
        self.lane.counts["dead_lettered"] += 1
        self.lane.settled([lease.message], Operation.DEAD_LETTER)

    def _most_copies(self, tries: int, began: float) -> int:
        """Return how many copies there may be after so many tries before: a FIFO queue knows one for a while."""
        if not self.lane.info.ordered:
            return tries + 1
        return 1 + int((self.lane.clock() - began) // STILL_KNOWN) if tries else 1

    async def _move(self, lease: Lease, message: Message, copy: Message | None) -> Failure | None:
        lease.moving = True
        failure = await self._called(lease, message, copy)
        with self.lane.lock:
            lost = self.lane.leases.moved(lease, copied=failure is None or failure.copied)
        if lost:
            self.lane.refused(lease, "an extension was refused while it was to be moved")
        return failure

    async def _called(self, lease: Lease, message: Message, copy: Message | None) -> Failure | None:
        began = self.lane.clock()
        raised: Exception | None = None
        copied = asyncio.Event()
        COPY_CONFIRMED.set(copied.set)
        try:
            sent = message if copy is None else attrs.evolve(message, attributes=copy.attributes)
            moved = await self._while_ours(lease, self.lane.consumer.dead_letter(sent), made=copied)
        except LoaferError as error:
            raised = error
            return Failure(str(error), may_be_done=isinstance(error, ConsumerUnavailable))
        except BaseException as error:  # a consumer that breaks its contract must not block the group for ever
            raised = broken(error)
            logger.exception("the consumer of %r broke", self.lane.route.source)
            return Failure(f"{type(raised).__name__}: {raised}", retryable=False)
        else:
            raised = _no_answer(moved)
            return moved
        finally:
            self.lane.called(Operation.DEAD_LETTER, began, raised)

    async def _while_ours(
        self,
        lease: Lease,
        call: Awaitable[Failure | None],
        longest: float = LONGEST_CALL,
        *,
        made: asyncio.Event | None = None,
    ) -> Failure | None:
        """Return what a call comes to; where its lease ends before, it is cancelled: others may have the message.

        Not where an extension was refused meanwhile: then it is gone from its source, most likely by this very move.
        Nor once the copy is `made`, which may be read only now, where the process stood still. A call that is not
        answered within `longest` seconds is cancelled too.
        """
        task, overdue = asyncio.ensure_future(call), Overdue(self.lane.clock)
        overdue.watch(task, self.lane.clock() + longest)
        turns = 0 if made is None else TURNS
        try:
            while not task.done():
                if lease.crossed or (made is not None and made.is_set()):
                    await asyncio.wait({task})
                elif lease.is_valid(self.lane.clock()):
                    await asyncio.wait({task}, timeout=lease.deadline - self.lane.clock())
                elif turns:
                    turns -= 1
                    await asyncio.sleep(0)
                else:
                    return OVER
            return UNANSWERED if task.cancelled() and overdue.forget(task) else task.result()
        finally:
            overdue.end()
            if not task.done():
                task.cancel()
                task.add_done_callback(looked_at)


def _no_answer(failure: Failure | None) -> TimeoutError | None:
    return TimeoutError(failure.reason) if failure is OVER or failure is UNANSWERED else None


def _over(lease: Lease) -> Failure:
    logger.warning("message %s: not moved to the dead-letter queue: its lease has ended", lease.message.id)
    return OVER
