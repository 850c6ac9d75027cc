"""Calls to a source that are never answered: they are given up, for whoever waits for one would wait for good."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

Call: TypeAlias = "asyncio.Task[Any]"

LATE = 1.0
"""Seconds that a look may be late: if it is later, the event loop stood still, and answers may lie there unread."""


@attrs.define(eq=False)
class Overdue:
    """Cancels calls, each a task, that have not ended by their last moment; one timer does for all of them.

    Attributes:
        clock: Seconds that never go back.

    """

    clock: Callable[[], float]
    _lasts: dict[Call, float] = attrs.field(factory=dict, init=False)
    _given_up: set[Call] = attrs.field(factory=set, init=False)
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    def watch(self, call: Call, last: float) -> None:
        """Give a call up that has not ended by then, nor been forgotten."""
        self._lasts[call] = last
        if self._timer is None:
            self._look_at(last)

    def forget(self, call: Call) -> bool:
        """Look after a call no longer; tell whether it was given up."""
        self._lasts.pop(call, None)
        given_up = call in self._given_up
        self._given_up.discard(call)
        return given_up

    def end(self) -> None:
        """Give nothing up any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look_at(self, when: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(when - self.clock(), self._look, when)

    def _look(self, when: float) -> None:
        self._timer, now = None, self.clock()
        if now > when + LATE:
            self._look_at(now + LATE)
            return
        for call in [call for call, last in self._lasts.items() if last <= now]:
            del self._lasts[call]
            self._given_up.add(call)
            call.cancel()
        if self._lasts:
            self._look_at(min(self._lasts.values()))
