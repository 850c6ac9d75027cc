"""Log records as JSON, an object a line, with the field names of the Elastic Common Schema."""

import json
import logging
import math
import traceback
from datetime import UTC, datetime

from loafer.entrypoints.worker.traces import without_the_sdks_words

ECS = "8.17.0"
"""The version of the schema."""

MESSAGE_FIELDS = {
    "message_id": "messaging.message.id",
    "source": "messaging.destination.name",
    "route": "loafer.route",
    "attempt": "loafer.attempt",
    "group": "loafer.group",
    "latency": "loafer.latency",
}
"""What the fields of a message are called there: names of OpenTelemetry, where it has one."""

_USUAL = {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"}
_DEEPEST = 8
_ENCODED = json.JSONEncoder(allow_nan=False).encode
"""Made once: `json.dumps` makes one for each line."""


class JsonLines(logging.Formatter):
    """A formatter: whatever is in a record, what comes of it is one line, and valid JSON.

    It is one by inheritance because `logging` has no other word for it, and neither has a type checker.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line of JSON."""
        created = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "@timestamp": created.replace("+00:00", "Z"),
            "log.level": record.levelname.lower(),
            "message": _text_of(record),
            "ecs.version": ECS,
            "log.logger": record.name,
            "log.origin.file.name": record.filename or None,
            "log.origin.file.line": record.lineno or None,
            "log.origin.function": record.funcName,
            "process.pid": record.process,
            "process.name": record.processName,
            "process.thread.name": record.threadName,
            **_error_of(record),
        }
        for name in record.__dict__.keys() - _USUAL:
            fields.setdefault(MESSAGE_FIELDS.get(name, name), record.__dict__[name])
        plain = {_text(name): _plain(value) for name, value in fields.items() if value is not None}
        return _ENCODED(plain)


def _text_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - it has to become a line all the same
        return f"{record.msg!r} cannot be formatted with its arguments: {type(error).__name__}"


def _error_of(record: logging.LogRecord) -> dict[str, object]:
    """Return the fields of a record's error, and of its stack."""
    if isinstance(record.exc_info, tuple) and record.exc_info[0] is not None:
        kind, error, trace = record.exc_info
        text = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
        return {
            "error.type": kind.__qualname__,
            "error.message": without_the_sdks_words(_text(error), error),
            "error.stack_trace": without_the_sdks_words(text, error),
        }
    return {"error.stack_trace": record.exc_text or record.stack_info}


def _plain(value: object, depth: int = 0) -> object:
    """Return what JSON has for a value; its text, where JSON has nothing."""
    if type(value) is str:  # which is what most are
        return _text(value)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth < _DEEPEST and isinstance(value, dict):
        return {_text(name): _plain(inner, depth + 1) for name, inner in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner, depth + 1) for inner in value]
    return _text(value)


def _text(value: object) -> str:
    """Return a value's text without halves of characters, which not every reader of JSON takes."""
    if type(value) is str and value.isascii():
        return value
    try:
        text = str(value)
    except Exception as error:  # noqa: BLE001 - as above
        return f"<a {type(value).__name__} without a text: {type(error).__name__}>"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
