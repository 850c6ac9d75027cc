"""A function in a thread, and how an event loop is told of its end."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

import attrs

from loafer.application.forks import FORKS, leave
from loafer.application.ticket import Ticket


@attrs.define(eq=False)
class Answers:
    """What has ended in threads and is to be told to an event loop, which is woken once for all that is there.

    Attributes:
        loop: The event loop.
        ended: What it does not know of yet.
        awaited: How many calls it has not been told the end of; read and written on the loop only.

    """

    loop: asyncio.AbstractEventLoop
    ended: "deque[Call]" = attrs.field(factory=deque, init=False)
    awaited: int = attrs.field(default=0, init=False)
    _woken: bool = attrs.field(default=False, init=False)

    def add(self, call: "Call") -> None:
        """Tell the end of a call, from any thread; nobody is told when the loop is closed."""
        self.ended.append(call)
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
        self._woken = False  # before looking: what is added from now on wakes the loop again
        while True:
            try:
                call = self.ended.popleft()
            except IndexError:
                return
            self.awaited -= 1
            if call.withdrawn:
                call.answer.cancel()
            elif not call.answer.done():
                call.answer.set_result(None)


@attrs.define(eq=False)
class Call:
    """A function that is to run in a thread, or runs, or has ended.

    Attributes:
        function: The function.
        given: Its arguments.
        answers: Tells its end to the event loop that waits for it.
        answer: Done when the loop knows of the end.
        context: The context variables that it sees.
        ended: Whether it has returned or raised.
        returned: What it returned.
        error: What it raised; not in `answer`, for a future takes no StopIteration.
        ticket: The message that it handles, if that may have to wait for its thread; None: it is started in any case.
        withdrawn: Whether the pool was closed before it started: it never runs.

    """

    function: Callable[..., object]
    given: tuple[object, ...]
    answers: Answers
    answer: "asyncio.Future[None]"
    context: Context
    ticket: Ticket | None = None
    ended: bool = False
    returned: object = None
    error: BaseException | None = None
    withdrawn: bool = False

    def run(self) -> None:
        """Run the function in this thread, and tell its end."""
        depth = FORKS.depth
        try:
            if self.ticket is None:
                self.returned = self.context.run(self.function, *self.given)
            else:
                self.returned = self.ticket.run(self.context, self.function, self.given)
        except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
            self.error = error
        if FORKS.depth != depth:
            leave(self.error)
        self.ended = True
        self.answers.add(self)

    def fail(self, error: BaseException) -> None:
        """Tell that it could not be started."""
        self.error, self.ended = error, True
        self.answers.add(self)
