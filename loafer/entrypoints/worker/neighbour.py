"""A thread with an event loop of its own, beside the worker's: what runs there goes on while that one is blocked."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

Run: TypeAlias = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Runs until its event is set."""

ENDING = 1.0
"""Seconds that the thread has to end; then it is left behind, and ends with the process."""


@contextmanager
def beside(name: str, run: Run) -> Iterator[None]:
    """Run something meanwhile, on a thread of this name."""
    runner, stop = asyncio.Runner(loop_factory=asyncio.new_event_loop), asyncio.Event()
    loop = runner.get_loop()

    def run_and_close() -> None:
        with runner:
            runner.run(run(stop))

    thread = threading.Thread(target=run_and_close, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with suppress(RuntimeError):  # it has ended by itself
            loop.call_soon_threadsafe(stop.set)
        thread.join(ENDING)


async def is_over(stop: asyncio.Event, within: float) -> bool:
    """Wait for so many seconds, or until the end; tell whether it has come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within):
            await stop.wait()
    return stop.is_set()
