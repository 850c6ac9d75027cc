"""Deadlines of calls, which hardly ever come: those of all calls share one timer."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import attrs

T = TypeVar("T")

LATE = 0.1
"""Seconds that a look may be late: if it is later, the process stood still, and answers may lie there unread."""

READING = 1.0
"""Seconds in which these are read."""

STALLS = 10
"""How often a call is spared so: handlers that block one after another leave no time to read what lies there."""


@attrs.define(eq=False)
class Deadlines:
    """The deadlines of calls that are under way in one event loop, one of a task at once.

    A timer of its own, as `asyncio.timeout` sets, costs a call a twentieth of its CPU, and its scope another one.
    """

    _ends: "dict[asyncio.Task[Any], float]" = attrs.field(factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)
    _spared: "dict[asyncio.Task[Any], int]" = attrs.field(factory=dict, init=False)
    """How often each was, of those that were."""

    async def within(self, seconds: float, call: Awaitable[T]) -> T:
        """Return what a call comes to; TimeoutError after so many seconds, when it is cancelled."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101 - it is what runs this
        end = self._ends[task] = loop.time() + seconds
        if self._timer is None or end < self._timer.when():
            self._look_at(end)
        cancelled_before = task.cancelling()
        try:
            return await call
        except asyncio.CancelledError as error:
            if task in self._ends or task.cancelling() > cancelled_before + 1:
                raise  # somebody else has cancelled it
            raise TimeoutError from error
        finally:
            self._spared.pop(task, None)
            if self._ends.pop(task, None) is None:
                task.uncancel()

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._look, when)

    def _look(self, when: float) -> None:
        """End what is due, and look again when the next one is."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for task in [task for task, end in self._ends.items() if end <= now]:
            stalls = self._spared.get(task, 0)
            if now > when + LATE and stalls < STALLS:
                self._spared[task], self._ends[task] = stalls + 1, now + READING
            else:
                del self._ends[task]
                task.cancel()
        if self._ends:
            self._look_at(min(self._ends.values()))
