"""What `loafer dlq` and `loafer explain` read: dead letters by a filter, snapshots, journals, notes of workers."""

import json
import tempfile
from functools import cache
from pathlib import Path

from fuzz_expecting import expect

from loafer.adapters.aws.letters import entry_of, letter_of
from loafer.entrypoints.commands.dlq.facts import facts_of
from loafer.entrypoints.commands.dlq.files import FILE_MODE
from loafer.entrypoints.commands.dlq.filters import filter_of
from loafer.entrypoints.commands.dlq.groups import summary_of
from loafer.entrypoints.commands.dlq.journal import FileJournal
from loafer.entrypoints.commands.dlq.show import _lines as shown
from loafer.entrypoints.commands.dlq.snapshots import read_snapshot
from loafer.entrypoints.commands.dlq.stats import _as_text
from loafer.entrypoints.commands.explain import Known, document_of, lines_of
from loafer.entrypoints.commands.moves import _moves_in
from loafer.entrypoints.worker.history_file import note_in, notes_of_held
from loafer.exceptions import ConfigurationError
from loafer.ports.journal import Noted

NOW = 1_800_000_000.0

filter_of("true")  # the first one makes the parser, which takes seconds while it is followed


def where(data: bytes) -> None:
    """An expression in the first line, and behind it the dead letter of which it is asked."""
    text, _, entry = data.decode("utf-8", "replace").partition("\n")
    try:
        letter = letter_of(json.loads(entry), "dead")
    except (ValueError, RecursionError, AttributeError, TypeError):
        return  # the decoder of answers gives nothing but objects
    facts = facts_of(letter, NOW, {})
    try:
        found = filter_of(text)
    except ConfigurationError as error:
        expect(str(error).startswith("--where: ") and str(error).isprintable(), "it is refused without a line")
    else:
        expect(found(facts) in (True, False) and found.incomparable <= 1, "it is neither true nor false")
    again = letter_of(json.loads(json.dumps(entry_of(letter.message, letter.origin))), "dead")
    expect(facts_of(again, NOW, {}).keys() == facts.keys() and again.message.body == letter.message.body, "it changes")


def snapshot(data: bytes) -> None:
    """A snapshot, as `stats` and `show` print it."""
    try:
        found = read_snapshot(_file_of(data))
        if found is None:
            return
        letters = list(found.letters())
    except ConfigurationError as error:
        expect(str(error), "it is refused without a reason")
        return
    told = _as_text(found, summary_of(letters, NOW, found.tried), "all").split("\n")
    expect(all(line.isprintable() for line in told), "a line would break the terminal")
    for letter in letters:
        lines = list(shown(found, letter, whole=False))
        expect(all(line.isprintable() for line in lines), "a line would break the terminal")


def journal(data: bytes) -> None:
    """A journal that a redrive goes on with."""
    path = _file_of(data)
    try:
        moves = list(_moves_in(path, ""))
    except ValueError:
        moves = []
    try:
        found = FileJournal.resumed(path)
    except ConfigurationError as error:
        expect(str(error), "it is refused without a reason")
        return
    found.close()
    expect(all(isinstance(each, Noted) for each in found.noted.values()), "something is no note")
    expect(isinstance(found.head.queue, str) and isinstance(found.head.to, str), "it is of no queue")
    whole = data[: data.rfind(b"\n") + 1]
    expect(path.read_bytes() == whole, "more was changed than an unfinished line")
    for move in moves:
        _explained(Known(move.id, (), [move]))


def notes(data: bytes) -> None:
    """The notes of a worker, line by line, and then what it holds."""
    found = [note for line in data.split(b"\n") if (note := note_in(line)) is not None]
    found += notes_of_held(_file_of(data), of_the_gone=False)
    for note in found:
        _explained(Known(note.id, [note, *found]))
    sorted(dict.fromkeys(found), key=lambda note: note.at)


def _explained(known: Known) -> None:
    lines = "\n".join(lines_of(known, 80)).split("\n")
    expect(all(line.isprintable() for line in lines), "a line would break the terminal")
    json.dumps(document_of(known))


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def _file_of(data: bytes) -> Path:
    path = Path(_folder().name, "file")
    path.write_bytes(data)
    path.chmod(FILE_MODE)
    return path
