"""How tasks are started: at once, where Python can, for many end before they would first wait."""

import asyncio
import sys
from collections.abc import Coroutine
from contextvars import Context

if sys.version_info >= (3, 12):

    def start_task(coroutine: Coroutine[object, object, None], context: Context | None = None) -> "asyncio.Task[None]":
        """Start a task, which runs at once until it first waits, and may be done when this returns."""
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), context=context, eager_start=True)

else:

    def start_task(coroutine: Coroutine[object, object, None], context: Context | None = None) -> "asyncio.Task[None]":
        """Start a task, which runs when its turn comes: tasks cannot start at once yet."""
        return asyncio.get_running_loop().create_task(coroutine, context=context)
