"""Log records go to their handlers on a thread of their own, so that a handler that blocks stops nothing else.

They are queued where they leave their logger, not by a handler: every handler there is, and every one that is added
later, is called on that thread, with the record as it was made and in the context it was made in.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from functools import partial
from typing import TypeAlias

import attrs

from loafer.entrypoints.worker.ending import ends_within
from loafer.entrypoints.worker.fields import add_fields
from loafer.entrypoints.worker.logs import in_the_logs_format
from loafer.entrypoints.worker.records import is_ours, records_guarded
from loafer.entrypoints.worker.still import make_still, size_of
from loafer.entrypoints.worker.writer import Writer, always, show_error

logger = logging.getLogger(__name__)

CallHandlers: TypeAlias = Callable[[logging.Logger, logging.LogRecord], None]

Queueing: TypeAlias = tuple[Callable[[], bool], Writer]
"""Whether what is logged on this thread is queued, and what writes it."""


@attrs.define(eq=False)
class _Calling:
    """How handlers are called and were called before, and the workers of this process that queue records for that."""

    now: CallHandlers = logging.Logger.callHandlers
    before: CallHandlers = logging.Logger.callHandlers
    queues: tuple[Queueing, ...] = ()
    lock: threading.Lock = attrs.field(factory=threading.Lock)


_CALLING = _Calling()

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
    writer = new_writer()
    own = chosen, writer
    _begin(own)
    writer.start()
    try:
        with records_guarded():
            yield writer
    finally:
        lost = writer.close()
        if lost:  # what is still to come is dropped there
            ends_within(COMPLAINING, partial(_complain, lost))
        else:
            _end(own)


def _begin(own: Queueing) -> None:
    with _CALLING.lock:
        if not (_CALLING.queues and logging.Logger.callHandlers is _CALLING.now):  # what is put around again piles up
            _CALLING.before = logging.Logger.callHandlers
            _CALLING.now = _queueing(_CALLING.before)
            logging.Logger.callHandlers = _CALLING.now  # type: ignore[method-assign, assignment]
        _CALLING.queues = (*_CALLING.queues, own)


def _end(own: Queueing) -> None:
    with _CALLING.lock:
        _CALLING.queues = tuple(each for each in _CALLING.queues if each is not own)
        if not _CALLING.queues and logging.Logger.callHandlers is _CALLING.now:
            logging.Logger.callHandlers = _CALLING.before  # type: ignore[method-assign, assignment]


def _queueing(call_handlers: CallHandlers) -> CallHandlers:
    """Return what queues records for whoever wants that, the latest first, and else has their handlers called."""

    def queue(logger: logging.Logger, record: logging.LogRecord) -> None:
        for chosen, writer in reversed(_CALLING.queues):
            if writer.is_current:  # what handlers log themselves goes to them at once: queued, it would never end
                break
            if not writer.gone and chosen():
                add_fields(record)
                make_still(record)
                writer.put(partial(copy_context().run, call_handlers, logger, record), size_of(record))
                return
        _at_once(call_handlers, logger, record)

    return queue


def _forget() -> None:
    """Do without the writers, whose threads are in the process that this one was forked from."""
    _CALLING.lock = threading.Lock()  # which another thread may have held
    for _, writer in _CALLING.queues:
        writer.forget()


os.register_at_fork(after_in_child=_forget)


def _complain(lost: int) -> None:
    text = f"loafer: {lost} records of the log could not be written: its handlers are blocked"
    with suppress(OSError):
        sys.stderr.write(f"{in_the_logs_format(text, logging.WARNING)}\n")
        sys.stderr.flush()
