"""How a plain function becomes what can be awaited: a handler, or a translator that blocks."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import Executor

import attrs


@attrs.frozen(slots=True)
class ThreadHandler:
    """A function that runs in a thread of a pool, with the caller's context variables.

    A thread cannot be cancelled: cancelled once, the call still waits for a function that has started; cancelled
    twice, it leaves it alone. A function that waits for a thread is cancelled at once, and never starts.

    Attributes:
        function: An awaitable that it returns is awaited on the event loop.
        pool: Where it runs; closed by whoever made it.

    """

    function: Callable[..., object]
    pool: Executor

    async def __call__(self, *given: object) -> object:
        """Return what the function returned, when it has ended; raises whatever it raised."""
        carried = contextvars.copy_context()
        ending = self.pool.submit(carried.run, _end_of, self.function, given)
        ended = asyncio.wrap_future(ending)
        try:
            returned, error = await asyncio.shield(ended)
        except asyncio.CancelledError:
            if ending.cancel() or ending.cancelled():
                raise
            returned, error = await ended
        if error is not None:
            raise error
        if returned is not None and inspect.isawaitable(returned):
            return await returned
        return returned


def _end_of(function: Callable[..., object], given: tuple[object, ...]) -> tuple[object, BaseException | None]:
    """Return what a function returned, and what it raised: a future would not take a StopIteration."""
    try:
        return function(*given), None
    except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
        return None, error
