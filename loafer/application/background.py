"""Work beside all else of a lane, that a stop waits for, and that nobody who cancels all tasks he finds can end."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

import attrs

LOOK = 0.1
"""Seconds between two looks at what such work waits for, and before what was cancelled begins again."""

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


@attrs.define(eq=False)
class Background:
    """The work of one lane that is under way.

    Attributes:
        over: True once nobody waits for it any more.

    """

    over: bool = attrs.field(default=False, init=False)
    _tasks: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)

    def do(self, work: Work) -> None:
        """Do some work, and again where it is cancelled or closed."""
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, work))

    async def drained(self) -> None:
        """Wait until nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, work: Work, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not self.over and (task.cancelled() or task.exception() is not None):
            self.do(partial(_after_a_pause, work))


async def _after_a_pause(work: Work) -> None:
    await asyncio.sleep(LOOK)
    await work()
