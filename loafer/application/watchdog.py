"""Notices an event loop that something blocks, from another thread, and shows what blocks it."""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable

import attrs

logger = logging.getLogger(__name__)

NOTICED_AFTER = 1.0
"""Seconds of silence after which the stack that blocks the loop is logged."""


@attrs.define(eq=False)
class Watchdog:
    """Watches the event loop and thread that created it; `blocked_for` is called from another one."""

    clock: Callable[[], float]
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)
    _thread: int = attrs.field(factory=threading.get_ident, init=False)
    _asked: float | None = attrs.field(default=None, init=False)
    _logged: bool = attrs.field(default=False, init=False)

    def blocked_for(self) -> float:
        """Return for how many seconds the loop has not answered; 0.0 if it does."""
        now = self.clock()
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
        if self._logged and self._asked is not None:
            logger.warning("the event loop answers again after %.1f s", self.clock() - self._asked)
        self._asked, self._logged = None, False

    def _log_stack(self, silence: float) -> None:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - the documented way to another thread's stack
        stack = "".join(traceback.format_stack(frame)) if frame is not None else ""
        logger.warning("the event loop has been blocked for %.1f s, by:\n%s", silence, stack)
