"""What a handler returns: nothing that has to run is dropped with its message."""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Generator
from concurrent.futures import Future as ThreadFuture
from functools import partial
from itertools import starmap
from types import CoroutineType, FunctionType, MethodType
from typing import TypeGuard, cast

from loafer.application.handled import is_held
from loafer.application.raised import LEFT_A_COROUTINE, NeverRuns, NotOurs
from loafer.application.tasks import is_stopped

_LAZY = Generator, AsyncGenerator, map, filter, starmap
"""What does its work only where somebody goes through it."""

_FUNCTIONS = {FunctionType, MethodType, partial}
"""What does its work only where somebody calls it."""

_MANAGERS = {contextlib._GeneratorContextManager, contextlib._AsyncGeneratorContextManager}  # noqa: SLF001 - no other name
"""What does its work only where somebody enters it."""


async def see_to(returned: object) -> None:
    """Await what a coroutine has returned to us: nobody else would.

    Raises:
        CancelledError: a stop has cancelled this task: what is still to be done does not begin.
        NotOurs: nor does it once the lease has ended.
        NeverRuns: that is nothing that could be awaited, and does its work only later.

    """
    if returned is None:
        return  # the usual, at once
    before = None
    while returned is not before and (awaitable := _forgotten(returned)) is not None:
        if is_stopped():
            dismiss(awaitable)
            raise asyncio.CancelledError
        check_held(awaitable)
        before, returned = returned, await awaitable  # clients come to themselves, once they are connected
    if (why := why_it_never_runs(returned)) is not None:
        raise NeverRuns(why)


def _forgotten(returned: object) -> Awaitable[object] | None:
    """Return what is to be awaited, though somebody may have heard how it ended; None: nothing."""
    if type(returned) is CoroutineType:
        return returned if _is_new(returned) else None
    if not issubclass(type(returned), asyncio.Future):
        return to_await(returned)
    future = cast("asyncio.Future[object]", returned)
    ours = future.get_loop() is asyncio.get_running_loop() and future is not asyncio.current_task()
    return future if ours else None


def check_held(awaitable: Awaitable[object]) -> None:
    """Let nothing begin for a message whose lease has ended, as where the process stood still; what runs goes on.

    Raises:
        NotOurs: it has ended.

    """
    if not (issubclass(type(awaitable), asyncio.Future) or is_held()):
        dismiss(awaitable)
        raise NotOurs


def _is_foreign(future: "asyncio.Future[object]") -> bool:
    """Tell whether a future has not ended well, and cannot be awaited in the event loop that runs here, if one does."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    return future.get_loop() is not loop and (not future.done() or future.cancelled() or future.exception() is not None)


def _is_new(coroutine: object) -> bool:
    """Tell whether nobody has awaited a coroutine yet."""
    return inspect.getcoroutinestate(cast("CoroutineType[object, object, object]", coroutine)) == inspect.CORO_CREATED


def to_await(returned: object) -> Awaitable[object] | None:
    """Return what is to be awaited of what a handler has returned, perhaps a future of threads; None: nothing."""
    if issubclass(type(returned), ThreadFuture):
        return _wrapped(cast("ThreadFuture[object]", returned))
    return returned if is_awaitable(returned) else None


def _wrapped(future: "ThreadFuture[object]") -> "asyncio.Future[object]":
    """Return a future as one of this event loop, as asyncio does, which in Python 3.11 hands on no StopIteration."""
    ended: ThreadFuture[object] = ThreadFuture()

    def hand_on(_: object) -> None:
        if not ended.set_running_or_notify_cancel():
            return
        try:
            ended.set_result(future.result())
        except StopIteration as error:
            made = RuntimeError(*LEFT_A_COROUTINE)
            made.__cause__ = error
            ended.set_exception(made)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is handed on
            ended.set_exception(error)

    future.add_done_callback(hand_on)
    wrapped = asyncio.wrap_future(ended)
    wrapped.add_done_callback(lambda _: wrapped.cancelled() and future.cancel())
    return wrapped


def is_awaitable(answer: object) -> TypeGuard[Awaitable[object]]:
    """Tell whether an answer is to be awaited; what raises where it is asked what it is, as a proxy may, is not."""
    try:
        return answer is not None and inspect.isawaitable(answer)
    except BaseException:  # noqa: BLE001 - whatever it is, it is the user's
        return False


def dismiss(awaitable: object) -> None:
    """Take note that nobody awaits this: a coroutine would complain of it, and a task goes on for nobody."""
    if issubclass(type(awaitable), Coroutine):
        cast("Coroutine[object, object, object]", awaitable).close()
    elif isinstance(awaitable, asyncio.Future):
        awaitable.cancel()


def why_it_never_runs(returned: object) -> str | None:
    """Return why what a handler has returned never runs, though its work is in it; None: it does, or who knows."""
    kind = type(returned)
    if kind is CoroutineType and not _is_new(returned):
        return "it returned a coroutine that was awaited before, as one of a cache is; make one for each call"
    if issubclass(kind, asyncio.Future) and _is_foreign(cast("asyncio.Future[object]", returned)):
        return "it returned a future of another event loop, which cannot be awaited here"
    if kind in _FUNCTIONS:
        return "it returned a function, which nobody calls; its decorator may lack its parentheses"
    if kind in _MANAGERS:
        return "it returned a context manager, which nobody enters"
    if issubclass(kind, _LAZY) and not is_awaitable(returned):
        return "it returned a generator or a map, which would never run; write it as a loop, without yield"
    return None
