"""Log records go to their handlers on a thread of their own, so that a handler that blocks stops nothing else.

They are queued where they leave their logger, not by a handler: every handler there is, and every one that is added
later, is called on that thread, with the record as it was made and in the context it was made in.
"""

import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import TypeAlias

from loafer.entrypoints.worker.ending import ends_within
from loafer.entrypoints.worker.fields import add_fields
from loafer.entrypoints.worker.logs import in_the_logs_format
from loafer.entrypoints.worker.records import is_ours, records_guarded
from loafer.entrypoints.worker.still import make_still, size_of
from loafer.entrypoints.worker.writer import Writer, always, show_error

logger = logging.getLogger(__name__)

CallHandlers: TypeAlias = Callable[[logging.Logger, logging.LogRecord], None]

_OVER: dict[CallHandlers, tuple[CallHandlers, Writer]] = {}
"""What stands in the place of what was called before, and the writer that it gives records to."""

HEARTBEAT = "loafer-heartbeat"
"""The name of the heartbeat's thread, which never waits for the log."""

COMPLAINING = 0.5
"""Seconds that the last line may take where the log is blocked."""


def by_the_heartbeat() -> bool:
    """Tell whether this is the heartbeat's thread."""
    return threading.current_thread().name == HEARTBEAT


def _by_others() -> bool:
    return not by_the_heartbeat()


def _tell(dropped: int) -> None:
    logger.warning("%s records of the log were dropped here: its handlers could not keep up", dropped)


def _at_once(call_handlers: CallHandlers, logger: logging.Logger, record: logging.LogRecord) -> None:
    """Call handlers on this thread; one that raises stops nothing of loafer, whose record it is then."""
    try:
        call_handlers(logger, record)
    except Exception:
        if not is_ours(record.name):
            raise
        show_error()


def log_writer() -> Writer:
    """Return a writer for log records."""
    return Writer(_tell, may_wait=_by_others)


@contextmanager
def queued_logs(chosen: Callable[[], bool] = always, new_writer: Callable[[], Writer] = log_writer) -> Iterator[Writer]:
    """Call the handlers of all loggers on a thread of their own meanwhile; at the end, write what waits.

    Where handlers block, that takes a second; then records are dropped for good, and standard error is told how many.

    Args:
        chosen: Tells, on the thread that logs, whether what it logs is queued; in a process that is someone else's,
            `by_the_heartbeat`.
        new_writer: Returns what writes.

    """
    writer, call_handlers = new_writer(), logging.Logger.callHandlers

    def queue(logger: logging.Logger, record: logging.LogRecord) -> None:
        # What handlers log themselves goes to them at once, as it always does: queued, it would never end.
        if writer.gone or writer.is_current or not chosen():
            _at_once(call_handlers, logger, record)
        else:
            add_fields(record)
            make_still(record)
            writer.put(partial(copy_context().run, call_handlers, logger, record), size_of(record))

    os.register_at_fork(after_in_child=partial(_forget, weakref.ref(writer)))
    _OVER[queue] = call_handlers, writer
    logging.Logger.callHandlers = queue  # type: ignore[method-assign, assignment]
    writer.start()
    try:
        with records_guarded():
            yield writer
    finally:
        lost = writer.close()
        if lost:
            ends_within(COMPLAINING, partial(_complain, lost))
        elif logging.Logger.callHandlers is queue:
            logging.Logger.callHandlers = _before(queue)  # type: ignore[method-assign, assignment]


def _before(call: CallHandlers) -> CallHandlers:
    """Return what was called before, but for what is gone: of two workers in one program the first may end first."""
    while call in _OVER and _OVER[call][1].gone:
        call = _OVER.pop(call)[0]
    return call


def _forget(writer: "weakref.ref[Writer]") -> None:
    there = writer()
    if there is not None:
        there.forget()


def _complain(lost: int) -> None:
    text = f"loafer: {lost} records of the log could not be written: its handlers are blocked"
    with suppress(OSError):
        sys.stderr.write(f"{in_the_logs_format(text, logging.WARNING)}\n")
        sys.stderr.flush()
