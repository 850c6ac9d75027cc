"""What `loafer explain` does: why a message was delivered again; imports neither asyncio nor anything of the user's."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any

import attrs
import click

from loafer.domain.history import HELD, RAN, Note, reasons_of
from loafer.domain.shown import printable
from loafer.entrypoints.commands.moves import Move, moves_of
from loafer.entrypoints.commands.screen import Toned, hung, in_sentences, sentence
from loafer.entrypoints.commands.status import paths_set
from loafer.entrypoints.worker.ending import FAILED
from loafer.entrypoints.worker.history_file import note_in, notes_of_held
from loafer.entrypoints.worker.status_place import opened, own_folders
from loafer.ports.journal import Step

REDRIVE, REDRIVEN = "redrive", "somebody sent it again from its dead-letter queue"
"""A cause that no worker knows, and what it means."""

MOST_IDS = 10
"""Ids that are named where several begin as it was asked for."""


@attrs.frozen
class Known:
    """What is known of one message.

    Attributes:
        id: Its id.
        notes: What the workers of this machine noted.
        moves: What the journals of redrives say.

    """

    id: str
    notes: Sequence[Note] = ()
    moves: Sequence[Move] = ()


def show_explanation(asked: str, *, as_json: bool, journals: Sequence[str] = ()) -> int:
    """Print why a message was delivered again, and return the exit status.

    Raises:
        ConfigurationError: a journal that is given cannot be read, or is none.

    """
    known = known_of(asked, notes_about(asked), moves_of(asked, map(Path, journals)))
    if as_json:
        click.echo(json.dumps({"messages": [document_of(each) for each in known]}))
    elif len(known) > 1:
        more = f" and {len(known) - MOST_IDS} more" if len(known) > MOST_IDS else ""
        click.echo(
            f"{len(known)} messages begin so: {', '.join(printable(each.id) for each in known[:MOST_IDS])}{more}"
        )
    elif known:
        click.echo("\n".join(lines_of(known[0], in_sentences())))
    else:
        click.echo("\n".join(wrap(_nothing_known(asked), 80)), err=True)
    return 0 if len(known) == 1 else FAILED


def known_of(asked: str, notes: Sequence[Note], moves: Sequence[Move]) -> list[Known]:
    """Return what is known of each message whose id begins so, or is the one that was asked for."""
    ids = [note.id for note in notes]
    ids += [each for move in moves for each in move.ids if each.startswith(asked)]
    return [
        Known(each, [note for note in notes if note.id == each], [move for move in moves if each in move.ids])
        for each in ([asked] if asked in ids else dict.fromkeys(ids))
    ]


def _nothing_known(asked: str) -> str:
    text = f"nothing is known of {printable(asked)}: it was done at its first attempt, or no worker of this user on"
    text = f"{text} this machine had it, or it is older than what they keep, or LOAFER_STATUS_FILE=off"
    return f"{text}; of a redrive in another folder, --journal names the journal"


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
                if sought in line and (note := note_in(line)) is not None and note.id.startswith(asked):
                    yield note
    except OSError:
        return


def document_of(known: Known) -> dict[str, Any]:
    """Return what is known of one message as JSON has it."""
    reasons = [
        {"cause": each.cause, "meaning": each.meaning, "at": each.note.at, "worker": each.note.worker}
        for each in reasons_of(known.notes)
    ]
    reasons += [{"cause": REDRIVE, "meaning": REDRIVEN, "at": move.at, "worker": None} for move in _redriven(known)]
    notes, moves = ([attrs.asdict(each) for each in some] for some in (known.notes, known.moves))
    return {"id": known.id, "notes": notes, "moves": moves, "reasons": reasons}


def _redriven(known: Known) -> list[Move]:
    return [move for move in known.moves if move.step == Step.SENT and move.copy != known.id]


def lines_of(known: Known, width: int) -> Iterator[str]:
    """Yield what is known of one message, and why it was delivered again."""
    places = dict.fromkeys([*(note.source for note in known.notes), *(_place(known.id, move) for move in known.moves)])
    yield sentence(f"message {known.id} of {', '.join(places)}", "strong")
    rows = [(note.at, f"worker {note.worker}", f"receive {note.receives}", _said(note)) for note in known.notes]
    rows += [(move.at, "redrive", "", _moved(known.id, move)) for move in known.moves]
    yield hung([(_time(at), *rest) for at, *rest in sorted(rows, key=lambda row: row[0])])
    meanings = [(reason.cause, reason.meaning) for reason in reasons_of(known.notes)]
    meanings += [(REDRIVE, REDRIVEN)] * len(_redriven(known))
    if not meanings:
        if known.notes:
            yield "nothing says that it comes back"
        return
    yield "delivered again because of"
    told = list[tuple[object, str]]()
    for (cause, meaning), times in Counter(meanings).items():
        told.append((Toned(cause, "bad"), f"{meaning}{'' if times == 1 else f' ({times} times)'}"))
    yield hung(told, width)


def _place(name: str, move: Move) -> str:
    return move.to if name == move.copy else move.source


def _moved(name: str, move: Move) -> Toned:
    """Say a step of a redrive of a message that has this name."""
    source, to, why = move.source, move.to, f": {move.why}" if move.why else ""
    match move.step:
        case Step.SENT:
            left = f"; not deleted from {source}" if move.ends else ""
            known = f"sent from {source}, where it was {move.id}" if name == move.copy else ""
            return Toned(
                f"{known or f'sent from {source} to {to}, where it is {move.copy}'}{left}", "bad" if left else "good"
            )
        case Step.DELETED:
            return Toned(f"deleted from {source}", "good")
        case Step.REFUSED:
            return Toned(f"refused by {to}{why}", "bad")
        case Step.UNSURE:
            return Toned(f"sent from {source} to {to}, or not: the answer was lost{why}", "doubtful")
        case _:
            return Toned(f"about to be sent from {source} to {to}: the journal ends there", "doubtful")


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
