"""The journal of a redrive or a purge: JSON lines, each on the disk before what it announces is done."""

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import attrs

from loafer.adapters.aws.letters import entry_of, letter_of
from loafer.domain.message import Message
from loafer.domain.shown import printable
from loafer.entrypoints.commands.dlq.files import FILE_MODE, append, opened
from loafer.entrypoints.commands.dlq.snapshots import KIND, reader_of
from loafer.exceptions import ConfigurationError, InvalidContent
from loafer.ports.journal import Journal, Noted, Step, noted_came, noted_sending

VERSION = 1
"""Of how journals are written."""


@attrs.frozen(kw_only=True)
class Head:
    """What a journal is about.

    Attributes:
        queue: The place of the dead-letter queue.
        to: The place of the destination.
        where: The filter; None: everything.
        out_of_order: Whether a group goes on behind a letter that the filter leaves.

    """

    queue: str
    to: str
    where: str | None = None
    out_of_order: bool = False


@attrs.define(eq=False)
class FileJournal(Journal):
    """A journal in a file, which nobody else writes at the same time.

    Attributes:
        path: The file.
        head: What it is about.

    """

    path: Path
    head: Head
    _descriptor: int
    _noted: dict[str, Noted] = attrs.field(factory=dict)

    @classmethod
    def begun(cls, folder: Path, name: str, head: Head) -> Self:
        """Begin a journal in a folder; OSError if it cannot be written."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        for number in range(100):
            path = folder / (f"{name}.{stamp}.journal" if not number else f"{name}.{stamp}-{number}.journal")
            try:
                flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW
                descriptor = os.open(path, flags, FILE_MODE)
                break
            except FileExistsError:
                continue
        else:
            raise FileExistsError(f"{folder}/{name}.{stamp}*.journal")
        _lock(descriptor, path)
        journal = cls(path, head, descriptor)
        try:
            journal._write([{KIND: "redrive", "version": VERSION, "at": time.time(), **attrs.asdict(head)}])
            _sync_folder(folder)
        except OSError:
            journal.close()
            path.unlink(missing_ok=True)
            raise
        return journal

    @classmethod
    def resumed(cls, path: Path) -> Self:
        """Go on with a journal; what was written last and not to its end is dropped.

        Raises:
            ConfigurationError: it is none, others may write it, or another process does.
            OSError: it cannot be read or written.

        """
        descriptor = opened(path, os.O_RDWR | os.O_APPEND)
        try:
            _lock(descriptor, path)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read()
            whole = data.rfind(b"\n") + 1
            head, noted = _read(data[:whole], path)
            os.ftruncate(descriptor, whole)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(path, head, descriptor, noted)

    @property
    def noted(self) -> Mapping[str, Noted]:
        """What is known by message id."""
        return self._noted

    def sending(self, messages: Sequence[Message], at: float) -> None:
        """Write whole messages down, which are about to be sent."""
        self._write([{KIND: Step.SENDING, "at": at, "message": entry_of(message)} for message in messages])
        self._noted.update({message.id: noted_sending(self._noted.get(message.id), at) for message in messages})

    def came(self, steps: Sequence[tuple[str, Step, str]]) -> None:
        """Write down what came of messages."""
        now = time.time()
        self._write([{KIND: step, "at": now, "id": name, **_detail(step, detail)} for name, step, detail in steps])
        self._noted.update({name: noted_came(self._noted.get(name), step, detail) for name, step, detail in steps})

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        append(self._descriptor, "".join(json.dumps(line) + "\n" for line in lines).encode("ascii"))


def require_ended(folder: Path, name: str, queue: str) -> None:
    """Look into the newest journal of a queue in a folder: who would begin anew would double what was sent by it.

    Raises:
        ConfigurationError: it has messages that were sent, or may have been, and are not known to be deleted.

    """
    for path in sorted(folder.glob(f"{name}.*.journal"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            with os.fdopen(opened(path), "rb") as file:
                data = file.read()
            head, noted = _read(data[: data.rfind(b"\n") + 1], path)
        except (ConfigurationError, OSError):
            continue  # it is none, or not to be believed
        if head.queue == queue:
            left = sum(each.step not in (Step.DELETED, Step.REFUSED) for each in noted.values())
            if left:
                what = f"{left} messages of {name} were sent, or may have been, and are not deleted"
                right = f"go on with --resume {path.name}, or move that file away: then they are sent again"
                raise ConfigurationError(f"{path.name}: {what}; {right}")
            return


def _detail(step: Step, detail: str) -> dict[str, str]:
    if step is Step.SENT:
        return {"copy": detail}
    return {"why": detail} if detail else {}


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ConfigurationError(f"{path}: another redrive writes this journal now") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@attrs.frozen
class _Line:
    """A line of a journal but for its first."""

    loafer: Step
    at: float
    id: str = ""
    copy: str = ""
    why: str = ""
    message: dict[str, Any] = attrs.field(factory=dict)


def _read(data: bytes, path: Path) -> tuple[Head, dict[str, Noted]]:
    noted: dict[str, Noted] = {}
    head: Head | None = None
    for number, text in enumerate(data.splitlines(), start=1):
        try:
            said = json.loads(text)
            if said[KIND] == "redrive":
                if said["version"] != VERSION:
                    version = printable(str(said["version"]))
                    raise ConfigurationError(
                        f"{path}: version {version} of a journal: another version of loafer has it"
                    )
                head = reader_of(Head)(said)
                continue
            line: _Line = reader_of(_Line)(said)
            if line.loafer is Step.SENDING:
                name = letter_of(line.message).message.id
                noted[name] = noted_sending(noted.get(name), line.at)
            else:
                noted[line.id] = noted_came(noted.get(line.id), line.loafer, line.copy or line.why)
        except (ValueError, KeyError, TypeError, RecursionError, InvalidContent) as error:
            raise ConfigurationError(f"{path}, line {number}: not of a journal of `loafer dlq redrive`") from error
    if head is None:
        raise ConfigurationError(f"{path}: not a journal of `loafer dlq redrive`")
    return head, noted
