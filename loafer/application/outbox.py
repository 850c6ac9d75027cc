"""How settlements go out: in batches, at once where nothing could join, and what failed again until its lease ends."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

import attrs

from loafer.application.lane import Lane
from loafer.application.overdue import Overdue
from loafer.application.tasks import broken, start_task
from loafer.domain.batch import LONGEST_CALL, UNANSWERED, Batch, Failure, one_for_each
from loafer.domain.lease import Lease
from loafer.domain.message import Message
from loafer.domain.retry import backoff
from loafer.exceptions import LoaferError
from loafer.ports.observer import Operation

logger = logging.getLogger(__name__)

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
"""Bounds of the wait before a failed entry is tried again, in seconds."""

LAST_WAIT = 0.5
"""Seconds of it, for all together, where there is soon nobody any more to try it."""

Results = Sequence[Failure | None]


class Finished(Protocol):
    """Told once of every message that its settlement has ended, and whether the source confirmed it."""

    def __call__(self, leases: Sequence[Lease], *, confirmed: bool) -> None:
        """Take note."""


@attrs.define(eq=False)
class Outbox:
    """One kind of settlement of one lane: entries wait for company, go out in a batch, and come back if they fail.

    Attributes:
        operation: What is asked of the source.
        lane: Whose messages they are.
        send: Sends a batch and returns a result an entry.
        finished: Told of each message once, when it is confirmed or given up.
        others_may_join: Tells whether another message may soon be settled in the same way.
        closing: True once nothing waits for company any more.
        over: True once nobody waits for what is on its way any more.

    """

    operation: Operation
    lane: Lane
    send: Callable[[Sequence[Lease]], Awaitable[Results]]
    finished: Finished
    others_may_join: Callable[[], bool]
    closing: bool = attrs.field(default=False, init=False)
    over: bool = attrs.field(default=False, init=False)
    _batch: Batch[Lease] = attrs.field(factory=Batch, init=False)
    _will_look: bool = attrs.field(default=False, init=False)
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _sending: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)
    _overdue: Overdue = attrs.field(init=False)
    _again: dict[Lease, asyncio.TimerHandle] = attrs.field(factory=dict, init=False)
    """What has failed and waits to be tried again."""
    _pending: int = attrs.field(default=0, init=False)
    _emptied: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing."""
        self._overdue = Overdue(self.lane.clock)

    @property
    def _verb(self) -> str:
        return f"{self.operation}d"

    def put(self, leases: Sequence[Lease], now: float) -> None:
        """Settle messages, soon."""
        self._pending += len(leases)
        self._join(leases, now)

    async def drained(self) -> None:
        """Send what waits, and wait until everything is settled or given up."""
        self.closing = True
        self._try_all_again()
        self._flush(self.lane.clock())
        while self._pending:
            self._emptied.clear()
            await self._emptied.wait()
        self._overdue.end()

    def _join(self, leases: Sequence[Lease], now: float) -> None:
        self._batch.add(leases, now)
        if self._batch.full:
            self._flush(now)
        elif not self._will_look:  # once for all that ends in this turn
            self._will_look = True
            asyncio.get_running_loop().call_soon(self._look)

    def _try_all_again(self) -> None:
        """Let nothing that failed wait any longer."""
        for lease, timer in list(self._again.items()):
            timer.cancel()
            self._join_again(lease)

    def _join_again(self, lease: Lease) -> None:
        self._again.pop(lease, None)
        if not self.over:  # or the consumer is closed
            self._join([lease], self.lane.clock())

    def _look(self) -> None:
        self._will_look = False
        self._flush(self.lane.clock())

    def _flush(self, now: float) -> None:
        """Send every batch that is due now, and look again when the next one will be."""
        others_may_join = not self.closing and self.others_may_join()
        while entries := self._batch.take(now, others_may_join=others_may_join):
            task = start_task(self._settle(entries))
            if task.done():
                self._sent(entries, task)
            else:
                self._sending.add(task)
                self._overdue.watch(task, now + LONGEST_CALL)
                task.add_done_callback(partial(self._sent, entries))
        if self._batch.due_at is not None and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._batch.due_at - now, self._due)

    def _due(self) -> None:
        self._timer = None
        self._flush(self.lane.clock())

    def _sent(self, leases: Sequence[Lease], task: "asyncio.Task[None]") -> None:
        self._sending.discard(task)
        failure = self._failure_of(task, given_up=self._overdue.forget(task))
        if failure is not None:
            for lease in leases:
                self._failed(lease, failure)

    def _failure_of(self, task: "asyncio.Task[None]", *, given_up: bool) -> Failure | None:
        """Return why a call has not ended by itself; None: it has, or nobody cares any more."""
        if not task.cancelled():
            return None if task.exception() is None else Failure("the call was closed")  # by a task of the consumer's
        if self.over:
            return None
        return UNANSWERED if given_up else Failure("the call was cancelled")  # by a handler that cancels all it finds

    async def _settle(self, leases: Sequence[Lease]) -> None:
        messages = [lease.message for lease in leases]
        results = await self._results(leases)
        tried = list(zip(leases, messages, results, strict=True))
        done = [lease for lease, message, failure in tried if failure is None and lease.message is message]
        if len(done) < len(tried):
            done = [lease for lease, message, failure in tried if self._is_done(lease, message, failure)]
        if done:
            self._done(done, confirmed=True)
            if self.closing:  # the source does it again
                self._try_all_again()

    def _is_done(self, lease: Lease, message: Message, failure: Failure | None) -> bool:
        """Tell whether a message is settled; what is not is tried again, or given up."""
        if lease.message is not message and not lease.released:
            self._join_again(lease)  # delivered anew meanwhile: only the newer receipt settles it for good
            return False
        if failure is not None:
            self._failed(lease, failure)
        return failure is None

    async def _results(self, leases: Sequence[Lease]) -> Results:
        began = self.lane.clock()
        raised: Exception | None = None
        try:
            results = one_for_each(await self.send(leases), len(leases))
        except LoaferError as error:
            raised = error
            return [Failure(str(error))] * len(leases)  # whatever it is, it may pass while the message is ours
        except BaseException as error:  # a consumer that breaks its contract must not take the worker with it
            raised = broken(error)
            logger.exception("the consumer of %r broke", self.lane.route.source)
            return [Failure(f"{type(raised).__name__}: {raised}")] * len(leases)
        finally:
            self.lane.called(self.operation, began, raised)
        if self.lane.tell.settled:
            settled = [lease.message for lease, failure in zip(leases, results, strict=True) if failure is None]
            self.lane.settled(settled, self.operation)
        return results

    def _failed(self, lease: Lease, failure: Failure) -> None:
        if failure.retryable and lease.is_valid(self.lane.clock()):
            lease.failures += 1
            log = logger.warning if lease.failures == 1 else logger.info
            log("message %s could not be %s, trying again: %s", lease.message.id, self._verb, failure.reason)
            wait = LAST_WAIT if self.closing else _longer_each_time(lease.failures)
            self._again[lease] = asyncio.get_running_loop().call_later(wait, self._join_again, lease)
        else:
            logger.warning("message %s was not %s and comes back: %s", lease.message.id, self._verb, failure.reason)
            self._done([lease], confirmed=False)

    def _done(self, leases: Sequence[Lease], *, confirmed: bool) -> None:
        self._pending -= len(leases)
        if not self._pending:
            self._emptied.set()
        self.finished(leases, confirmed=confirmed)


def _longer_each_time(failures: int) -> float:
    return backoff(failures, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random())
