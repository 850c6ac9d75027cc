"""What is done while messages cannot be deleted: nothing starts, for it would run in vain, again and again."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

import attrs

from loafer.application.lane import Lane
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.tasks import broken
from loafer.application.trouble import PATIENCE_WHEN_DENIED, Trouble
from loafer.domain.batch import Failure, one_for_each
from loafer.domain.limits import LARGEST_BATCH, size_of
from loafer.domain.message import Message
from loafer.domain.retry import backoff
from loafer.exceptions import AccessDenied
from loafer.ports.observer import Operation

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Bounds of the wait before it is tried again whether a message can be deleted, in seconds."""

PROBATION, LONGEST_PROBATION = 60.0, 5 * 60.0
"""Bounds of the seconds after which others may start again though it cannot: they double each time."""

TRIED_FOR = 5 * 60.0
"""Seconds in which what is done is tried to be deleted after the end of its lease."""

MOST_BYTES = 8 * 1024 * 1024
"""Bytes of the messages that are tried to be deleted after the end of their leases: the latest."""


@attrs.define(eq=False)
class Denial:
    """Bars a lane whose deletions are denied, and ends the worker after five minutes, or at once if none ever worked.

    Where they only fail, and leases end for that, it bars the lane until one works, for a minute at most. Then others
    are to show whether it is one message alone; each time that none works it is barred for twice as long. What is
    done is tried to be deleted meanwhile, though its lease has ended: a standard queue takes its receipt until somebody
    else has received it.

    Attributes:
        lane: The lane.
        slots: Start nothing of a lane that is barred.
        stop: Told what ends the worker.
        start: Called when messages of the lane, or of others in its place, may start.

    """

    lane: Lane
    slots: Slots
    stop: Stop
    start: Callable[[Lane], None]
    _trouble: Trouble = attrs.field(init=False)
    _late: dict[str, tuple[Message, float]] = attrs.field(factory=dict, init=False)
    """What is done and was not deleted before its lease ended, and until when that is tried."""
    _trying: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)
    _barred_until: float | None = attrs.field(default=None, init=False)
    _bars: int = attrs.field(default=0, init=False)
    """How often it was barred since a deletion worked."""

    def __attrs_post_init__(self) -> None:
        """Have seen nothing yet."""
        self._trouble = self.lane.trouble(f"acknowledging on {self.lane.route.source!r}")

    def denied(self, error: AccessDenied) -> None:
        """Let nothing more start."""
        if not self._trouble.tries:
            self._bar()
            asyncio.get_running_loop().call_later(PATIENCE_WHEN_DENIED, self._give_up, error)
        self._trouble.note(error)
        if not self._trouble.worked:
            self.stop.fail(error)

    def over(self) -> None:
        """Take note that a deletion worked: messages may start again."""
        if self._trouble.tries or self._bars or not self._trouble.worked:
            self._bars = 0
            self._trouble.over()
            self._unbar()

    def in_vain(self, messages: Sequence[Message], *, bars: bool = True) -> None:
        """Try on to delete what is done and whose leases end undeleted; if it `bars`, let nothing more start."""
        if self.stop.requested.is_set():
            return
        for message in messages:
            self._late.pop(message.id, None)
            self._late[message.id] = message, self.lane.clock() + TRIED_FOR
        while sum(size_of(message) for message, _ in self._late.values()) > MOST_BYTES:
            self._late.pop(next(iter(self._late)))
        if self._trying is None or self._trying.done():
            self._trying = asyncio.get_running_loop().create_task(self._try())
        if bars and self._barred_until is None:
            text = "source %r: what is done was not deleted before its lease ended: none starts until a deletion works"
            logger.warning(text, self.lane.route.source)
            self._barred_until = self.lane.clock() + min(PROBATION * 2 ** min(self._bars, 10), LONGEST_PROBATION)
            self._bars += 1
            self._bar()

    async def end(self) -> None:
        """Try no more whether messages can be deleted, but once more those that are done."""
        if self._trying is not None:
            self._trying.cancel()
        while self._late and await self._some_deleted():
            pass

    def _bar(self) -> None:
        self.slots.bar(self.lane)
        self.start(self.lane)  # those of others, in the slots that it gave back

    def _unbar(self) -> None:
        self._barred_until = None
        self.slots.unbar(self.lane)
        self.start(self.lane)

    async def _try(self) -> None:
        """Delete what is done again and again; while it is denied, others would run in vain."""
        tries, works = 0, False
        while self._late or self._barred_until is not None:
            if not works:
                tries += 1
                await asyncio.sleep(backoff(tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
            works = await self._some_deleted()
            now = self.lane.clock()
            self._late = {name: (message, until) for name, (message, until) in self._late.items() if now < until}
            if self._barred_until is not None and now >= self._barred_until and not self._trouble.tries:
                self._unbar()

    async def _some_deleted(self) -> bool:
        """Try to delete some of what is done; tell whether any of it is gone, or is refused for good."""
        some = [message for message, _ in list(self._late.values())[:LARGEST_BATCH]]
        results = await self._results(some)
        settled = [message for message, result in zip(some, results, strict=True) if not (result and result.retryable)]
        for message in settled or some:
            known = self._late.pop(message.id, None)
            if known is not None and (known[0] is not message or not settled):  # it came again, or others go first now
                self._late[message.id] = known
        if settled:
            self.over()
        return bool(settled)

    async def _results(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        if not messages:
            return ()
        began = self.lane.clock()
        error: Exception | None = None
        try:
            results = one_for_each(await self.lane.consumer.acknowledge(messages), len(messages))
        except AccessDenied as denied:
            error = denied
            self.denied(denied)
        except BaseException as raised:  # noqa: BLE001 - whatever it is, it did not work
            error = broken(raised)
        self.lane.called(Operation.ACKNOWLEDGE, began, error)
        if error is not None:
            logger.info("source %r: messages cannot be deleted yet: %s", self.lane.route.source, error)
            return [Failure(str(error))] * len(messages)
        deleted = [message for message, result in zip(messages, results, strict=True) if result is None]
        if deleted:
            self.lane.counts["stale"] += len(deleted)
            self.lane.settled(deleted, Operation.ACKNOWLEDGE)
            text = "source %r: %d messages are deleted, after their leases had ended"
            logger.info(text, self.lane.route.source, len(deleted))
        return results

    def _give_up(self, error: AccessDenied) -> None:
        if self._trouble.denied_too_long:
            self.stop.fail(error)
