"""Loafer's log records are made, whatever the program's own way of making them does."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import attrs

from loafer.entrypoints.worker.writer import show_error


def is_ours(name: str) -> bool:
    """Tell whether the logger of this name is one of loafer's."""
    return name.partition(".")[0] == "loafer"


Make: TypeAlias = Callable[..., logging.LogRecord]


@attrs.define(eq=False)
class _Making:
    """How records are made and were made before, and by how many workers of this process that is guarded."""

    now: Make = logging.Logger.makeRecord
    before: Make = logging.Logger.makeRecord
    guards: int = 0


_MAKING = _Making()


def _guarded(before: Make) -> Make:
    """Return what makes records; it calls no other than `before`, for that may be what somebody has made of ours."""

    def make(self: logging.Logger, name: str, *args: Any, **kwargs: Any) -> logging.LogRecord:
        try:
            return before(self, name, *args, **kwargs)
        except Exception:
            if not is_ours(name):
                raise
            show_error()
            return logging.LogRecord(name, *args[:6])

    return make


@contextmanager
def records_guarded() -> Iterator[None]:
    """Make plain records for loafer meanwhile, where a factory that the program has set raises: it may stop nothing."""
    if not _MAKING.guards:
        _MAKING.before = logging.Logger.makeRecord
        _MAKING.now = logging.Logger.makeRecord = _guarded(_MAKING.before)  # type: ignore[method-assign]
    _MAKING.guards += 1
    try:
        yield
    finally:
        _MAKING.guards -= 1
        if not _MAKING.guards and logging.Logger.makeRecord is _MAKING.now:
            logging.Logger.makeRecord = _MAKING.before  # type: ignore[method-assign]
