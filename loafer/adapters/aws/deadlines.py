"""Deadlines of calls, which hardly ever come: those of all calls share one timer."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import attrs

T = TypeVar("T")


@attrs.define(eq=False)
class Deadlines:
    """The deadlines of calls that are under way in one event loop.

    A timer of its own, as `asyncio.timeout` sets, costs a call a twentieth of its CPU.
    """

    _ends: dict[asyncio.Timeout, float] = attrs.field(factory=dict, init=False)
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    async def within(self, seconds: float, call: Awaitable[T]) -> T:
        """Return what a call comes to; TimeoutError after so many seconds, when it is cancelled."""
        scope = asyncio.Timeout(None)
        try:
            async with scope:
                self._set(scope, seconds)
                return await call
        finally:
            self._ends.pop(scope, None)

    def _set(self, scope: asyncio.Timeout, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = self._ends[scope] = loop.time() + seconds
        if self._timer is None or end < self._timer.when():
            self._look_at(end)

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._look)

    def _look(self) -> None:
        """End what is due, and look again when the next one is."""
        self._timer = None
        now = asyncio.get_running_loop().time()
        for scope in [scope for scope, end in self._ends.items() if end <= now]:
            del self._ends[scope]
            scope.reschedule(now)
        if self._ends:
            self._look_at(min(self._ends.values()))
