"""Counts the calls of this process that AWS bills: by what was called, and on what."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from operator import itemgetter, methodcaller
from typing import Any

import attrs

from loafer.domain.prices import RECEIVE, Billed, chunks_in


@attrs.define(eq=False)
class _Line:
    """What was called of one kind, as Billed has it."""

    calls: int = 0
    chunks: int = 0
    fair: int = 0
    empty: int = 0
    messages: int = 0
    wait: float = 0
    most: int = 0


@attrs.define(eq=False)
class Bill:
    """What was called so far, over all threads."""

    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _lines: dict[tuple[str, str], _Line] = attrs.field(factory=lambda: defaultdict(_Line), init=False)

    def add(self, operation: str, place: str, parameters: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
        """Count a call by the SDK's name of its operation; None: it had no answer, and is billed all the same.

        It is called for each call to AWS, so it does little where no messages are in it.
        """
        if operation == RECEIVE:
            self._add_receive(place, parameters, answer)
            return
        chunks, grouped = _sent(parameters) if operation in _SENDING else (1, False)
        with self._lock:
            line = self._lines[operation, place]
            line.calls += 1
            line.chunks += chunks
            line.fair += chunks if grouped else 0

    def _add_receive(self, place: str, parameters: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
        said = (answer or {}).get("Messages")
        messages = said if isinstance(said, list) else ()
        chunks, grouped = _received(messages) if messages else (1, False)
        with self._lock:
            line = self._lines[RECEIVE, place]
            line.calls += 1
            line.chunks += chunks
            line.fair += chunks if grouped else 0
            line.messages += len(messages)
            line.empty += answer is not None and not messages
            line.wait = parameters.get("WaitTimeSeconds", line.wait)
            line.most = max(line.most, parameters.get("MaxNumberOfMessages", 0))

    def lines(self) -> list[Billed]:
        """Return what was called so far."""
        with self._lock:
            return [
                Billed(operation=operation, place=place, **{name: getattr(line, name) for name in _FIELDS})
                for (operation, place), line in self._lines.items()
            ]


_SENDING = {"send_message", "send_message_batch", "publish", "publish_batch"}
"""The operations with messages in their parameters."""

_BODY, _ATTRIBUTES = itemgetter("Body"), methodcaller("get", "MessageAttributes")

_FIELDS = tuple(field.name for field in attrs.fields(_Line))

BILL = Bill()
"""That of this process."""


def _sent(parameters: Mapping[str, Any]) -> tuple[int, bool]:
    """Return as how many requests a call that sends is billed, and whether one of its messages has a group."""
    messages = parameters.get("Entries") or parameters.get("PublishBatchRequestEntries")
    if not messages:  # it is one
        return chunks_in(_size(parameters)), "MessageGroupId" in parameters
    return chunks_in(sum([_size(message) for message in messages])), any("MessageGroupId" in each for each in messages)


def _received(messages: Any) -> tuple[int, bool]:
    """Return as how many requests a receive is billed, and whether its messages have groups: all have, or none."""
    try:
        size = sum(map(len, map(_BODY, messages)))  # at once, for it is asked for each message
        attributes = filter(None, map(_ATTRIBUTES, messages))
        return chunks_in(size + sum(map(len, map(str, attributes)))), _grouped(messages[0])
    except (AttributeError, KeyError, TypeError):
        return 1, False  # what cannot be read is skipped elsewhere, with a warning


def _size(message: Mapping[str, Any]) -> int:
    """Return about how large a message is: its body, in characters, and its attributes."""
    size = len(message.get("MessageBody") or message.get("Message") or "")
    return size + len(str(message["MessageAttributes"])) if "MessageAttributes" in message else size


def _grouped(message: Mapping[str, Any]) -> bool:
    system = message.get("Attributes")
    return bool(message.get("MessageGroupId") or (isinstance(system, dict) and system.get("MessageGroupId")))
