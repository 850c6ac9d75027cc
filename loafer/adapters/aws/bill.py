"""Counts the calls of this process that AWS bills: by what was called, and on what."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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

    def add(self, parameters: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> None:
        """Count a call that sends messages, or none."""
        chunks = chunks_in(sum(map(_size, messages)))
        self.calls += 1
        self.chunks += chunks
        if any(map(_grouped, messages)):
            self.fair += chunks
        self.most = max(self.most, parameters.get("MaxNumberOfMessages", 0))
        self.wait = parameters.get("WaitTimeSeconds", self.wait)

    def add_receive(self, parameters: Mapping[str, Any], messages: Sequence[Mapping[str, Any]] | None) -> None:
        """Count a receive; None: it had no answer."""
        self.add(parameters, messages or ())
        self.messages += len(messages or ())
        self.empty += messages is not None and not messages


@attrs.define(eq=False)
class Bill:
    """What was called so far, over all threads."""

    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    _lines: dict[tuple[str, str], _Line] = attrs.field(factory=lambda: defaultdict(_Line), init=False)

    def add(self, operation: str, place: str, parameters: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
        """Count a call by the SDK's name of its operation; None: it had no answer, and is billed all the same."""
        if operation != RECEIVE:
            messages = list(_messages(parameters))
            with self._lock:
                self._lines[operation, place].add(parameters, messages)
            return
        received = None if answer is None else list(_messages(answer))
        with self._lock:
            self._lines[operation, place].add_receive(parameters, received)

    def lines(self) -> list[Billed]:
        """Return what was called so far."""
        with self._lock:
            return [
                Billed(operation=operation, place=place, **{name: getattr(line, name) for name in _FIELDS})
                for (operation, place), line in self._lines.items()
            ]


_FIELDS = tuple(field.name for field in attrs.fields(_Line))

BILL = Bill()
"""That of this process."""


def _messages(said: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """Yield what of a request or an answer is a message, or may be one."""
    for name in ("Messages", "Entries", "PublishBatchRequestEntries"):
        found = said.get(name)
        if isinstance(found, list):
            yield from (each for each in found if isinstance(each, dict))
    if "MessageBody" in said or "Message" in said:
        yield said


def _size(message: Mapping[str, Any]) -> int:
    """Return about how large a message is: its body, in characters, and its attributes."""
    body = message.get("Body") or message.get("MessageBody") or message.get("Message") or ""
    attributes = message.get("MessageAttributes")
    return len(str(body)) + (len(str(attributes)) if attributes else 0)


def _grouped(message: Mapping[str, Any]) -> bool:
    system = message.get("Attributes")
    return bool(message.get("MessageGroupId") or (isinstance(system, dict) and system.get("MessageGroupId")))
