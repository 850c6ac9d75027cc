"""Signals that ask to stop while a worker starts: nothing is received yet, so that the process ends at once."""

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

import attrs

from loafer.entrypoints.worker.ending import SIGNALS


class StoppedAtStart(BaseException):
    """A signal came while the worker started. It is no SystemExit, for a module that is imported may raise that."""


@attrs.define(eq=False)
class Start:
    """The action of signals until the worker hears them, and after its end.

    Attributes:
        asked: Whether one came before: whatever runs then may swallow what is raised.
        over: Whether the worker has begun to hear them; from then on nothing happens here.

    """

    asked: bool = False
    over: bool = False

    def __call__(self, _: int, __: FrameType | None) -> None:
        """End the start."""
        if not self.over:
            self.asked = True
            raise StoppedAtStart


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
def ended_by_signals() -> Iterator[None]:
    """Let a signal that asks to stop end a start with status 0, until the worker hears it; on the main thread.

    After the worker's end signals do nothing here: how the process ends is settled.
    """
    start = Start()
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
        for number, action in before.items():
            signal.signal(number, action)
