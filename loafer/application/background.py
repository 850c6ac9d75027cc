"""Work beside all else of a lane, that a stop waits for, and that nobody who cancels all tasks he finds can end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias

import attrs

logger = logging.getLogger(__name__)

LOOK = 0.1
"""Seconds between two looks at what such work waits for, and before what was cancelled begins again."""

LONGEST_PAUSE = 5.0
"""Seconds before what broke again and again is done once more, at most."""

Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


@attrs.define(eq=False)
class Background:
    """The work of one lane that is under way.

    Attributes:
        over: True once nobody waits for it any more.

    """

    over: bool = attrs.field(default=False, init=False)
    _tasks: "set[asyncio.Task[None]]" = attrs.field(factory=set, init=False)

    def do(self, work: Work, pause: float = 0) -> None:
        """Do some work, after so many seconds, and again where it is cancelled or closed."""
        task = asyncio.get_running_loop().create_task(_after(pause, work))
        self._tasks.add(task)
        task.add_done_callback(partial(self._done, work, pause))

    async def drained(self) -> None:
        """Wait until nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, work: Work, pause: float, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        failed = None if task.cancelled() else task.exception()
        if isinstance(failed, Exception):
            logger.error("moving or giving back messages broke, and is tried again", exc_info=failed)
        if not self.over and (task.cancelled() or failed is not None):
            self.do(work, LOOK if failed is None else min(max(LOOK, 2 * pause), LONGEST_PAUSE))


async def _after(seconds: float, work: Work) -> None:
    if seconds:
        await asyncio.sleep(seconds)
    await work()
