"""The bound of a stop: where it has not ended by then, the process is ended, whatever still runs in it."""

import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import NoReturn

import attrs

from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker.ending import Ending, ends_within

logger = logging.getLogger(__name__)

WORKER, SUPERVISOR = 7.0, 7.55
"""Seconds beyond the grace period, or beyond an order to hurry, after which the process of a worker is ended, and that
of a supervisor: with what the end itself takes, a stop is over after 8."""

SAYING = 0.15
"""Seconds that each of the last words may take: whatever they are written to may be blocked."""

SHOWN = 5
"""How many threads the last line names."""


@attrs.define(eq=False)
class Deadline:
    """Waits for the end of a stop on a thread of its own, from when it begins; nobody has to tell it of the end.

    Attributes:
        grace_period: Seconds that running handlers get.
        bound: Seconds beyond these, or beyond an order to hurry, that the rest may take.
        end: Called on the thread at the bound, with the seconds that have passed since the stop began.
        clock: Seconds that never go back.

    """

    grace_period: float
    bound: float
    end: Callable[[float], object]
    clock: Callable[[], float] = time.monotonic
    _began: float = attrs.field(default=math.inf, init=False)
    _at: float = attrs.field(default=math.inf, init=False)
    _changed: threading.Condition = attrs.field(factory=threading.Condition, init=False)

    def begin(self) -> None:
        """Note that a stop begins; again is as if once."""
        with self._changed:
            if self._began == math.inf:
                self._began = self.clock()
                self._at = self._began + self.grace_period + self.bound
                with suppress(RuntimeError):  # there can be no more threads
                    threading.Thread(target=self._wait, name="loafer-deadline", daemon=True).start()

    def hurry(self) -> None:
        """Note that nothing is to be waited for any more."""
        self.begin()
        with self._changed:
            self._at = min(self._at, self.clock() + self.bound)
            self._changed.notify_all()

    def _wait(self) -> None:
        with self._changed:
            while (left := self._at - self.clock()) > 0:
                self._changed.wait(min(left, threading.TIMEOUT_MAX))
        self.end(self.clock() - self._began)


def still_running() -> Iterator[str]:
    """Yield, in words, what the process still does: where its main thread is, and which threads it would wait for."""
    main = threading.main_thread()
    frame = sys._current_frames().get(main.ident or 0)  # noqa: SLF001 - the documented way to another thread's stack
    if frame is not None:
        file = frame.f_code.co_filename.rpartition("/")[2]
        yield f"the main thread is in {frame.f_code.co_name} ({file}:{frame.f_lineno})"
    others = (thread for thread in threading.enumerate() if thread is not main)
    names = sorted(t.name for t in others if not t.daemon or t.name.startswith(HANDLER_THREAD))
    if names:
        yield f"threads: {', '.join(names[:SHOWN])}{', …' * (len(names) > SHOWN)}"


def cut_off(tell: Callable[[Ending], object], written: Callable[[], object], ending: Ending, line: str) -> NoReturn:
    """End the process at once, from any thread, with the status of `ending`.

    Args:
        tell: Tells whoever waits for it how the process ends.
        written: Returns when what was logged is written.
        ending: How it ends.
        line: What is logged of it.

    """

    def log() -> None:
        logger.error(line)
        written()

    ends_within(SAYING, partial(tell, ending))
    if not ends_within(SAYING, log):
        ends_within(SAYING / 2, partial(os.write, sys.stderr.fileno(), f"loafer: {line}\n".encode()))
    os._exit(ending.status)
