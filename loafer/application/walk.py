"""One walk through middleware to a handler: what of it runs, whether the handler comes to its end, when it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, cast

import attrs

from loafer.application.limit import LIMIT
from loafer.application.raised import FATAL, NO_END, NeverRuns, NotDone, NotStarted, decision_in, leaves
from loafer.application.tasks import GROUPS_TAKE_IT_BACK, came_of_cancelling, is_stopped, times_cancelled
from loafer.application.unheard import Unheard
from loafer.domain.lifecycle import NotCalledOn
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

    """

    handle: Callable[[], Awaitable[object]]
    begun: bool = attrs.field(default=False, init=False)
    _cancelled: int = attrs.field(factory=times_cancelled, init=False)
    """How often its own task had been cancelled when it began."""
    _short: BaseException | None = attrs.field(default=None, init=False)
    """Why the handler came to no end of its own when middleware called on last; None: it did, or has run well."""
    _own: "asyncio.Task[object] | None" = attrs.field(factory=asyncio.current_task, init=False)
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
        self.begun, self._short = True, None
        before, cancelled = self._unheard.tasks, self._times_cancelled()
        try:
            await self.handle()
        except BaseException as error:
            if not self._done:  # or else middleware that waits for it may have been cut off meanwhile
                self._short = _ended_by(error, cancelled) or self._short
            raise
        self._done, self._short = True, None
        for task in before:
            self._unheard.forget(task)

    def _times_cancelled(self) -> int:
        """Return how often the task that runs had been cancelled before all that may cut this walk's handler short."""
        if not GROUPS_TAKE_IT_BACK:
            return times_cancelled()  # groups that have failed before are no reason to take an error for a clean-up
        return self._cancelled if asyncio.current_task() is self._own else 0

    def enter(self) -> None:
        """Begin a step; RuntimeError where the walk is over."""
        if self._over:
            raise RuntimeError(TOO_LATE)
        self._tasks.append(asyncio.current_task())

    def leave(self, error: BaseException | None) -> None:
        """End a step, which has raised this."""
        task = asyncio.current_task()
        self._tasks.remove(task)
        self._unheard.forget(task)
        if error is not None:
            self._unheard.mark(error)
            if task is not self._own:
                self._unheard.add(task, error)
        if not self._tasks and self._none_runs is not None:
            _in_its_loop(self._none_runs, _wake, self._none_runs)

    def cut_off(self, name: str, error: BaseException) -> None:
        """Note that middleware was ended from outside, and so was what it might have called on to."""
        if not (self._done or issubclass(type(self._short), (*FATAL, NotCalledOn))):
            self._short = (
                error if self.begun else NotCalledOn(f"the middleware {name} was cancelled before it called on")
            )

    def not_called_on(self, name: str) -> NotCalledOn:
        """Note that middleware has returned and not called on; return what tells of that."""
        error = NotCalledOn(f"the middleware {name} did not call on")
        self._short = None if self._done else error
        return error

    async def failed(self, error: BaseException) -> None:
        """Wait until what still runs has ended; what was cancelled has that cancelled too.

        Raises:
            CancelledError: the wait was cancelled.
            NotStarted: the handler could not start when it was called last.
            NotDone: no route may reject the error, for the handler has come to no end of its own, or to one that nobody
                has heard of.

        """
        self._unheard.mark(error)
        short = self._short is not None  # also of what has yet to begin, while this is waited for
        unheard = self._unheard.unheard_tasks(done=self._done)
        try:
            await self._ended(cancel=issubclass(type(error), asyncio.CancelledError) or self._is_cancelled())
            if isinstance(self._short, NotStarted):
                raise self._short
            beside = self._unheard.first(self._still_unheard(unheard), beside=error)
            if self._short is not None or (short and not self._done) or beside is not None:
                _raise_not_done(error)
        finally:
            self._unheard.clear()
            self._short = None  # its traceback leads here: no circle

    async def returned(self) -> None:
        """Wait until what still runs has ended, for nobody else does.

        Raises:
            NotStarted: the handler could not start: it never runs, whatever somebody has made of that.
            NotCalledOn, NeverRuns: nor does it where middleware did not call on, or where it is a generator.
            CancelledError: it was cancelled, as by a time limit of middleware's own, whatever that has made of it.
            SystemExit, KeyboardInterrupt: the handler has raised it, whatever middleware has made of that.
            NotDone: as `failed`, for what a step in a task of its own has raised, which nobody has heard of.
            BaseException: what such a step has raised, and no later run has made good.

        """
        unheard = self._unheard.unheard_tasks(done=self._done)
        try:
            await self._ended(cancel=self._is_cancelled())
            if isinstance(self._short, NotStarted):
                raise self._short
            self._raise_one_of(self._still_unheard(unheard))
            if issubclass(type(self._short), (*FATAL, NotCalledOn, NeverRuns)):
                raise cast("BaseException", self._short)
            if self._short is not None:
                raise asyncio.CancelledError
        finally:
            self._unheard.clear()
            self._short = None

    def _still_unheard(self, before: "set[asyncio.Task[object] | None]") -> "set[asyncio.Task[object] | None]":
        """Return the tasks that nobody has heard of; asyncio may have looked at some of those `before` meanwhile."""
        now = self._unheard.unheard_tasks(done=self._done)
        return now | {task for task in before if task is None or not (task.cancelled() and self._done)}

    def _raise_one_of(self, tasks: "set[asyncio.Task[object] | None]") -> None:
        """Raise what the first of some tasks has raised, if there are any."""
        error = self._unheard.first(tasks)
        try:
            if error is not None:
                self._unheard.mark(error)
                if self._short is not None:
                    _raise_not_done(error)
                raise error
        finally:
            del error  # its traceback leads here: no circle

    async def _ended(self, *, cancel: bool = False) -> None:
        """Wait until nothing of it runs; with `cancel`, cancel that.

        Raises:
            CancelledError: the wait was cancelled, and what ran with it.

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

    def _cancel(self) -> None:
        for task in self._tasks:
            if task is not None:
                _in_its_loop(task, task.cancel)

    def _is_cancelled(self) -> bool:
        """Tell whether the walk's own task was cancelled, whatever its middleware has made of that."""
        return is_stopped() or (self._own is not None and self._own.cancelling() > 0)


def _ended_by(error: BaseException, cancelled: int) -> BaseException | None:
    """Return what kept a handler from an end of its own that has raised an error; None: nothing, it is its own.

    `cancelled` is how often its task had been cancelled when it began.
    """
    decision = decision_in(error)
    if issubclass(type(decision), FATAL):
        return decision
    if came_of_cancelling(error, cancelled):
        return error
    return next((each for each in leaves(error) if issubclass(type(each), NO_END)), None)


def _raise_not_done(error: BaseException) -> None:
    """Raise NotDone in place of what a route may reject."""
    if not issubclass(type(error), (*FATAL, *NO_END, IgnoreMessage, RejectMessage)):
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
