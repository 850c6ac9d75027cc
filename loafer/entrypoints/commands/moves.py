"""What the journals of redrives say of a message: when it was moved, from where and where to, and how far it came."""

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import attrs

from loafer.domain.failure import FOLDED
from loafer.domain.history import is_time
from loafer.exceptions import ConfigurationError
from loafer.ports.journal import Step

KIND = b'{"loafer": "'
"""How a line of a journal begins."""

_NAME = re.compile(r".+\.\d{8}T\d{6}(-\d+)?\.journal", re.DOTALL)


@attrs.frozen(kw_only=True)
class Move:
    """A step of a message on its way from a dead-letter queue.

    Attributes:
        at: When, in seconds since the epoch.
        step: How far it came.
        source: The dead-letter queue.
        to: The queue that it was sent to.
        id: Its id on the dead-letter queue.
        before: Its id before a worker moved it there; empty where SQS did, which keeps the id.
        copy: Its id on the other queue; empty where nobody knows.
        why: Why it came no further.
        ends: Whether nothing came afterwards.
        journal: The file that says so.

    """

    at: float
    step: str
    source: str
    to: str
    id: str
    before: str = ""
    copy: str = ""
    why: str = ""
    ends: bool = False
    journal: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that it has had."""
        return tuple(each for each in (self.id, self.before, self.copy) if each)


@attrs.define
class _Letter:
    """A message of a journal: its other ids, and its steps."""

    before: str = ""
    copy: str = ""
    steps: list[tuple[float, str, str]] = attrs.field(factory=list)


def moves_of(asked: str, given: Iterable[Path]) -> list[Move]:
    """Return what journals say of messages that have had an id which begins so, in the order of time.

    They are those in the working folder, and those that are given.

    Raises:
        ConfigurationError: one that is given is none, or not a file of this user's that nobody else may write.

    """
    found = list[Move]()
    for path in given:
        try:
            found += _moves_in(path, asked)
        except OSError as error:
            raise ConfigurationError(f"--journal {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise ConfigurationError(f"--journal {path}: {error}") from error
    for path in _here():
        try:
            found += _moves_in(path, asked)
        except (OSError, ValueError):
            continue  # somebody else's, or another program's
    return sorted(dict.fromkeys(found), key=lambda move: move.at)


def _here() -> list[Path]:
    try:
        return sorted(path for path in Path().iterdir() if _NAME.fullmatch(path.name))
    except OSError:
        return []


def _opened(path: Path) -> BinaryIO:
    """Open a journal; OSError: it cannot be read, or somebody else can have written it."""
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022:
        return file
    file.close()
    raise PermissionError("it is not read: it is no file of yours that you alone may write")


def _moves_in(path: Path, asked: str) -> Iterator[Move]:
    """Yield the moves of a journal; ValueError: it is none."""
    with _opened(path) as file:
        source, to = _ends_of(file.readline())
        letters = _letters_in(file, json.dumps(asked)[1:-1].encode())
    for name, letter in letters.items():
        if not any(each.startswith(asked) for each in (name, letter.before, letter.copy)):
            continue
        last = len(letter.steps) - 1
        for place, (at, step, why) in enumerate(letter.steps):
            if step != Step.SENDING or place == last:
                yield Move(
                    at=at, step=step, source=source, to=to, id=name, before=letter.before, copy=letter.copy, why=why,
                    ends=place == last, journal=path.name,
                )  # fmt: skip


def _ends_of(line: bytes) -> tuple[str, str]:
    """Return the names of the queues that a journal is about."""
    try:
        head = json.loads(line)
        if head["loafer"] == "redrive":
            source, to = (str(head[end]).rstrip("/").replace(":", "/").rpartition("/")[2] for end in ("queue", "to"))
            return source, to
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise ValueError("it is no journal of `loafer dlq redrive`")


def _letters_in(lines: Iterable[bytes], sought: bytes) -> dict[str, _Letter]:
    """Return the messages of a journal; bodies are only looked into where what is sought stands in their lines."""
    letters = dict[str, _Letter]()
    for line in lines:
        begins = line.startswith(KIND + Step.SENDING.value.encode())
        if begins and sought not in line:
            continue
        try:
            said = json.loads(line)
            message = said["message"] if begins else {"MessageId": said["id"]}
            at, step, name = float(said["at"]), Step(said["loafer"]).value, str(message["MessageId"])
            if not is_time(at):
                continue
            letter = letters.setdefault(name, _Letter())
            letter.before = _before(message) or letter.before
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # the last line of a process that died, for one
        letter.copy = str(said.get("copy") or letter.copy)
        letter.steps.append((at, step, str(said.get("why") or "")))
    return letters


def _before(message: Mapping[str, Any]) -> str:
    """Return the id that a message had before a worker moved it to its dead-letter queue."""
    said = message.get("MessageAttributes") or {}
    if FOLDED in said:
        return str(json.loads(said[FOLDED]["StringValue"]).get("message_id") or "")
    return str(said["loafer.message_id"]["StringValue"]) if "loafer.message_id" in said else ""
