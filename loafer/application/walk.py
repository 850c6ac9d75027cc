"""One walk through middleware to a handler: what of it runs, whether the handler comes to its end, when it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import attrs

from loafer.application.limit import LIMIT
from loafer.application.raised import FATAL, NotDone, NotStarted, decision_in
from loafer.application.tasks import is_stopped
from loafer.application.unheard import Unheard
from loafer.exceptions import IgnoreMessage, RejectMessage

TOO_LATE = "call_next() came too late: the middleware had returned, and its message is settled"


CLOSED: "ContextVar[Walk | None]" = ContextVar("loafer_closed", default=None)
"""The walk in this context that a GeneratorExit has ended: in that, nobody can wait for what still runs of it."""


async def wait_for_the_rest() -> None:
    """Wait for what still runs of a walk that was closed in this context."""
    walk = CLOSED.get()
    if walk is not None:
        CLOSED.set(None)
        with suppress(asyncio.CancelledError, NotStarted):  # of the first the stop knows
            await walk.failed(GeneratorExit())


@attrs.define(eq=False)
class Walk:
    """A walk, which is over once the middleware has ended, and whatever it called on to.

    Attributes:
        handle: The handler, with what it is given.
        begun: Whether somebody called on as far as that.
        not_started: Why it did not run when it was called last, as for want of a thread; None: it did, or has run well.
        cut: What has ended it in the middle when it ended last, or middleware that was to call it again: a cancellation
            or the program's end; None: nothing has, or it has ended well before.
        not_called: Which middleware did not call on, as a sentence; empty while all have called on.
        called: How often some of it has called on.
        entered: How often that has begun: a call may be cancelled before.

    """

    handle: Callable[[], Awaitable[object]]
    called: int = attrs.field(default=0, init=False)
    entered: int = attrs.field(default=0, init=False)
    _own: "asyncio.Task[object] | None" = attrs.field(factory=asyncio.current_task, init=False)
    begun: bool = attrs.field(default=False, init=False)
    not_started: NotStarted | None = attrs.field(default=None, init=False)
    cut: BaseException | None = attrs.field(default=None, init=False)
    not_called: str = attrs.field(default="", init=False)
    _tasks: "list[asyncio.Task[object] | None]" = attrs.field(factory=list, init=False)
    """Whose are the steps that have not ended; one may have several, one within the other."""
    _unheard: Unheard = attrs.field(factory=Unheard, init=False)
    _none_runs: "asyncio.Future[None] | None" = attrs.field(default=None, init=False)
    _done: bool = attrs.field(default=False, init=False)
    """Whether the handler has returned, in one of its runs."""
    _over: bool = attrs.field(default=False, init=False)

    async def arrive(self) -> None:
        """Call the handler; where that is well, what failed before it began is made good.

        Raises:
            CancelledError: a stop has cancelled the walk: no handler starts any more.
            HandlerTimeout: its time is over: no handler starts any more.

        """
        if self._own is not None and is_stopped(self._own):
            await asyncio.sleep(0)  # or who calls again and again would never let go of the event loop
            raise asyncio.CancelledError
        limit = LIMIT.get()
        if limit is not None:
            limit.go_on()
        self.begun, self.not_started, self.cut = True, None, None
        before = self._unheard.tasks
        try:
            await self.handle()
        except NotStarted as error:
            self.not_started = None if self._done else error
            raise
        except (asyncio.CancelledError, GeneratorExit, *FATAL) as error:
            self.cut = None if self._done else error
            raise
        except BaseExceptionGroup as error:
            ends = decision_in(error)
            if issubclass(type(ends), FATAL):
                self.cut = None if self._done else ends
            raise
        self._done, self.cut = True, None
        for task in before:
            self._unheard.forget(task)

    def enter(self) -> None:
        """Begin a step; RuntimeError where the walk is over."""
        self.entered += 1
        if self._over:
            raise RuntimeError(TOO_LATE)
        self._tasks.append(asyncio.current_task())

    def leave(self, error: BaseException | None) -> None:
        """End a step, which has raised this."""
        task = asyncio.current_task()
        self._tasks.remove(task)
        self._unheard.forget(task)
        if error is not None:
            self._unheard.signs(error)
            if task is not self._own:
                self._unheard.add(task, error)
        if not self._tasks and self._none_runs is not None:
            _in_its_loop(self._none_runs, _wake, self._none_runs)

    def cut_off(self, name: str, error: BaseException) -> None:
        """Note that middleware was ended from outside, and so was what it might have called on to."""
        if not self.begun:
            self.not_called = self.not_called or f"the middleware {name} was cancelled before it called on"
        elif not self._done:
            self.cut = error

    async def failed(self, error: BaseException) -> None:
        """Wait until what still runs has ended; what was cancelled has that cancelled too.

        Raises:
            NotDone: no route may reject the error, for the handler has come to no end of its own.
            CancelledError, NotStarted: as `_ended`.

        """
        self._unheard.signs(error)
        try:
            await self._ended(cancel=issubclass(type(error), asyncio.CancelledError) or self._is_cancelled())
        finally:
            self._unheard.clear()
            undone, self.cut = self._undone, None
        if undone:
            _raise_not_done(error)

    async def returned(self) -> None:
        """Wait until what still runs has ended, for nobody else does.

        Raises:
            NotStarted: the handler could not start: it never runs, whatever somebody has made of that.
            CancelledError: it was cancelled, as by a time limit of middleware's own, whatever that has made of it.
            SystemExit, KeyboardInterrupt: the handler has raised it, whatever middleware has made of that.
            NotDone: as `failed`, for what a step in a task of its own has raised, which nobody has heard of.
            BaseException: that itself.

        """
        unheard = self._unheard.among_all(done=self._done)
        try:
            await self._ended(cancel=self._is_cancelled())
            unheard |= self._unheard.among_all(done=self._done)
        finally:
            errors = self._unheard.clear()
            undone, cut, self.cut = self._undone, self.cut, None
        for task, error in errors.items():
            if task in unheard:  # and no later run has made it good
                self._unheard.signs(error)
                if undone:
                    _raise_not_done(error)
                raise error
        if cut is not None:
            raise cut if issubclass(type(cut), FATAL) else asyncio.CancelledError

    @property
    def _undone(self) -> bool:
        """Whether the handler has come to no end of its own, though somebody called it, or did not by a mistake.

        So it is where it was cut short when it was called last, where a call was cancelled before its first step, and
        where some middleware did not call on.
        """
        if self._done:
            return False
        return self.cut is not None or self.called > self.entered or (not self.begun and bool(self.not_called))

    async def _ended(self, *, cancel: bool = False) -> None:
        """Wait until nothing of it runs; with `cancel`, cancel that.

        Raises:
            CancelledError: the wait was cancelled, and what ran with it.
            NotStarted: the handler could not start when it was called last.

        """
        cancelled: asyncio.CancelledError | None = None
        while self._tasks:
            if cancel or cancelled is not None:
                self._cancel()
            self._none_runs = asyncio.get_running_loop().create_future()
            try:
                await self._none_runs
            except asyncio.CancelledError as error:  # of the walk: it means what still runs of it
                cancelled = error
        self._over = True
        if cancelled is not None:
            raise cancelled
        if self.not_started is not None:
            raise self.not_started

    def _cancel(self) -> None:
        for task in self._tasks:
            if task is not None:
                _in_its_loop(task, task.cancel)

    def _is_cancelled(self) -> bool:
        """Tell whether the walk's own task was cancelled, whatever its middleware has made of that."""
        return is_stopped() or (self._own is not None and self._own.cancelling() > 0)


def _raise_not_done(error: BaseException) -> None:
    """Raise NotDone in place of what a route may reject."""
    kind = type(error)
    if issubclass(kind, Exception) and not issubclass(kind, IgnoreMessage | RejectMessage):
        raise NotDone from error


def _in_its_loop(future: "asyncio.Future[Any]", call: Callable[..., object], *given: object) -> None:
    """Do something with a future, which may be of an event loop of another thread."""
    if future.get_loop() is asyncio.get_running_loop():
        call(*given)
    else:
        future.get_loop().call_soon_threadsafe(call, *given)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)
