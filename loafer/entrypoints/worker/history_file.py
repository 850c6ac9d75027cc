"""A worker keeps in files beside its status file what became of messages that were not simply done, and what it holds.

A file of notes is a line a note, and is moved aside when it is large, so that the latest ten thousand messages are in
both. What it holds is written anew every few seconds, so that it is known of a worker that died.
"""

import json
import logging
import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO

import attrs

from loafer.application.histories import Histories
from loafer.domain.history import HELD, Note, is_time
from loafer.entrypoints.worker.status_place import is_gone, opened, own_folders
from loafer.exceptions import InvalidContent
from loafer.ports.decoder import Decode

logger = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two notes of what is held."""

ENDING = 1.0
"""Seconds that the thread has to write the last of them; then it is left behind, and ends with the process."""

MOST_BYTES = 6 * 1024 * 1024
"""Bytes of a file of notes before it is moved aside: some twenty thousand messages."""

MOST_WAITING = 10_000
"""Notes that wait to be written at most; what comes then is not kept."""

KEPT_FOR, MOST_FILES = 14 * 86_400, 50
"""Seconds that the files of workers which are gone are kept, and how many of them."""

Held = Iterable[tuple[str, str, int]]
"""What a worker holds: ids, sources and receive counts."""


@attrs.define(eq=False)
class HistoryFile:
    """Writes notes, and what is held, on a thread of its own.

    Attributes:
        path: The file of notes.
        held: Returns what is held; called on that thread.
        since: When the process started, as `started` says it.

    """

    path: Path
    held: Callable[[], Held]
    since: int | None = None
    _notes: "queue.SimpleQueue[Note | None]" = attrs.field(factory=queue.SimpleQueue, init=False)
    _holds: bool = attrs.field(default=False, init=False)
    _failed: bool = attrs.field(default=False, init=False)

    def keep(self, note: Note) -> None:
        """Have a note written soon; never blocks."""
        if self._notes.qsize() < MOST_WAITING:
            self._notes.put(note)

    def run(self) -> None:
        """Write until the end; then nothing is held any more."""
        self._guarded(self._adopt)
        due = time.monotonic()
        while True:
            notes: list[Note | None] = []
            with suppress(queue.Empty):
                notes.append(self._notes.get(timeout=max(0.0, due - time.monotonic())))
                while len(notes) < MOST_WAITING:
                    notes.append(self._notes.get_nowait())
            kept = [note for note in notes if note is not None]
            if kept:
                self._guarded(lambda kept=kept: self._write(kept))  # type: ignore[misc]
            if None in notes:
                break
            if time.monotonic() >= due:
                self._guarded(self._write_held)
                due = time.monotonic() + EVERY
        with suppress(OSError):
            held_path(self.path).unlink()

    def end(self) -> None:
        """Let `run` end, once all that was kept is written."""
        self._notes.put(None)

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # noqa: BLE001 - a full disk, and whatever else: the worker goes on
            if not self._failed:
                self._failed = True
                logger.warning("the history file %s cannot be written, which is said once: %s", self.path, error)

    def _write(self, notes: Iterable[Note]) -> None:
        text = "".join(json.dumps(attrs.asdict(note)) + "\n" for note in notes)
        with _opened(self.path, os.O_APPEND) as file:
            file.write(text.encode())
            size = file.tell()
        if size > MOST_BYTES:
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))

    def _write_held(self) -> None:
        held = [list(each) for each in self.held()]
        if not held and not self._holds:
            return
        path = held_path(self.path)
        beside = path.with_name(f".{path.name}")
        said = {"pid": os.getpid(), "started": self.since, "at": time.time(), "held": held}
        try:
            with _opened(beside, 0) as file:
                file.write(json.dumps(said).encode())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
        self._holds = bool(held)

    def _adopt(self) -> None:
        """Note what a worker before us held that wrote where we do, and died: in a container all have one number."""
        notes = notes_of_held(held_path(self.path), of_the_gone=False)
        if notes:
            self._write(notes)
            held_path(self.path).unlink()


def _opened(path: Path, how: int) -> BinaryIO:
    """Open a file to append to it, or else to write it anew, where others may write the folder too.

    Raises:
        OSError: it cannot be opened, or is no file of ours.

    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | how
    file = os.fdopen(os.open(path, flags, 0o600), "wb")
    found = os.fstat(file.fileno())
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() and found.st_nlink == 1:
        if not how & os.O_APPEND:
            file.truncate(0)
        return file
    file.close()
    raise PermissionError("somebody else's file is there")


def history_path(status: Path) -> Path:
    """Return where the notes are of a worker whose status file this is."""
    return status.with_suffix(".history")


def held_path(history: Path) -> Path:
    """Return where it is noted what is held, beside a file of notes."""
    return history.with_suffix(".held")


def notes_of_held(path: Path, *, of_the_gone: bool = True) -> list[Note]:
    """Return what a worker held when it died; nothing where it runs."""
    try:
        with opened(path) as file:
            said: dict[str, Any] = json.loads(file.read())
        held: _HeldFile = _reader(_HeldFile)(said)
        if of_the_gone and not is_gone(held.pid, held.started):
            return []
    except (OSError, ValueError, OverflowError, RecursionError, InvalidContent):
        return []
    return [
        Note(at=held.at, worker=held.pid, source=source, id=name, receives=receives, kind=HELD)
        for name, source, receives in held.held
    ]


def note_in(line: bytes) -> Note | None:
    """Return the note in a line of a file of notes; None where there is none."""
    try:
        note: Note = _reader(Note)(json.loads(line))
    except (ValueError, RecursionError, InvalidContent):
        return None
    return note if isfinite(note.seconds) and is_time(note.at) else None


@attrs.frozen
class _HeldFile:
    """What a worker writes down of what it holds."""

    pid: int
    started: int | None
    at: float = attrs.field()
    held: list[tuple[str, str, int]]

    @at.validator
    def _check(self, _: object, at: float) -> None:
        if not is_time(at):
            raise ValueError("it is no time")


@cache
def _reader(kind: type) -> Decode:
    from loafer.adapters.msgspec.decoder import MsgspecDecoder  # noqa: PLC0415 - a worker reads none but after a crash

    return MsgspecDecoder().decoding(kind)


@contextmanager
def noted(status: Path, held: Callable[[], Held], since: int | None) -> Iterator[Histories]:
    """Give an observer whose notes are written meanwhile beside a status file; it can fail without any harm."""
    file = HistoryFile(history_path(status), held, since)
    thread = threading.Thread(target=file.run, name="loafer-history", daemon=True)
    thread.start()
    try:
        yield Histories(file.keep)
    finally:
        file.end()
        thread.join(ENDING)


def clear_old(now: float) -> None:
    """Remove the files of workers that are gone: those that are old, and those beyond the latest."""
    found = list[tuple[float, Path]]()
    for folder in own_folders():
        for path in (*folder.glob("[0-9]*.history*"), *folder.glob("[0-9]*.held")):
            with suppress(OSError, ValueError):
                if is_gone(int(path.name.partition(".")[0]), None):
                    found.append((path.stat().st_mtime, path))
    found.sort(reverse=True)
    for place, (at, path) in enumerate(found):
        if place >= MOST_FILES or now - at > KEPT_FOR:
            with suppress(OSError):
                path.unlink()
