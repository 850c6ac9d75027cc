"""How a plain function becomes what can be awaited: a handler, or a translator that blocks."""

import asyncio
from collections.abc import Awaitable, Callable

import attrs

from loafer.application.limit import LIMIT, Limit
from loafer.application.pool import ThreadPool
from loafer.application.raised import NeverRuns
from loafer.application.returned import check_held, dismiss, to_await, why_it_never_runs
from loafer.application.tasks import STOPPED
from loafer.application.threaded import ThreadCall
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
    if (why := why_it_never_runs(returned)) is not None:
        raise NeverRuns(why)
    check_held(returned)
    return await returned


def pool_of(handle: object) -> ThreadPool | None:
    """Return the pool in whose threads a handler runs, through middleware too; None: it is a coroutine function."""
    pool = getattr(handle, "pool", None)
    return pool if isinstance(pool, ThreadPool) else None
