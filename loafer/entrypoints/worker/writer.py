"""Does what it is given, in order, on a thread of its own: whoever gives it waits for none of it."""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import TypeAlias

import attrs

from loafer.entrypoints.worker.backlog import Backlog
from loafer.entrypoints.worker.ending import WRITING_THREAD

LONGEST_BACKLOG = 16 * 1024 * 1024
"""Bytes that may wait to be written."""

PATIENCE = 1.0
"""Seconds without anything done after which, at the end, the thread is taken for blocked."""

LONGEST_CLOSE = 3
"""How often `PATIENCE` is waited for at most, where something is done each time."""

MOMENT, MOMENTS = 0.001, 10
"""Seconds; and for how many such moments whoever gives something to a full writer waits for room."""

Act: TypeAlias = Callable[[], object]


def start_thread(target: Callable[[], None]) -> None:
    """Run something on a thread that the process does not wait for."""
    threading.Thread(target=target, name=WRITING_THREAD, daemon=True).start()


def always() -> bool:
    """Let everyone wait for room."""
    return True


@attrs.define(eq=False)
class Writer:
    """Does things on a thread of its own, between `start` and `close`; drops them when too many wait.

    Attributes:
        tell: Called on the thread with how many were dropped, in their place.
        may_wait: Tells, on the thread that gives something, whether it may wait a moment for room.
        backlog: What waits.
        start_thread: Runs something on another thread.
        patience: Seconds without anything done after which, at the end, the thread is taken for blocked.
        pause: Sleeps for so many seconds.
        gone: Whether what is given is done by whoever gives it: the thread has ended, or is in another process.

    """

    tell: Callable[[int], None]
    may_wait: Callable[[], bool] = always
    backlog: Backlog = attrs.field(factory=lambda: Backlog(LONGEST_BACKLOG))
    start_thread: Callable[[Callable[[], None]], None] = start_thread
    patience: float = PATIENCE
    pause: Callable[[float], None] = time.sleep
    _items: "SimpleQueue[tuple[Act, int] | None]" = attrs.field(factory=SimpleQueue, init=False)
    # A signal's handler or a finalizer may log while its own thread is in here.
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _thread: int | None = attrs.field(default=None, init=False)
    _done: int = attrs.field(default=0, init=False)
    _ended: threading.Event = attrs.field(factory=threading.Event, init=False)
    gone: bool = attrs.field(default=False, init=False)
    _blocked: bool = attrs.field(default=False, init=False)

    def start(self) -> None:
        """Start the thread."""
        self.start_thread(self._run)

    @property
    def is_current(self) -> bool:
        """Whether this is its thread."""
        return threading.get_ident() == self._thread

    def put(self, act: Act, size: int) -> None:
        """Have something of so many bytes done, or drop it."""
        self._wait_for_room(size)
        with self._lock:
            if not self.gone:
                if not self._blocked and self.backlog.take_in(size):
                    self._items.put((act, size))
                return
        _do(act)

    def forget(self) -> None:
        """Be gone: the process was forked, and its threads are in the other one."""
        self.gone = True

    def close(self) -> int:
        """Do what waits and end the thread, and return 0.

        Where the thread is blocked, drop what waits and whatever is still to come, and return how much waits.
        """
        self._items.put(None)
        for _ in range(LONGEST_CLOSE):
            done = self._done
            if self._ended.wait(self.patience) or done == self._done:
                break
        with self._lock:
            self.gone = self._ended.is_set()
            self._blocked = not self.gone
        if self._blocked:
            return self._items.qsize() + self.backlog.dropped  # the end is in there, and what is being done is not
        while not self._items.empty():
            self._do_next()
        return 0

    def _wait_for_room(self, size: int) -> None:
        """Let the thread get on where it is slow; where it is blocked, this was in vain and is not tried again."""
        for _ in range(MOMENTS):
            if self.backlog.dropping or self.backlog.fits(size) or not self.may_wait():
                return
            self.pause(MOMENT)

    def _run(self) -> None:
        self._thread = threading.get_ident()
        while self._do_next():
            pass
        self._ended.set()

    def _do_next(self) -> bool:
        """Do what comes next, as soon as there is something; return False at the end."""
        item = self._items.get()
        if item is None:
            if self._items.empty():
                return False
            self._items.put(None)  # what was dropped is still to be told
            return True
        act, size = item
        _do(act)
        with self._lock:
            self._done += 1
            dropped = self.backlog.take_out(size)
            if dropped:
                self._items.put((lambda: self.tell(dropped), 0))
        return True


def _do(act: Act) -> None:
    """Do something; what it raises is shown as `logging` shows errors of its handlers."""
    try:
        act()
    except BaseException:  # noqa: BLE001 - whatever it is, there is more to be done
        show_error()


def show_error() -> None:
    """Show what was just raised as `logging` shows errors of its handlers."""
    if logging.raiseExceptions:
        with suppress(Exception):
            traceback.print_exc(file=sys.stderr)
