"""Makes a log record say later what it says now, though what it was given may change meanwhile."""

import logging
from collections.abc import Mapping
from datetime import date, time, timedelta
from numbers import Number

import attrs

RECORD, TRACEBACK = 1024, 64 * 1024
"""Bytes that a record keeps in memory beside its texts; and with a traceback, whose frames have values."""

_NEVER_CHANGE = (str, bytes, Number, type(None), type, date, time, timedelta)
_USUAL = frozenset(logging.makeLogRecord({}).__dict__)
_DEEPEST = 8


@attrs.frozen(repr=False)
class Said:
    """What stands for an argument that could change: its texts, as they were."""

    text: str
    representation: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.representation


def make_still(record: logging.LogRecord) -> None:
    """Let a record keep its template, its arguments, its extras and `exc_info`, each as it is now.

    Arguments that could change become their texts: templates still take them by `%s` and `%r`. Of what stands in a
    record beside them, dictionaries and lists are copied; other objects stay what they are, for handlers that know
    them.
    """
    if type(record).getMessage is not logging.LogRecord.getMessage:
        return  # it puts its texts together in a way of its own, and may need of its arguments more than their texts
    args = record.args
    if isinstance(args, tuple):
        for arg in args:
            if not isinstance(arg, _NEVER_CHANGE):
                record.args = tuple(map(_said, args))
                break
    elif isinstance(args, Mapping):
        record.args = {name: _said(value) for name, value in args.items()}
    if not isinstance(record.msg, str):
        record.msg = _copy(record.msg) if isinstance(record.msg, dict) else _said(record.msg)
    extras = record.__dict__
    if len(extras) > len(_USUAL):
        for name in extras.keys() - _USUAL:
            extras[name] = _copy(extras[name])


def size_of(record: logging.LogRecord) -> int:
    """Return about how many bytes a still record keeps in memory."""
    args = record.args.values() if isinstance(record.args, Mapping) else record.args or ()
    size = RECORD if record.exc_info is None else RECORD + TRACEBACK
    for value in (record.msg, record.stack_info, *args):
        if isinstance(value, str | bytes):
            size += len(value)
        elif type(value) is Said:
            size += len(value.text)
    return size


def _said(value: object) -> object:
    if isinstance(value, _NEVER_CHANGE):
        return value
    try:
        return Said(str(value), repr(value))
    except Exception:  # noqa: BLE001 - whoever formats the record meets it again, and tells of it
        return value


def _copy(value: object, depth: int = 0) -> object:
    """Return a copy of what is made of plain dictionaries, lists, tuples and sets; anything else as it is."""
    if depth == _DEEPEST:
        return value
    if type(value) is dict:
        return {name: _copy(inner, depth + 1) for name, inner in value.items()}
    if type(value) is list:
        return [_copy(inner, depth + 1) for inner in value]
    if type(value) is tuple:
        return tuple(_copy(inner, depth + 1) for inner in value)
    return set(value) if type(value) is set else value
