"""How a plain function becomes what can be awaited: a handler, or a translator that blocks."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future as ThreadFuture
from types import CoroutineType
from typing import TypeGuard, cast

import attrs

from loafer.application.limit import LIMIT, Limit
from loafer.application.pool import ThreadPool
from loafer.application.raised import NeverRuns
from loafer.application.tasks import STOPPED, is_stopped
from loafer.application.threaded import GENERATORS, ThreadCall
from loafer.exceptions import HandlerTimeout


class Chained:
    """A handler that is called through middleware."""


@attrs.frozen(slots=True)
class ThreadHandler:
    """A function that runs in a thread of a pool, with the caller's context variables.

    A thread cannot be cancelled: the call still waits for a function that has started, however often it is cancelled,
    until a stop gives it up. A function that waits for a thread is cancelled at once, and never starts. Where its time
    is limited, what it returns has what is left of that.

    Attributes:
        function: An awaitable that it returns is awaited on the event loop.
        pool: Where it runs; closed by whoever made it.
        prepares: Whether the work is another's that follows, as a translator's is: once cancelled, nothing follows.

    """

    function: Callable[..., object]
    pool: ThreadPool
    prepares: bool = False

    async def __call__(self, *given: object) -> object:
        """Return what the function returned, when it has ended; raises whatever it raised."""
        limit = LIMIT.get()
        if limit is not None:
            limit.enter()
        try:
            call, cancelled = self.pool.begin(self.function, given), 0
            while not cancelled or not call.ended:
                try:
                    await call.answer
                except asyncio.CancelledError:
                    if call.withdrawn or (self.pool.left and not call.ended) or self.pool.withdraw(call):
                        raise
                    cancelled += 1
                    call.answer = asyncio.get_running_loop().create_future()
                else:
                    break
        finally:
            if limit is not None:
                limit.leave()
        if cancelled:
            self._go_on(call, cancelled)
        if (error := call.error) is not None:
            try:
                raise error
            finally:
                del call, error  # the traceback of the error holds this frame: no circle
        returned = call.returned
        awaitable = to_await(returned)
        return returned if awaitable is None else await _within(limit, awaitable)

    def _go_on(self, call: ThreadCall, cancelled: int) -> None:
        """Go on after a cancellation where the function has done all of the work: what it came to counts.

        Raises:
            CancelledError: there is more to do, which is not to start any more.

        """
        awaitable = to_await(call.returned)
        if call.error is None and (awaitable is not None or self.prepares):
            dismiss(awaitable)
            raise asyncio.CancelledError
        if (task := asyncio.current_task()) is not None:
            for _ in range(cancelled):
                task.uncancel()
            STOPPED.discard(task)


async def _within(limit: Limit | None, returned: Awaitable[object]) -> object:
    """Await what a function has returned, unless it has had all of its time."""
    if limit is not None:
        try:
            limit.go_on()
        except HandlerTimeout:
            dismiss(returned)
            raise
    return await returned


async def see_to(returned: object) -> None:
    """Await what a coroutine has returned to us: nobody else would.

    Raises:
        CancelledError: a stop has cancelled this task: what is still to be done does not begin.
        NeverRuns: it has returned a generator.

    """
    before = None
    while returned is not before and (awaitable := _forgotten(returned)) is not None:
        if is_stopped():
            dismiss(awaitable)
            raise asyncio.CancelledError
        before, returned = returned, await awaitable  # clients come to themselves, once they are connected
    if type(returned) in GENERATORS:
        raise NeverRuns


def _forgotten(returned: object) -> Awaitable[object] | None:
    """Return what has not ended, or has failed or was cancelled, and nobody is known to await; None: nothing."""
    if type(returned) is CoroutineType:
        return returned if inspect.getcoroutinestate(returned) == inspect.CORO_CREATED else None
    if not issubclass(type(returned), asyncio.Future):
        return to_await(returned)
    future = cast("asyncio.Future[object]", returned)
    ours = future.get_loop() is asyncio.get_running_loop() and future is not asyncio.current_task()
    ended = future.done() and not future.cancelled() and not getattr(future, "_log_traceback", False)
    return future if ours and not ended else None


def to_await(returned: object) -> Awaitable[object] | None:
    """Return what is to be awaited of what a handler has returned, perhaps a future of threads; None: nothing."""
    if issubclass(type(returned), ThreadFuture):
        return asyncio.wrap_future(cast("ThreadFuture[object]", returned))
    return returned if is_awaitable(returned) else None


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


def pool_of(handle: object) -> ThreadPool | None:
    """Return the pool in whose threads a handler runs, through middleware too; None: it is a coroutine function."""
    pool = getattr(handle, "pool", None)
    return pool if isinstance(pool, ThreadPool) else None
