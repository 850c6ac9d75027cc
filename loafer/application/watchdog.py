"""Notices an event loop that something blocks, from another thread, and shows what blocks it.

It also sees to it that the other thread can look: a loop that is busy all the time gives the interpreter up only for
moments that are too short for another thread to wake up in, and was measured to keep it waiting for seconds.
"""

import asyncio
import logging
import math
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import ParamSpec

import attrs

from loafer.application.lookout import Lookout

logger = logging.getLogger(__name__)

P = ParamSpec("P")

NOTICED_AFTER = 1.0
"""Seconds of silence after which the stack that blocks the loop is logged."""

OVERDUE_AFTER = 1.05
"""Seconds since the last look after which the other thread, which looks each second, waits for the interpreter."""

TURNS = 3
"""Turns of the loop after a look until it counts: what was read in its turn has been handed on by then."""

MOMENT = 0.0001
"""Seconds in which it can have it."""


@attrs.define(eq=False)
class Watchdog:
    """Watches the event loop and thread that created it; `blocked_for` is called from another one, again and again."""

    clock: Callable[[], float]
    lookout: Lookout
    latency: float = attrs.field(default=0.0, init=False)
    """Seconds that the loop took to answer last."""
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)
    thread: int = attrs.field(factory=threading.get_ident, init=False)
    _looked: float = attrs.field(init=False)
    _asked: float | None = attrs.field(default=None, init=False)
    _logged: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Expect the first look."""
        self._looked = self.clock()

    def give_way(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Let the other thread look, if its look is overdue; called on the watched loop whenever there is work."""
        if self.clock() - self._looked > OVERDUE_AFTER:
            sleep(MOMENT)

    def giving_way(self, admit: Callable[P, None]) -> Callable[P, None]:
        """Return what does the same as `admit`, and lets the other thread look first."""

        def admit_then(*args: P.args, **kwargs: P.kwargs) -> None:
            self.give_way()
            admit(*args, **kwargs)

        return admit_then

    def blocked_for(self) -> float:
        """Return for how many seconds the loop has not answered; 0.0 if it does, infinity once it is closed."""
        if self._loop.is_closed():
            return math.inf
        try:
            return self._silence(self.clock())
        finally:
            self._looked = self.clock()  # last, for asking the loop takes the interpreter once more

    def silence(self, now: float) -> float:
        """Return for how many seconds the loop has owed an answer; asks nothing, so that any thread may look."""
        asked = self._asked
        return 0.0 if asked is None else max(0.0, now - asked)

    def _silence(self, now: float) -> float:
        if self._asked is None:
            self._asked = now
            self._loop.call_soon_threadsafe(self._answer)
            return 0.0
        silence = now - self._asked
        if silence > NOTICED_AFTER and not self._logged:
            self._logged = True
            self._log_stack(silence)
        return silence

    def _answer(self) -> None:
        self._looked_at(self.clock(), TURNS)
        if self._logged and self._asked is not None:
            logger.warning("the event loop answers again after %.1f s", self.clock() - self._asked)
        if self._asked is not None:
            self.latency = self.clock() - self._asked
        self._asked, self._logged = None, False

    def _looked_at(self, at: float, turns: int) -> None:
        """Note a look once so many turns have passed."""
        if turns:
            self._loop.call_soon(self._looked_at, at, turns - 1)
        else:
            self.lookout.looked(at)

    def _log_stack(self, silence: float) -> None:
        frame = sys._current_frames().get(self.thread)  # noqa: SLF001 - the documented way to another thread's stack
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        logger.warning("the event loop has been blocked for %.1f s, by:\n%s", silence, stack)
