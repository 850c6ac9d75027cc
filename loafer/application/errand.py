"""A message whose handler is a plain function, and no more is asked of it: a thread calls it, and no task waits."""

import asyncio
from typing import TYPE_CHECKING

import attrs

from loafer.application.returned import dismiss
from loafer.application.threaded import ThreadCall
from loafer.application.ticket import Ticket
from loafer.domain.message import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine


@attrs.define(eq=False, repr=False, kw_only=True)
class Errand(ThreadCall):
    """A call that handles a message, and ends its handling itself; its context is that of the whole handling.

    Attributes:
        ticket: Its message.
        message: The message as it was translated.
        content: What it is handled as.
        started: When its handling was started.
        end: Ends its handling, on the event loop.
        withdraw: Keeps it from its start; False if it is too late for that.
        over: Done when it is over; None: nobody waits for that.

    """

    ticket: Ticket
    message: Message
    content: object
    started: float
    end: "Callable[[Errand], None]"
    withdraw: "Callable[[Errand], bool]"
    over: "asyncio.Future[None] | None" = None

    def told(self) -> None:
        """End its handling."""
        self.end(self)

    def cancel(self) -> None:
        """Keep it from its start; if it has started, it is waited for, and what it comes to counts."""
        if not self.withdrawn and self.withdraw(self):
            self.withdrawn = True
            self.answers.loop.call_soon(self.told)

    def until_over(self) -> "asyncio.Future[None]":
        """Return what is done once it is over."""
        if self.over is None:
            self.over = self.answers.loop.create_future()
        return self.over


@attrs.define(eq=False)
class Awaiting:
    """What is still to be awaited for a message, in a task, which somebody may cancel before it has begun.

    Attributes:
        awaited: What that is.
        go_on: Awaits it, and ends the message's handling.
        cancelled: Ends it where that never begins.

    """

    awaited: "Awaitable[object]"
    go_on: "Callable[[Awaitable[object]], Coroutine[object, object, None]]"
    cancelled: "Callable[[asyncio.CancelledError], None]"
    _begun: bool = attrs.field(default=False, init=False)

    async def run(self) -> None:
        """Await it."""
        self._begun = True
        await self.go_on(self.awaited)

    def over(self, _: "asyncio.Task[None]") -> None:
        """Take note that its task is over."""
        if not self._begun:
            dismiss(self.awaited)
            self.cancelled(asyncio.CancelledError())
