"""How tasks are started: at once, where Python can, for many end before they first wait; how they know of a stop."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from typing import Any
from weakref import WeakSet

LONGEST_CHAIN = 100
"""Errors that are looked at for what one came of."""

GROUPS_TAKE_IT_BACK = sys.version_info >= (3, 13)
"""Whether a group of tasks that has cancelled its own task takes that back."""

if sys.version_info >= (3, 12):

    def start_task(coroutine: Coroutine[object, object, None], context: Context | None = None) -> "asyncio.Task[None]":
        """Start a task, which runs at once until it first waits, and may be done when this returns."""
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), context=context, eager_start=True)

else:

    def start_task(coroutine: Coroutine[object, object, None], context: Context | None = None) -> "asyncio.Task[None]":
        """Start a task, which runs when its turn comes: tasks cannot start at once yet."""
        return asyncio.get_running_loop().create_task(coroutine, context=context)


def broken(error: BaseException) -> Exception:
    """Return what a consumer that breaks its contract has raised; one in its place, if that is none of `Exception`.

    Raises:
        BaseException: the error itself, which ends this task and nothing else: it is cancelled, or the program ends, or
            the event loop is gone.

    """
    if isinstance(error, Exception):
        return error
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise error from None
    if isinstance(error, asyncio.CancelledError | SystemExit | KeyboardInterrupt):
        raise error
    return RuntimeError(type(error).__name__)


STOPPED: "WeakSet[asyncio.Task[Any]]" = WeakSet()
"""The tasks of handlers that a stop has cancelled."""


SEE: "ContextVar[Callable[[], object] | None]" = ContextVar("loafer_see", default=None)
"""Has the worker that a handler runs in see whether all tasks were cancelled, and take those for stopped that run."""


def is_stopped(task: "asyncio.Task[Any] | None" = None) -> bool:
    """Tell whether a stop has cancelled this task, or another one; or whoever cancels all, its worker among them.

    What `cancelling` counts is not that: groups of tasks that fail within it leave it above 0 before Python 3.13.
    """
    if (see := SEE.get()) is not None:
        see()
    task = task or asyncio.current_task()
    return task is not None and task in STOPPED


def looked_at(future: "asyncio.Future[Any]") -> None:
    """Look at how something has ended that nobody waits for, so that nobody complains that nobody did."""
    if not future.cancelled():
        future.exception()


def times_cancelled() -> int:
    """Return how often the task that runs was cancelled, and nobody has taken that back."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def came_of_cancelling(error: BaseException, since: int) -> bool:
    """Tell whether the task was cancelled more than so many times, and an error came of that: a clean-up has failed.

    Before Python 3.13 a group of tasks leaves its task counted as cancelled, so that nothing can be told of its errors.
    """
    cause: BaseException | None = error
    for _ in range(LONGEST_CHAIN if times_cancelled() > since else 0):
        if cause is None:
            break
        if issubclass(type(cause), BaseExceptionGroup):
            return GROUPS_TAKE_IT_BACK
        if issubclass(type(cause), asyncio.CancelledError):
            return True
        cause = BaseException.__dict__["__context__"].__get__(cause)
    return False
