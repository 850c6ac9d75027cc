"""A function in a thread, and how an event loop is told of its end."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

import attrs

from loafer.application.forks import FORKS, leave
from loafer.application.handled import is_held
from loafer.application.raised import NeverRuns, NotOurs
from loafer.application.returned import why_it_never_runs
from loafer.application.ticket import Ticket

SOON = 0.001
"""Seconds until an event loop looks by itself what has ended, where functions are quick."""


@attrs.define(eq=False)
class Answers:
    """What has ended in threads and is to be told to an event loop, which is woken once for all that is there.

    A thread that wakes the loop loses the interpreter to it. So where functions are quick, it wakes the loop when it
    has nothing more to do; should it not come to that for a while, the loop looks by itself.

    Attributes:
        loop: The event loop.
        ended: What it does not know of yet.
        awaited: How many calls it has not been told the end of; read and written on the loop only.

    """

    loop: asyncio.AbstractEventLoop
    ended: "deque[ThreadCall]" = attrs.field(factory=deque, init=False)
    awaited: int = attrs.field(default=0, init=False)
    _woken: bool = attrs.field(default=False, init=False)
    _begins: bool = attrs.field(default=False, init=False)
    """Whether threads are to be woken as soon as this turn of the loop is over."""
    _looks: bool = attrs.field(default=False, init=False)
    """Whether the loop is going to look by itself."""

    def add(self, call: "ThreadCall", *, more: bool = False) -> None:
        """Tell the end of a call, from any thread, where `more` are expected to end at once.

        Nobody is told when the loop is closed.
        """
        self.ended.append(call)
        if not (self._woken or (more and self._looks)):
            self._woken = True
            with suppress(RuntimeError):  # the loop is closed
                self.loop.call_soon_threadsafe(self._hand_over)

    def again(self, call: "ThreadCall") -> None:
        """Tell the end of a call, from its thread, where something raised there may have kept it from being told."""
        self._woken = False
        self.add(call)

    @property
    def looks(self) -> bool:
        """Whether the loop looks by itself, or is going to; on any thread."""
        return self._looks or self._begins

    def expect(self, rouse: Callable[[], bool]) -> None:
        """Wake a thread once this turn of the loop is over, which may bring it more, and look what ends, on the loop.

        `rouse` wakes one thread for what waits, and tells whether anything does; it is asked again as often as the loop
        looks: then a thread has been in one function for long.
        """
        if not self._begins:
            self._begins = True
            self.loop.call_soon(self._begin, rouse)

    def _begin(self, rouse: Callable[[], bool]) -> None:
        self._look_soon(rouse)  # before waking: a thread that finds that nobody looks wakes the next one itself
        self._begins = False
        rouse()

    def _look_soon(self, rouse: Callable[[], bool]) -> None:
        if not self._looks:
            self._looks = True
            self.loop.call_later(SOON, self._look, rouse)

    def _look(self, rouse: Callable[[], bool]) -> None:
        goes_on = rouse() or bool(self.ended)
        self._looks = False  # before looking: what is added from now on wakes the loop
        self._hand_over()
        if goes_on:
            self._look_soon(rouse)

    def _hand_over(self) -> None:
        self._woken = False  # before looking: what is added from now on wakes the loop again
        try:
            while self.ended:
                call = self.ended.popleft()
                if not call.known:
                    call.known = True
                    self.awaited -= 1
                    call.told()
        finally:
            if self.ended:  # telling one has raised: the others are told all the same
                self.loop.call_soon(self._hand_over)


@attrs.define(eq=False, repr=False)
class ThreadCall:
    """A function that is to run in a thread, or runs, or has ended.

    Whoever writes it out, as an error of Python's or asyncio's own may, must not write all that it leads to.

    Attributes:
        function: The function.
        given: Its arguments.
        answers: Tells its end to the event loop that waits for it.
        context: The context variables that it sees.
        ended: Whether it has returned or raised.
        returned: What it returned.
        error: What it raised.
        ticket: The message that it handles, if that may have to wait for its thread; None: it is started in any case.
        withdrawn: Whether it was kept from its start: it was cancelled, taken out of its line, or its pool was closed.
        known: Whether the loop has been told its end.

    """

    function: Callable[..., object]
    given: tuple[object, ...]
    answers: Answers
    context: Context
    ticket: Ticket | None = None
    ended: bool = False
    returned: object = None
    error: BaseException | None = None
    withdrawn: bool = False
    known: bool = False

    def run(self) -> None:
        """Run the function in this thread; its end is still to be told."""
        depth = FORKS.depth
        try:
            if self.ticket is None:
                self.returned = self.context.run(_if_held, self.function, self.given)
            else:
                self.returned = self.ticket.run(self.context, self.function, self.given)
        except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
            self.error = error
        if self.returned is not None and (why := why_it_never_runs(self.returned)) is not None:
            self.error = NeverRuns(why)
        if FORKS.depth != depth:
            leave(self.error)
        self.ended = True

    def fail(self, error: BaseException) -> None:
        """Tell that it could not be started."""
        self.error, self.ended = error, True
        self.answers.add(self)

    def told(self) -> None:
        """Take note, on the event loop, that it has ended or is withdrawn."""


def _if_held(function: Callable[..., object], given: tuple[object, ...]) -> object:
    """Run a function unless the lease of the message that it handles has ended while it waited for its thread.

    Raises:
        NotOurs: it has.

    """
    if not is_held():
        raise NotOurs
    return function(*given)


@attrs.define(eq=False, repr=False)
class AwaitedCall(ThreadCall):
    """A function that somebody waits for.

    Attributes:
        answer: Done when the loop knows of the end; what it came to is not in it, for a future takes no StopIteration.

    """

    answer: "asyncio.Future[None]" = attrs.field(kw_only=True)

    def told(self) -> None:
        """Let go on who waits for it."""
        if self.withdrawn:
            self.answer.cancel()
        elif not self.answer.done():
            self.answer.set_result(None)


@attrs.define(eq=False)
class Hand:
    """What a thread of a pool has in hand: whatever is raised there from outside, nothing of it is lost.

    Attributes:
        bell: Released, it wakes the thread.
        call: What it has taken out of the line, until its end is told.

    """

    bell: threading.Lock = attrs.field(factory=threading.Lock)
    call: ThreadCall | None = None
