"""What is done while messages cannot be deleted: nothing starts, for it would run in vain, again and again."""

import asyncio
import logging
import random
from collections.abc import Callable

import attrs

from loafer.application.lane import Lane
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.tasks import broken
from loafer.application.trouble import PATIENCE_WHEN_DENIED, Trouble
from loafer.domain.message import Message
from loafer.domain.retry import backoff
from loafer.exceptions import AccessDenied

logger = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.5, 5.0
"""Bounds of the wait before it is tried again whether a message can be deleted, in seconds."""

PROBATION = 60.0
"""Seconds after which others may start again though it cannot."""


@attrs.define(eq=False)
class Denial:
    """Bars a lane whose deletions are denied, and ends the worker after five minutes, or at once if none ever worked.

    Where they only fail, and leases end for that, it bars the lane until one works, for a minute at once at most: then
    others are to show whether it is that message alone, which bars nothing any more.

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
    _probe: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)
    _probed: str | None = attrs.field(default=None, init=False)
    """The message that could not be deleted, until any other one could."""
    _unlike_others: str | None = attrs.field(default=None, init=False)
    """One that could not be deleted while others could."""

    def __attrs_post_init__(self) -> None:
        """Have seen nothing yet."""
        self._trouble = self.lane.trouble(f"acknowledging on {self.lane.route.source!r}")

    def denied(self, error: AccessDenied) -> None:
        """Let nothing more start."""
        if not self._trouble.tries:
            self.slots.bar(self.lane)
            self.start(self.lane)  # those of others, in the slots that it gave back
            asyncio.get_running_loop().call_later(PATIENCE_WHEN_DENIED, self._give_up, error)
        self._trouble.note(error)
        if not self._trouble.worked:
            self.stop.fail(error)

    def over(self) -> None:
        """Take note that a deletion worked: messages may start again."""
        if not self._trouble.tries and self._trouble.worked and self._probed is None:
            return
        if self._probed is not None:
            self._unlike_others, self._probed = self._probed, None
        self._trouble.over()
        self._go_on()

    def in_vain(self, message: Message) -> None:
        """Let nothing more start, for leases end undeleted; until this message, or another one, can be deleted."""
        if self._probe is None and message.id != self._unlike_others and not self.stop.requested.is_set():
            text = "source %r: messages cannot be deleted, and their leases end for that: none starts until one can be"
            logger.warning(text, self.lane.route.source)
            self._probed = message.id
            self._probe = asyncio.get_running_loop().create_task(self._try(message))
            self.slots.bar(self.lane)
            self.start(self.lane)

    def end(self) -> None:
        """Try no more whether messages can be deleted."""
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _go_on(self) -> None:
        self.end()
        self.slots.unbar(self.lane)
        self.start(self.lane)

    async def _try(self, message: Message) -> None:
        """Delete a message again and again: it was handled, and its receipt may still do on a standard queue."""
        tries, until = 0, self.lane.clock() + PROBATION
        while self._trouble.tries or self.lane.clock() < until:  # while it is denied, others would run in vain
            tries += 1
            await asyncio.sleep(backoff(tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
            try:
                [result] = await self.lane.consumer.acknowledge([message])
            except AccessDenied as error:
                self.denied(error)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it did not work
                logger.info("message %s could not be deleted yet: %s", message.id, broken(error))
            else:
                if result is None or not result.retryable:
                    self._probed = None
                    self._trouble.over()
                    break
        self._go_on()

    def _give_up(self, error: AccessDenied) -> None:
        if self._trouble.denied_too_long:
            self.stop.fail(error)
