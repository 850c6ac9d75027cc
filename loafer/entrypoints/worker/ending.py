"""The end of the process, also where handlers run on in threads; imports nothing that `--help` would wait for."""

import os
import signal
import sys
import threading
from typing import NoReturn

import attrs

from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.exceptions import ConfigurationError, LoaferError

FAILED, MISUSED = 1, 2
"""Exit statuses: something refused to work; the command or its configuration was wrong."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Who sends one of these wants a worker to stop."""


@attrs.frozen
class Ending:
    """How a command ends: its exit status, and what standard error is told of it."""

    status: int = 0
    text: str = ""


def ending_of(error: BaseException, *, traced: bool = False) -> Ending:
    """Return how a command ends that raised this; loafer's errors are lines, and with `traced` tracebacks too."""
    if isinstance(error, SystemExit):
        return _ending_of_exit(error.code)
    import traceback  # noqa: PLC0415 - costs `--help` some milliseconds

    trace = "".join(traceback.format_exception(error))
    if not isinstance(error, LoaferError):
        return Ending(FAILED, trace.rstrip())
    lines = "\n".join(f"loafer: {line}" for line in str(error).splitlines())
    return Ending(MISUSED if isinstance(error, ConfigurationError) else FAILED, trace + lines if traced else lines)


def _ending_of_exit(code: object) -> Ending:
    if isinstance(code, int):
        return Ending(code & 0xFF)  # as much as the system keeps of it
    return Ending() if code is None else Ending(FAILED, str(code))


def end_process(end: SystemExit) -> NoReturn:
    """End the process, also from under what still runs in a handler's thread, which Python would wait for."""
    for thread in threading.enumerate():
        if thread.name.startswith(HANDLER_THREAD):
            thread.join(timeout=0.1)
            if thread.is_alive():
                if isinstance(end.code, str):
                    sys.stderr.write(f"{end.code}\n")
                import logging  # noqa: PLC0415 - as above

                logging.shutdown()
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
    raise end
