"""What `loafer explain` does: why a message was delivered again; imports neither asyncio nor anything of the user's."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import attrs
import click

from loafer.domain.history import HELD, RAN, Note, reasons_of
from loafer.domain.shown import printable
from loafer.entrypoints.commands.screen import Toned, hung, in_sentences, toned
from loafer.entrypoints.commands.status import paths_set
from loafer.entrypoints.worker.ending import FAILED
from loafer.entrypoints.worker.history_file import notes_of_held
from loafer.entrypoints.worker.status_place import opened, own_folders

MOST_IDS = 10
"""Ids that are named where several begin as it was asked for."""


def show_explanation(asked: str, *, as_json: bool) -> int:
    """Print why a message was delivered again, and return the exit status."""
    notes = notes_about(asked)
    ids = list(dict.fromkeys(note.id for note in notes))
    if asked in ids:
        ids = [asked]
    if as_json:
        click.echo(json.dumps({"messages": [document_of([note for note in notes if note.id == name]) for name in ids]}))
    elif len(ids) > 1:
        more = f" and {len(ids) - MOST_IDS} more" if len(ids) > MOST_IDS else ""
        click.echo(f"{len(ids)} messages begin so: {', '.join(map(printable, ids[:MOST_IDS]))}{more}")
    elif ids:
        click.echo("\n".join(lines_of([note for note in notes if note.id == ids[0]], in_sentences())))
    else:
        click.echo("\n".join(wrap(_nothing_known(asked), 80)), err=True)
    return 0 if len(ids) == 1 else FAILED


def _nothing_known(asked: str) -> str:
    text = f"nothing is known of {printable(asked)}: it was done at its first attempt, or no worker of this user on"
    return f"{text} this machine had it, or it is older than what they keep, or LOAFER_STATUS_FILE=off"


def notes_about(asked: str) -> list[Note]:
    """Return what the workers of this machine noted about the messages whose ids begin so, in the order of time."""
    found = list[Note]()
    for path in _histories():
        found += _notes_in(path, asked)
    for path in _held():
        found += [note for note in notes_of_held(path) if note.id.startswith(asked)]
    return sorted(dict.fromkeys(found), key=lambda note: note.at)


def _histories() -> Iterator[Path]:
    """Yield the files of notes; of one worker the older one first."""
    for folder in own_folders():
        yield from sorted(folder.glob("[0-9]*.history*"), reverse=True)
    yield from sorted(_beside("history*"), reverse=True)


def _held() -> Iterator[Path]:
    for folder in own_folders():
        yield from folder.glob("[0-9]*.held")
    yield from _beside("held")


def _beside(ending: str) -> Iterator[Path]:
    """Yield the files beside the status file that is set, or beside those of several workers that have one setting."""
    for path in paths_set()[:1]:
        for stem in (path.stem, f"{path.stem}-[0-9]*"):
            yield from path.parent.glob(f"{stem}.{ending}")


def _notes_in(path: Path, asked: str) -> Iterator[Note]:
    """Yield the notes of a file about ids that begin so; a line that cannot be read is that of a worker that died."""
    sought = json.dumps(asked)[1:-1].encode()
    try:
        with opened(path) as file:
            for line in file:
                if sought in line and (note := _note_in(line)) is not None and note.id.startswith(asked):
                    yield note
    except OSError:
        return


def _note_in(line: bytes) -> Note | None:
    try:
        said: Mapping[str, Any] = json.loads(line)
        return Note(**said)
    except (ValueError, TypeError):
        return None


def document_of(notes: Sequence[Note]) -> dict[str, Any]:
    """Return what is known of one message as JSON has it."""
    reasons = [
        {"cause": each.cause, "meaning": each.meaning, "at": each.note.at, "worker": each.note.worker}
        for each in reasons_of(notes)
    ]
    return {"id": notes[0].id, "notes": [attrs.asdict(note) for note in notes], "reasons": reasons}


def lines_of(notes: Sequence[Note], width: int) -> Iterator[str]:
    """Yield what is known of one message, and why it was delivered again."""
    yield toned(f"message {notes[0].id} of {', '.join(dict.fromkeys(note.source for note in notes))}", "strong")
    yield hung([(_time(note.at), f"worker {note.worker}", f"receive {note.receives}", _said(note)) for note in notes])
    reasons = reasons_of(notes)
    if not reasons:
        yield "nothing says that it comes back"
        return
    yield "delivered again because of"
    rows = list[tuple[object, str]]()
    for cause in dict.fromkeys(reason.cause for reason in reasons):
        same = [reason for reason in reasons if reason.cause == cause]
        times = "" if len(same) == 1 else f" ({len(same)} times)"
        rows.append((Toned(cause, "bad"), f"{same[0].meaning}{times}"))
    yield hung(rows, width)


def _said(note: Note) -> Toned:
    if note.kind == HELD:
        return Toned("held when the worker was last seen, and it is gone", "bad")
    if note.kind == RAN:
        error = f": {note.error}" if note.error else ""
        return Toned(
            f"{note.word} after {note.seconds:.1f} s{error}", "good" if note.word == "succeeded" else "doubtful"
        )
    return Toned(f"comes back: {note.word}", "bad")


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
