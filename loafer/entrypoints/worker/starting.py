"""Signals that ask to stop while a worker starts: nothing is received yet, so that the process ends at once."""

import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import BuiltinImporter, ExtensionFileLoader
from types import CodeType, FrameType
from typing import TypeAlias

import attrs

from loafer.entrypoints.worker.ending import SIGNALS

Later: TypeAlias = Callable[[float, Callable[[], None]], object]
"""Calls something on another thread after so many seconds."""

SOON = 0.01
"""Seconds until a signal comes once more that came while a compiled module was loaded."""

_LOADS: set[CodeType] = {
    getattr(loader, name).__code__
    for loader in (ExtensionFileLoader, BuiltinImporter)
    for name in ("create_module", "exec_module")
}
"""The code that loads compiled modules. What is raised within them they may take for something else, or for nothing:
orjson looks at no error of what it imports itself, and the process crashes."""


class StoppedAtStart(BaseException):
    """A signal came while the worker started. It is no SystemExit, for a module that is imported may raise that."""


@attrs.define(eq=False)
class Start:
    """The action of signals until the worker hears them, and after its end.

    Attributes:
        later: What has a signal come once more.
        asked: Whether one came before: whatever runs then may swallow what is raised.
        over: Whether the worker has begun to hear them, or has ended; from then on nothing happens here.

    """

    later: Later
    asked: bool = False
    over: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """End the start, once no compiled module is being loaded."""
        if self.over:
            return
        self.asked = True
        if _loads_compiled(frame):
            self.later(SOON, lambda: self._again(number))
        else:
            raise StoppedAtStart

    def _again(self, number: int) -> None:
        if not self.over:
            signal.raise_signal(number)


def _loads_compiled(frame: FrameType | None) -> bool:
    """Tell whether a compiled module is being loaded in a frame, or in one that it was called from."""
    while frame is not None:
        if frame.f_code in _LOADS:
            return True
        frame = frame.f_back
    return False


def _on_a_thread(seconds: float, act: Callable[[], None]) -> None:
    """Call something on another thread after so many seconds; StoppedAtStart where there can be no more threads."""
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    try:
        timer.start()
    except RuntimeError:
        raise StoppedAtStart from None


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that ask to stop: SIGHUP is one unless whoever started the process has it ignored (nohup)."""
    return SIGNALS if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*SIGNALS, signal.SIGHUP)


def begun(actions: Iterable[object]) -> bool:
    """End starts among the former actions of signals, and tell whether a stop was asked for in one."""
    starts = [action for action in actions if isinstance(action, Start)]
    for start in starts:
        start.over = True
    return any(start.asked for start in starts)


@contextmanager
def _unshown() -> Iterator[None]:
    """Keep Python from showing StoppedAtStart where it cannot be raised, as in a callback of its import system."""
    before = sys.unraisablehook

    def show(unraisable: "sys.UnraisableHookArgs") -> None:
        if unraisable.exc_type is not StoppedAtStart:
            before(unraisable)

    sys.unraisablehook = show
    try:
        yield
    finally:
        if sys.unraisablehook is show:
            sys.unraisablehook = before


@contextmanager
def ended_by_signals(later: Later = _on_a_thread) -> Iterator[None]:
    """Let a signal that asks to stop end a start with status 0, until the worker hears it; on the main thread.

    After the worker's end signals do nothing here: how the process ends is settled.
    """
    start = Start(later)
    before = {number: signal.signal(number, start) for number in stop_signals()}
    try:
        with _unshown():
            yield
    except StoppedAtStart:
        raise SystemExit(0) from None
    except Exception:
        if start.asked and not start.over:  # what is imported may make something else of it, as compiled modules do
            raise SystemExit(0) from None
        raise
    finally:
        start.over = True
        for number, action in before.items():
            signal.signal(number, action)
