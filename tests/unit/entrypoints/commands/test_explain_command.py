import json
import time
from pathlib import Path
from typing import Any

import attrs
import click.testing
import pytest

from loafer.domain.history import BACK, HELD, RAN, Note
from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.explain import Known, lines_of

NOTE = Note(at=1_000_000.0, worker=41, source="orders", id="9f8c1d32", receives=1, kind=BACK, word="failed")


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["explain", *arguments], prog_name="loafer")


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("LOAFER_STATUS_FILE", str(tmp_path / "own" / "status.json"))
    (tmp_path / "own").mkdir()
    return tmp_path / "own" / "status.history"


def write(path: Path, *notes: Note) -> None:
    path.write_text("".join(json.dumps(attrs.asdict(note)) + "\n" for note in notes))


def test_a_message_is_explained_note_by_note_and_each_cause_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    ran = attrs.evolve(NOTE, kind=RAN, word="failed", error="KeyError", seconds=0.21)
    again = attrs.evolve(NOTE, at=1_000_030.0, receives=2)
    held = attrs.evolve(NOTE, at=1_000_065.0, receives=3, kind=HELD, word="", worker=40)
    assert "\n".join(lines_of(Known("9f8c1d32", [ran, NOTE, again, held]), 80)).splitlines() == [
        "message 9f8c1d32 of orders",
        "  1970-01-12 13:46:40  worker 41  receive 1  failed after 0.2 s: KeyError",
        "  1970-01-12 13:46:40  worker 41  receive 1  comes back: failed",
        "  1970-01-12 13:47:10  worker 41  receive 2  comes back: failed",
        "  1970-01-12 13:47:45  worker 40  receive 3  held when the worker was last seen, and it is gone",
        "delivered again because of",
        "  failed   its handler, or its translator, failed (2 times)",
        "  crashed  the worker died while it had it: killed, out of memory, or its",
        "           machine went down",
    ]


def test_the_file_beside_a_status_file_that_is_set_is_read(written: Path) -> None:
    write(written, NOTE)
    told = run("9f8c")
    assert told.exit_code == 0
    assert "message 9f8c1d32 of orders" in told.stdout


def test_the_files_of_several_workers_with_one_setting_are_read_also_when_these_have_ended(written: Path) -> None:
    write(written.with_name("status-2.history.1"), NOTE)
    write(written.with_name("status-2.history"), attrs.evolve(NOTE, receives=2, word="stop"))
    held = {"pid": 2**22 + 1, "started": None, "at": 2_000_000.0, "held": [["9f8c1d32", "orders", 3]]}
    written.with_name("status-1.held").write_text(json.dumps(held))
    [message] = json.loads(run("9f8c", "--json").stdout)["messages"]
    assert [reason["cause"] for reason in message["reasons"]] == ["failed", "stop", "crashed"]


def test_nothing_is_read_from_a_folder_that_others_may_write(tmp_path: Path, written: Path) -> None:
    folder = tmp_path / "loafer"
    folder.mkdir()
    write(folder / "41.history", NOTE)
    folder.chmod(0o777)
    assert run("9f8c").exit_code == 1
    folder.chmod(0o700)
    assert run("9f8c").exit_code == 0


def test_json_has_notes_and_reasons(written: Path) -> None:
    write(written, NOTE)
    [message] = json.loads(run("9f8c1d32", "--json").stdout)["messages"]
    assert message["notes"] == [attrs.asdict(NOTE)]
    reason: dict[str, Any] = message["reasons"][0]
    assert (reason["cause"], reason["worker"], reason["at"]) == ("failed", 41, 1_000_000.0)


def test_several_messages_that_begin_so_are_named(written: Path) -> None:
    write(written, NOTE, attrs.evolve(NOTE, id="9f8c77"))
    told = run("9f8c")
    assert (told.exit_code, told.stdout) == (1, "2 messages begin so: 9f8c1d32, 9f8c77\n")


def test_a_whole_id_is_that_message_though_another_begins_so(written: Path) -> None:
    write(written, NOTE, attrs.evolve(NOTE, id="9f8c1d32-2"))
    assert run("9f8c1d32").exit_code == 0


def test_nothing_known_is_one_line_and_status_1(written: Path) -> None:
    told = run("nope")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("nothing is known of nope: ")


def test_what_a_terminal_would_obey_is_escaped(written: Path) -> None:
    write(written, attrs.evolve(NOTE, source="a\x1b[2J", word="b\x1b[2J"))
    assert "\x1b" not in run("9f8c").stdout
    assert "\x1b" not in run("\x1b[2J").stderr


def test_no_id_is_a_wrong_usage() -> None:
    assert run("").exit_code == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ["9f8c"]},
        {"id": {"9f8c": 1}},
        {"source": ["9f8c"]},
        {"at": "soon"},
        {"at": 1e300},
        {"at": -1},
        {"seconds": float("inf")},
        {"word": 7},
        {"receives": None},
    ],
)
def test_a_line_that_no_worker_writes_is_passed_over(written: Path, changed: dict[str, Any]) -> None:
    lines = ["[" * 100_000 + "9f8c", json.dumps({**attrs.asdict(NOTE), **changed}), json.dumps(attrs.asdict(NOTE))]
    written.write_text("".join(f"{line}\n" for line in lines))
    assert run("9f8c").output == run("9f8c1d32").output
    assert "message 9f8c1d32 of orders" in run("9f8c").stdout


@pytest.mark.parametrize(
    "changed",
    [{"pid": "../1"}, {"pid": 2**70}, {"at": 1e300}, {"held": [[["9f8c"], "orders", 1]]}, {"held": [["9f8c"]]}],
)
def test_what_no_worker_says_that_it_holds_is_passed_over(written: Path, changed: dict[str, Any]) -> None:
    held = {"pid": 2**22 + 1, "started": None, "at": 2.0, "held": [["9f8c", "orders", 3]], **changed}
    written.with_name("status.held").write_text(json.dumps(held))
    assert run("9f8c").exit_code == 1
