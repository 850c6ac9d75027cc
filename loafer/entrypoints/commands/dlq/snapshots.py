"""The last look at a queue, kept so that whoever asks for details costs no receive."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

import attrs

from loafer.adapters.aws.letters import entry_of, letter_of
from loafer.domain.shown import printable
from loafer.entrypoints.commands.dlq.files import opened, replaced
from loafer.exceptions import ConfigurationError, InvalidContent
from loafer.ports.decoder import Decode
from loafer.ports.inspector import Letter, QueueState

KIND = "loafer"
"""The key that only lines of our own have: what they are."""


def line_of(letter: Letter) -> str:
    """Return a letter as a line of a dump, a snapshot or a journal."""
    return json.dumps(entry_of(letter.message, letter.origin))


def write_line(file: TextIO, kind: str, **values: object) -> None:
    """Write a line that is no letter."""
    file.write(json.dumps({KIND: kind, **values}) + "\n")


@attrs.frozen
class Snapshot:
    """A look at a queue that was written down.

    Attributes:
        path: The file.
        state: What the queue said of itself.
        at: When, in seconds since the epoch.
        sources: The queues whose dead-letter queue it is; None where that is not known.
        complete: Whether the look came to its end.
        tried: What came of the last try, by message id.

    """

    path: Path
    state: QueueState
    at: float
    sources: tuple[str, ...] | None = None
    complete: bool = True
    tried: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    def letters(self) -> Iterator[Letter]:
        """Yield its letters, without reading all of them at once."""
        for number, line in _lines(self.path):
            if KIND in line:
                continue
            try:
                letter = letter_of(line, self.state.name)
            except ValueError as error:
                raise _unreadable(self.path, number) from error
            yield letter

    def with_tries(self, tried: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what came of a try beside it, in place of an earlier one."""
        kept = [line for _, line in _lines(self.path) if line.get(KIND) != "tried"]
        with replaced(self.path) as file:
            for line in kept:
                file.write(json.dumps(line) + "\n")
            for message_id, verdict in tried.items():
                write_line(file, "tried", id=message_id, **verdict)


def write_head(file: TextIO, state: QueueState, at: float, sources: tuple[str, ...] | None) -> None:
    """Begin a snapshot."""
    write_line(file, "snapshot", version=1, at=at, sources=sources, state=attrs.asdict(state))


def write_end(file: TextIO, *, complete: bool) -> None:
    """End a snapshot."""
    write_line(file, "end", complete=complete)


@attrs.frozen
class _Head:
    """The first line of a snapshot."""

    at: float
    sources: tuple[str, ...] | None
    state: QueueState

    def __attrs_post_init__(self) -> None:
        if not (isfinite(self.at) and isfinite(self.state.retention or 0)):
            raise ValueError("it holds a time without an end")


@attrs.frozen
class _Tried:
    """A line that says what came of a try."""

    id: str
    ok: bool | None = None
    error: str | None = None


def read_snapshot(path: Path) -> Snapshot | None:
    """Return a snapshot without its letters; None where there is none; ConfigurationError: it cannot be read."""
    if not path.exists():
        return None
    heads: dict[str, Any] = {}
    tried: dict[str, dict[str, Any]] = {}
    complete = False
    try:
        for _, line in _lines(path):
            match line.get(KIND):
                case "snapshot":
                    heads = line
                case "end":
                    complete = bool(line.get("complete"))
                case "tried":
                    verdict = reader_of(_Tried)(line)
                    tried[verdict.id] = {"ok": verdict.ok, "error": verdict.error and printable(verdict.error)}
        head = reader_of(_Head)(heads)
    except InvalidContent as error:
        raise ConfigurationError(f"{path} is no snapshot of this version; `loafer dlq stats` writes it anew") from error
    state = attrs.evolve(head.state, name=printable(head.state.name))
    sources = None if head.sources is None else tuple(map(printable, head.sources))
    return Snapshot(path, state, head.at, sources, complete, tried)


@cache
def reader_of(kind: type) -> Decode:
    """Return what reads lines as values of a type; it raises InvalidContent."""
    from loafer.adapters.msgspec.decoder import MsgspecDecoder  # noqa: PLC0415 - only those who read a file need it

    return MsgspecDecoder().decoding(kind)


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open(opened(path), "rb") as file:  # noqa: PTH123 - it is a descriptor
        for number, text in enumerate(file, start=1):
            try:
                line = json.loads(text.decode(errors="surrogatepass"))
            except (ValueError, RecursionError):
                line = None
            if not isinstance(line, dict):
                raise _unreadable(path, number)
            yield number, line


def _unreadable(path: Path, number: int) -> ConfigurationError:
    return ConfigurationError(f"{path}, line {number}: cannot be read; `loafer dlq forget` removes it")
