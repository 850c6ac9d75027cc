"""Snapshots: read as they were written, and told in a line where they are not."""

import os
from pathlib import Path

import pytest

from loafer.domain.message import Attribute, Message
from loafer.entrypoints.commands.dlq.files import replaced
from loafer.entrypoints.commands.dlq.groups import summary_of
from loafer.entrypoints.commands.dlq.show import _lines as shown
from loafer.entrypoints.commands.dlq.snapshots import Snapshot, line_of, read_snapshot, write_end, write_head
from loafer.entrypoints.commands.dlq.stats import _as_text
from loafer.exceptions import ConfigurationError
from loafer.ports.inspector import Letter, QueueState

STATE = QueueState("dead", "https://dead", visible=1, retention=1_209_600.0)
LETTER = Letter(
    Message("1", "\ud83d", "none", 2, attributes={"a": Attribute(b"\x00", "Binary")}, source="dead"), "orders"
)
HEAD = '{"loafer": "snapshot", "at": 1, "sources": null, "state": {"name": "dead", "place": "p"}}\n'


def written(path: Path) -> Snapshot:
    with replaced(path) as file:
        write_head(file, STATE, 1.5, ("orders",))
        file.write(line_of(LETTER) + "\n")
        write_end(file, complete=True)
    found = read_snapshot(path)
    assert found is not None
    return found


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = written(tmp_path / "x.snapshot")
    assert (found.state, found.at, found.sources, found.complete) == (STATE, 1.5, ("orders",), True)
    assert list(found.letters()) == [LETTER]
    found.with_tries({"1": {"ok": False, "error": "KeyError"}})
    again = read_snapshot(found.path)
    assert again is not None
    assert again.tried == {"1": {"ok": False, "error": "KeyError"}}
    assert list(again.letters()) == [LETTER]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\n",
        b"[" * 100_000,
        b"{}\n",
        HEAD.replace('"p"', "7").encode(),
        HEAD.replace('"at"', '"\\ud83d": 1, "at"').encode(),
        HEAD.replace('"at": 1', '"at": "soon"').encode(),
        HEAD.replace('"at": 1', '"at": 1e999').encode(),
        HEAD.replace('"p"', '"p", "retention": 1e999').encode(),
        HEAD.replace("null", '"orders"').encode(),
        HEAD.encode() + b'{"loafer": "tried"}\n',
        HEAD.encode() + b'{"loafer": "tried", "id": ["1"], "ok": true}\n',
        HEAD.encode() + b'{"loafer": "tried", "id": "1", "ok": false, "error": {}}\n',
    ],
)
def test_what_is_no_snapshot_is_told_in_a_line(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.snapshot"
    path.write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"x\.snapshot.*(no snapshot|cannot be read)"):
        read_snapshot(path)


def test_a_line_that_is_no_message_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "x.snapshot"
    path.write_text(HEAD + '{"MessageId": 7}\n')
    found = read_snapshot(path)
    assert found is not None
    with pytest.raises(ConfigurationError, match="line 2: cannot be read"):
        list(found.letters())


@pytest.mark.timeout(100)
def test_a_file_that_others_may_write_is_not_believed_and_a_pipe_holds_nobody_up(tmp_path: Path) -> None:
    found = written(tmp_path / "x.snapshot")
    found.path.chmod(0o666)
    with pytest.raises(ConfigurationError, match="can be written by everybody"):
        read_snapshot(found.path)
    os.mkfifo(tmp_path / "y.snapshot", 0o600)
    with pytest.raises(ConfigurationError, match="it is no regular file"):
        read_snapshot(tmp_path / "y.snapshot")


def test_what_a_dead_letter_says_of_its_origin_forges_no_line_and_commands_no_terminal(tmp_path: Path) -> None:
    evil = "q\x9b2J\nforged"
    said = {"loafer.error": Attribute("E"), "loafer.source": Attribute(f"https://x/1/{evil}")}
    letters = [Letter(Message("1", "{}", "r", attributes=said)), Letter(Message("2", "{}", "r"), evil)]
    with replaced(tmp_path / "x.snapshot") as file:
        write_head(file, STATE, 1.5, None)
        file.writelines(line_of(letter) + "\n" for letter in letters)
        write_end(file, complete=True)
    found = read_snapshot(tmp_path / "x.snapshot")
    assert found is not None
    told = _as_text(found, summary_of(letters, 2e9, {}), "all").split("\n")
    assert told[0] == "dead   all   from: q\\x9b2J\\nforged"
    lines = [*told, *(line for letter in letters for line in shown(found, letter, whole=True))]
    assert all(line.isprintable() for line in lines)
