"""The last look at a queue, kept so that whoever asks for details costs no receive."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import attrs

from loafer.adapters.aws.letters import entry_of, letter_of
from loafer.entrypoints.commands.dlq.files import replaced
from loafer.exceptions import ConfigurationError
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
        for line in _lines(self.path):
            if KIND not in line:
                yield letter_of(line, self.state.name)

    def with_tries(self, tried: Mapping[str, Mapping[str, Any]]) -> None:
        """Write what came of a try beside it, in place of an earlier one."""
        kept = [line for line in _lines(self.path) if line.get(KIND) != "tried"]
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


def read_snapshot(path: Path) -> Snapshot | None:
    """Return a snapshot without its letters; None where there is none; ConfigurationError: it cannot be read."""
    if not path.exists():
        return None
    head: dict[str, Any] = {}
    tried: dict[str, dict[str, Any]] = {}
    complete = False
    for line in _lines(path):
        match line.get(KIND):
            case "snapshot":
                head = line
            case "end":
                complete = bool(line.get("complete"))
            case "tried":
                tried[line["id"]] = {"ok": line.get("ok"), "error": line.get("error")}
    try:
        sources = None if head["sources"] is None else tuple(head["sources"])
        return Snapshot(path, QueueState(**head["state"]), head["at"], sources, complete, tried)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no snapshot of this version; `loafer dlq stats` writes it anew") from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", errors="surrogatepass") as file:
        for number, text in enumerate(file, start=1):
            try:
                line = json.loads(text)
            except ValueError:
                line = None
            if not isinstance(line, dict):
                raise ConfigurationError(f"{path}, line {number}: cannot be read; `loafer dlq forget` removes it")
            yield line
