"""How tasks are started: at once, where Python can, for many end before they first wait; how they know of a stop."""

import asyncio
import sys
from collections.abc import Coroutine
from contextvars import Context
from weakref import WeakSet

if sys.version_info >= (3, 12):

    def start_task(coroutine: Coroutine[object, object, None], context: Context | None = None) -> "asyncio.Task[None]":
        """Start a task, which runs at once until it first waits, and may be done when this returns."""
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), context=context, eager_start=True)

else:

    def start_task(coroutine: Coroutine[object, object, None], context: Context | None = None) -> "asyncio.Task[None]":
        """Start a task, which runs when its turn comes: tasks cannot start at once yet."""
        return asyncio.get_running_loop().create_task(coroutine, context=context)


STOPPED: "WeakSet[asyncio.Task[None]]" = WeakSet()
"""The tasks of handlers that a stop has cancelled."""


def is_stopped() -> bool:
    """Tell whether a stop has cancelled this task.

    What `cancelling` counts is not that: groups of tasks that fail within it leave it above 0 before Python 3.13.
    """
    return asyncio.current_task() in STOPPED
