"""One walk through middleware to a handler: what of it runs, what was raised where nobody listens, when it is over."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from itertools import count
from types import FrameType
from typing import Any, TypeAlias

import attrs

from loafer.application.limit import LIMIT
from loafer.application.raised import FATAL, NotStarted, decision_in, traceback_of
from loafer.application.tasks import is_stopped

Raised: TypeAlias = tuple[BaseException, FrameType | None]
"""An error, and the outermost frame of the task that has raised it; None: it is not known."""

_NUMBERS = count(1)
_RAISED_BY = "__loafer_walk__"
"""Where an error says the number of the walk that has raised it last: several may raise one object."""

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

    """

    handle: Callable[[], Awaitable[object]]
    _number: int = attrs.field(factory=lambda: next(_NUMBERS), init=False)
    _own: "asyncio.Task[object] | None" = attrs.field(factory=asyncio.current_task, init=False)
    begun: bool = attrs.field(default=False, init=False)
    not_started: NotStarted | None = attrs.field(default=None, init=False)
    cut: BaseException | None = attrs.field(default=None, init=False)
    not_called: str = attrs.field(default="", init=False)
    _tasks: "list[asyncio.Task[object] | None]" = attrs.field(factory=list, init=False)
    """Whose are the steps that have not ended; one may have several, one within the other."""
    _errors: "dict[asyncio.Task[object] | None, Raised]" = attrs.field(factory=dict, init=False)
    """What the last step of a task has raised that is not the walk's own."""
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
        before = list(self._errors)
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
            self._errors.pop(task, None)

    def enter(self) -> None:
        """Begin a step; RuntimeError where the walk is over."""
        if self._over:
            raise RuntimeError(TOO_LATE)
        self._tasks.append(asyncio.current_task())

    def leave(self, error: BaseException | None) -> None:
        """End a step, which has raised this."""
        task = asyncio.current_task()
        self._tasks.remove(task)
        self._errors.pop(task, None)
        if error is not None:
            self._raises(error)
            if task is not self._own:
                self._errors[task] = error, _frame_of(task)
        if not self._tasks and self._none_runs is not None:
            _in_its_loop(self._none_runs, _wake, self._none_runs)

    def cut_off(self, name: str, error: BaseException) -> None:
        """Note that middleware was ended from outside, and so was what it might have called on to."""
        if not self.begun:
            self.not_called = self.not_called or f"the middleware {name} was cancelled before it called on"
        elif not self._done:
            self.cut = error

    async def failed(self, error: BaseException) -> bool:
        """Wait until what still runs has ended; what was cancelled has that cancelled too. Raises as `_ended`.

        Tell whether the handler was cut short, or was not called, for one of the middleware did not call on.
        """
        self._raises(error)
        try:
            await self._ended(cancel=issubclass(type(error), asyncio.CancelledError) or self._is_cancelled())
        finally:
            self._errors.clear()  # their tracebacks lead here: no circle
            cut, self.cut = self.cut, None
        return cut is not None or (not self.begun and bool(self.not_called))

    async def returned(self) -> None:
        """Wait until what still runs has ended, for nobody else does.

        Raises:
            NotStarted: the handler could not start: it never runs, whatever somebody has made of that.
            CancelledError: it was cancelled, as by a time limit of middleware's own, whatever that has made of it.
            SystemExit, KeyboardInterrupt: the handler has raised it, whatever middleware has made of that.
            BaseException: what a step in a task of its own has raised, which nobody has heard of.

        """
        unheard = self._unheard()
        try:
            await self._ended(cancel=self._is_cancelled())
            unheard |= self._unheard()
        finally:
            errors, self._errors = self._errors, {}
        cut, self.cut = self.cut, None
        for task, (error, _) in errors.items():
            if task in unheard:  # and no later run has made it good
                self._raises(error)
                raise error
        if cut is not None:
            raise cut if issubclass(type(cut), FATAL) else asyncio.CancelledError

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

    def _unheard(self) -> "set[asyncio.Task[object] | None]":
        """Return the tasks that have raised what nobody has heard of."""
        return {task for task, (_, frame) in self._errors.items() if self._is_unheard(task, frame)}

    def _is_unheard(self, task: "asyncio.Task[object] | None", frame: FrameType | None) -> bool:
        """Tell whether what a task has raised was raised nowhere else: it goes on, or no traceback leads beyond it.

        asyncio itself looks at what tasks have raised, as `gather` does once nobody waits for it, and tells nobody. Who
        cancels a task knows that it did nothing: that is well only if the handler has returned in another run. Where
        its coroutine is none of Python's own, as in a compiled module, nobody can tell, and none has heard of it; nor
        where another walk has raised the same object since, as all do that wait for one future: a traceback leads
        through the last alone.
        """
        if task is None or not task.done():
            return True
        if task.cancelled():
            return not self._done
        if getattr(task, "_log_traceback", False) or task.get_loop() is not asyncio.get_running_loop():
            return True  # nobody has even looked at it, or only whoever runs another event loop
        error = task.exception()
        if error is None:
            return False
        if issubclass(type(decision_in(error)), FATAL):
            return True  # asyncio has raised it out of the event loop, and its traceback leads there
        frames = [each for each, _ in traceback.walk_tb(traceback_of(error))]
        return frame is None or frame not in frames[1:] or not self._has_raised(error)

    def _raises(self, error: BaseException) -> None:
        """Note that this walk raises an error."""
        object.__setattr__(error, _RAISED_BY, self._number)

    def _has_raised(self, error: BaseException) -> bool:
        """Tell whether no other walk has raised an error since."""
        number: object = object.__getattribute__(error, "__dict__").get(_RAISED_BY)
        return number == self._number


def _in_its_loop(future: "asyncio.Future[Any]", call: Callable[..., object], *given: object) -> None:
    """Do something with a future, which may be of an event loop of another thread."""
    if future.get_loop() is asyncio.get_running_loop():
        call(*given)
    else:
        future.get_loop().call_soon_threadsafe(call, *given)


def _wake(waiting: "asyncio.Future[None]") -> None:
    if not waiting.done():
        waiting.set_result(None)


def _frame_of(task: "asyncio.Task[object] | None") -> FrameType | None:
    """Return the frame of a task that runs; one that was over at once has none any more, and Python 3.12.1 crashes."""
    return None if task is None else getattr(task.get_coro(), "cr_frame", None)
