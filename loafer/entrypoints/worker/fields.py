"""Tells log records, and events of structlog, which message is being handled where they are made."""

import logging
from collections.abc import MutableMapping
from typing import Any

import attrs

from loafer.application.handled import FIELDS, NO_MESSAGE, handled
from loafer.entrypoints.worker.text_lines import TextLines


def add_fields(record: logging.LogRecord) -> None:
    """Add the fields of the message that is being handled, if one is; what the record has already goes before."""
    message = None if hasattr(record, "message_id") else handled()
    if message is not None:
        for name in FIELDS:
            record.__dict__.setdefault(name, getattr(message, name))
        record.__dict__.setdefault("source", message.source)


@attrs.frozen
class MessageFields:
    """A filter that lets everything pass, with the fields of the message that is being handled.

    The records of a worker that loafer runs have them anyway: it is for programs that run loafer inside.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields."""
        add_fields(record)
        return True


def text_lines(fmt: str) -> logging.Formatter:
    """Return a formatter whose format may name the fields of messages: where no message is handled, they are `-`."""
    return TextLines(fmt, defaults=NO_MESSAGE)


def add_message_fields(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the fields of the message that is being handled to an event: a processor of structlog."""
    message = handled()
    if message is not None:
        for name in FIELDS:
            if getattr(message, name) is not None:
                event.setdefault(name, getattr(message, name))
    return event
