"""The end of the process, also where handlers run on in threads; imports nothing that `--help` would wait for."""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import attrs

from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker.traces import trace_of
from loafer.exceptions import ConfigurationError, LifespanError, LoaferError

if TYPE_CHECKING:
    import logging

FAILED, MISUSED = 1, 2
"""Exit statuses: something refused to work; the command or its configuration was wrong."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Who sends one of these wants a worker to stop."""

WRITING_THREAD = "loafer-writes"
"""The name of threads that write what may block: those that are left at the end are blocked."""

TELLING = 0.5
"""Seconds that a text of ours may take where nobody reads it; then it is left to be read whenever it is."""

LINGERING = 0.1
"""Seconds that handlers' threads have to end, all together."""

FLUSHING, FLUSHING_BLOCKED = 3.0, 0.5
"""Seconds that the end of the process gives to what is still to be written; and where something is blocked."""


@attrs.frozen
class Ending:
    """How a command ends: its exit status, and what standard error is told of it."""

    status: int = 0
    text: str = ""


def ending_of(error: BaseException, *, traced: bool = False) -> Ending:
    """Return how a command ends that raised this; loafer's errors are lines, and with `traced` tracebacks too."""
    if isinstance(error, SystemExit):
        return _ending_of_exit(error.code)
    trace = trace_of(error)
    if not isinstance(error, LoaferError):
        return Ending(FAILED, trace.rstrip())
    if isinstance(error, LifespanError) and error.__cause__ is not None:
        traced, trace = True, trace_of(error.__cause__)
    lines = "\n".join(f"loafer: {line}" for line in str(error).splitlines())
    return Ending(MISUSED if isinstance(error, ConfigurationError) else FAILED, trace + lines if traced else lines)


def _ending_of_exit(code: object) -> Ending:
    if isinstance(code, int):
        return Ending(code & 0xFF)  # as much as the system keeps of it
    return Ending() if code is None else Ending(FAILED, str(code))


def ends_within(seconds: float, act: Callable[[], object]) -> bool:
    """Do something that may block on a thread of its own, and tell whether it ended in time; what it raises is lost.

    Once Python itself ends, it is not begun: no thread starts any more, and before 3.12 that waits for ever.
    """
    if sys.is_finalizing():
        return False

    def run() -> None:
        with suppress(Exception):
            act()

    thread = threading.Thread(target=run, name=WRITING_THREAD, daemon=True)
    try:
        thread.start()
    except RuntimeError:  # there can be no more threads
        return False
    thread.join(seconds)
    return not thread.is_alive()


def end_with(act: Callable[[], int | None]) -> NoReturn:
    """Do something, and end the process with the exit status that it returns, or that it ends with."""
    _hold_standard_streams()
    try:
        status = _done(act)
    except SystemExit as end:
        end_process(end)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            _show(error)
        end_process(SystemExit(f"loafer: what is printed cannot be written: {error.strerror}"))
    except BaseException as error:  # noqa: BLE001 - it ends the process, as it would anyway, but for its traceback
        _show(error)
    end_process(SystemExit(status))


def _done(act: Callable[[], int | None]) -> int | None:
    """Do something, and let no signal change how the process ends from then on."""
    try:
        return act()
    finally:
        for number in (*SIGNALS, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _hold_standard_streams() -> None:
    """Keep the numbers of standard streams that are closed from sockets, for which libuv would abort the process.

    Whoever this process starts has them too.
    """
    for number in range(3):
        with suppress(OSError):
            os.fstat(number)
            continue
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _show(error: BaseException) -> NoReturn:
    """Show an error with its traceback, and end the process."""
    ends_within(TELLING, partial(sys.excepthook, type(error), error, error.__traceback__))
    end_process(SystemExit(FAILED))


def end_process(end: SystemExit) -> NoReturn:
    """End the process, also from under what Python would wait for: a handler in a thread, an output that is blocked."""
    status, text = (end.code, "") if isinstance(end.code, int) else (int(end.code is not None), end.code or "")
    threads = [thread for thread in threading.enumerate() if thread.name.startswith((HANDLER_THREAD, WRITING_THREAD))]
    until = time.monotonic() + LINGERING
    left = [thread.name for thread in threads if _runs(thread, until)]
    seconds = FLUSHING_BLOCKED if WRITING_THREAD in left else FLUSHING
    flushed = ends_within(seconds, partial(_write_all, f"{text}\n" if text else ""))
    if left or not flushed:
        os._exit(status)
    raise SystemExit(status)


def _runs(thread: threading.Thread, until: float) -> bool:
    """Tell whether a thread still runs, at that time at the latest."""
    thread.join(timeout=max(0.0, until - time.monotonic()))
    return thread.is_alive()


def _write_all(text: str) -> None:
    """Write a last text, and what the standard streams and the log's handlers still have to write."""
    sys.stderr.write(text)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more; it is closed
            stream.flush()
    if "logging" in sys.modules:
        import logging  # noqa: PLC0415 - as above

        for logger in (logging.root, *logging.root.manager.loggerDict.values()):
            for handler in getattr(logger, "handlers", ()):
                _flush(handler)


def _flush(handler: "logging.Handler") -> None:
    handler.acquire()
    try:
        handler.flush()
    except Exception:  # noqa: BLE001, S110 - there are others, and nobody is left to be told
        pass
    finally:
        handler.release()
