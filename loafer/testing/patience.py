"""How long a thread's work is waited for where it begins, so that threads end in the same order each time."""

import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import FrameType

ONE_AFTER_ANOTHER = 0.05
"""Real seconds in which a thread's work is waited for; threads that need one another, or sleep, run at once then.

Where the system tells of each thread what it does, those do not count in which one computes, or waits for a core: how
busy the machine is changes nothing.
"""

LOOKS = 10
"""How often it is looked meanwhile."""

LONGEST = 10.0
"""Real seconds after which even one that computes is not waited for any more: it may wait for another that way."""


_WAITS = {Future.result.__code__, Future.exception.__code__}


def waiting_for_the_loop(threads: Iterable[Thread]) -> int:
    """Count the threads that wait for a coroutine which they have given to an event loop."""
    frames = sys._current_frames()  # noqa: SLF001 - the documented way to other threads' stacks
    return sum(_waits_for_a_loop(frames.get(thread.ident or 0)) for thread in threads)


def _waits_for_a_loop(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename == threading.__file__:  # where the future waits itself
        frame = frame.f_back
    if frame is None or frame.f_code not in _WAITS:
        return False
    future = frame.f_locals["self"]
    told = future._done_callbacks  # noqa: SLF001 - nothing else says who is to do it
    return not future.done() and any(getattr(each, "__module__", None) == "asyncio.futures" for each in told)


def wait_for_its_end(ended: Callable[[float], bool], threads: Iterable[Thread]) -> None:
    """Wait for work in one of some threads, as long as one of them does anything.

    Args:
        ended: Waits for so many real seconds, and tells whether the work has ended.
        threads: Those in which it may be.

    """
    idle, until = 0, time.monotonic() + LONGEST
    while idle < LOOKS and not ended(ONE_AFTER_ANOTHER / LOOKS) and time.monotonic() < until:
        idle = 0 if any(map(_does_something, tuple(threads))) else idle + 1


def _does_something(thread: Thread) -> bool:
    """Tell whether a thread runs, waits for a core or for a disk; False where the system does not tell."""
    with suppress(OSError):
        state = Path(f"/proc/self/task/{thread.native_id}/stat").read_bytes().rpartition(b") ")[2][:1]
        return state in {b"R", b"D"}
    return False
