"""How signals are heard: on a thread of their own, so that nothing that blocks the event loop hides one."""

import logging
import math
import os
import signal
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

import attrs

from loafer.entrypoints.worker.ending import WRITING_THREAD
from loafer.entrypoints.worker.starting import begun, stop_signals

logger = logging.getLogger(__name__)

ONE_SIGNAL = 0.5
"""Seconds within which signals are one: who stops a service may send two at once, and is in no haste for that."""

OTHERS = (signal.SIGUSR1, signal.SIGUSR2)
"""Signals that are heard and do not ask to stop."""

END = 0
"""What ends the thread, in place of the number of a signal."""


@attrs.define
class Signals:
    """Tells which signals count: those within half a second of one that counted are one with it."""

    clock: Callable[[], float] = time.monotonic
    _counted: float = -math.inf

    def count(self) -> bool:
        """Count a signal that comes now; tell whether it counts."""
        now = self.clock()
        if now - self._counted < ONE_SIGNAL:
            return False
        self._counted = now
        return True


def nothing() -> None:
    """Look at nothing."""


@contextmanager
def by_signals(stop: Callable[[], None], look: Callable[[], None] = nothing) -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP call `stop`, on another thread: each time, but for those within half a second.

    SIGUSR1 calls `look`, on a thread of its own.
    """
    signals = Signals()

    def hear() -> None:
        if signals.count():
            stop()

    with heard(hear, look=look):
        yield


@contextmanager
def heard(hear: Callable[[], None], afterwards: Any = None, look: Callable[[], None] = nothing) -> Iterator[None]:
    """Let signals that ask to stop call `hear` on a thread of its own meanwhile; to be entered on the main thread.

    The system writes their numbers to a pipe that the thread reads, whatever the main thread does at that moment.
    Where something else has had the numbers written elsewhere since, the main thread passes them on when it can.

    Args:
        hear: What is called.
        afterwards: The action that the signals have in the end; None: the one they had before.
        look: What SIGUSR1 calls, on a thread of its own and one at a time: for all that come during a look there is one
            more. It may hang, and nothing waits for it. SIGUSR2 calls nothing, and would else end the process.

    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    looks = _Looks(look)
    ear = _Ear(hear, looks.ask, stop_signals(), readable, writable)
    before = {number: signal.signal(number, ear.pass_on) for number in (*ear.stops, *OTHERS)}
    ear.other = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    there = weakref.ref(ear)
    os.register_at_fork(
        before=partial(_hold, there), after_in_parent=partial(_let_go, there), after_in_child=partial(_forget, there)
    )
    thread = threading.Thread(target=ear.listen, name="loafer-signals", daemon=True)
    thread.start()
    if begun(before.values()):
        os.write(writable, bytes([signal.SIGTERM]))
    try:
        yield
    finally:
        ear.listens = False
        for number, action in before.items():
            signal.signal(number, action if afterwards is None else afterwards)
        now = signal.set_wakeup_fd(ear.other)
        if now != writable:
            signal.set_wakeup_fd(now)
        os.write(writable, bytes([END]))
        thread.join()
        looks.end()
        os.close(readable)
        os.close(writable)


def _hold(there: "weakref.ref[_Ear]") -> None:
    """Hold signals back in a thread that is about to fork: one that the child is sent at once waits until `_forget`."""
    ear = there()
    if ear is not None and ear.listens:
        ear.before_fork.mask = signal.pthread_sigmask(signal.SIG_BLOCK, (*ear.stops, *OTHERS))


def _let_go(there: "weakref.ref[_Ear]") -> None:
    """Let the signals come that were held back for a fork."""
    ear = there()
    if ear is not None and (mask := ear.before_fork.__dict__.pop("mask", None)) is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _forget(there: "weakref.ref[_Ear]") -> None:
    """Give signals their default actions in a process that was forked: it would write them to the pipe of this one."""
    ear = there()
    if ear is not None and ear.listens:
        signal.set_wakeup_fd(-1)
        for number in (*ear.stops, *OTHERS):
            signal.signal(number, signal.SIG_DFL)
    _let_go(there)


@attrs.define(eq=False, repr=False)  # Python shows a signal's handler where nobody sees it, and all that it refers to
class _Ear:
    """Reads the numbers of signals from a pipe.

    Attributes:
        stops: The signals that ask to stop.
        other: Where an event loop wants to read them too; -1: nowhere.
        listens: Whether signals are heard here.
        before_fork: The mask of signals that a thread had before it began to fork.

    """

    hear: Callable[[], None]
    ask_to_look: Callable[[], None]
    stops: tuple[signal.Signals, ...]
    readable: int
    writable: int
    other: int = -1
    listens: bool = True
    before_fork: threading.local = attrs.field(factory=threading.local)

    def listen(self) -> None:
        """Hear signals until the end."""
        while END not in (numbers := os.read(self.readable, 4096)):
            if self.other != -1:
                with suppress(OSError):  # its pipe is full, or closed
                    os.write(self.other, numbers)
            if any(number in self.stops for number in numbers):
                self.hear()
            if signal.SIGUSR1 in numbers:
                self.ask_to_look()

    def pass_on(self, number: int, _: FrameType | None) -> None:
        """Write the number of a signal to the pipe, unless the system does."""
        now = signal.set_wakeup_fd(self.writable, warn_on_full_buffer=False)
        if now != self.writable:
            signal.set_wakeup_fd(now)
            os.write(self.writable, bytes([number]))


@attrs.define(eq=False, repr=False)
class _Looks:
    """Looks on a thread of its own, for what a look writes to may be full, and what it asks for may be locked."""

    look: Callable[[], None]
    _asked: threading.Event = attrs.field(factory=threading.Event, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)
    _ended: bool = attrs.field(default=False, init=False)

    def ask(self) -> None:
        """Have a look begin, or one more where one is under way; wait for neither."""
        self._asked.set()
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=WRITING_THREAD, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # there can be no more threads
                logger.error("what is held cannot be logged: %s", error)  # noqa: TRY400 - the stack is this line
            else:
                self._thread = thread

    def end(self) -> None:
        """Begin no look any more."""
        self._ended = True
        self._asked.set()

    def _run(self) -> None:
        while self._asked.wait() and not self._ended:
            self._asked.clear()
            try:
                self.look()
            except Exception:  # the next one may work
                logger.exception("what is held could not be logged")
