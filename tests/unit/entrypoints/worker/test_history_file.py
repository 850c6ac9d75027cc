import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from loafer.domain.history import BACK, HELD, Note
from loafer.entrypoints.commands.explain import notes_about
from loafer.entrypoints.worker import history_file
from loafer.entrypoints.worker.history_file import Held, HistoryFile, clear_old, held_path, noted, notes_of_held
from loafer.entrypoints.worker.status_place import started

GONE = 2**22 + 1
"""A process that cannot be: the system has no such number."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where status files are, and nothing that other workers write."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.delenv("LOAFER_STATUS_FILE", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(history_file, "ENDING", 60)
    made = tmp_path / "loafer"
    made.mkdir(mode=0o700)
    return made


def note(name: str = "9f8c", **changes: object) -> Note:
    said = {
        "at": 1.0,
        "worker": os.getpid(),
        "source": "orders",
        "id": name,
        "receives": 1,
        "kind": BACK,
        "word": "stop",
    }
    return Note(**{**said, **changes})  # type: ignore[arg-type]


def nothing() -> Held:
    return []


def wrote(path: Path, notes: list[Note], held: Callable[[], Held] = nothing) -> None:
    with noted(path, held, started(os.getpid())) as histories:
        for each in notes:
            histories.keep(each)


def test_what_is_noted_is_found_again_by_the_beginning_of_its_id(folder: Path) -> None:
    wrote(folder / "41.json", [note("9f8c-1"), note("9f8c-2"), note("77")])
    assert [each.id for each in notes_about("9f8c")] == ["9f8c-1", "9f8c-2"]
    assert notes_about("77") == [note("77")]
    assert notes_about("f8c") == []


def test_only_its_owner_may_read_the_files_and_no_status_file_is_taken_for_one(folder: Path) -> None:
    file = HistoryFile(folder / "41.history", lambda: [("a", "orders", 1)])
    file._write([note()])
    file._write_held()
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "41.history": 0o600,
        "41.held": 0o600,
    }
    assert list(folder.glob("[0-9]*.json")) == []


def test_a_large_file_is_moved_aside_and_both_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "MOST_BYTES", 100)
    for number in range(3):
        wrote(folder / "41.json", [note(f"9f8c-{number}")])
    assert sorted(path.name for path in folder.iterdir()) == ["41.history.1"]
    wrote(folder / "41.json", [])
    monkeypatch.setattr(history_file, "MOST_BYTES", 10_000)
    wrote(folder / "41.json", [note("9f8c-3")])
    assert [each.id for each in notes_about("9f8c")] == ["9f8c-2", "9f8c-3"]


def test_ten_thousand_messages_fit_into_a_file() -> None:
    ran = note(
        "98e0b8ad-d587-4889-9cac-a2860d2b9680", at=1795890109.5526261, word="failed", error="A" * 30, seconds=0.2
    )
    line = json.dumps(attrs.asdict(ran))
    assert 10_000 * 2 * len(line) < history_file.MOST_BYTES


def test_what_a_worker_held_is_known_once_it_is_gone(folder: Path) -> None:
    said = {"pid": GONE, "started": None, "at": 5.0, "held": [["9f8c", "orders", 2]]}
    (folder / "41.held").write_text(json.dumps(said))
    [held] = notes_about("9f8c")
    assert (held.kind, held.worker, held.receives, held.at) == (HELD, GONE, 2, 5.0)


def test_what_a_worker_holds_that_runs_is_nothing_to_tell(folder: Path) -> None:
    file = HistoryFile(folder / "41.history", lambda: [("9f8c", "orders", 1)], started(os.getpid()))
    file._write_held()
    assert notes_of_held(folder / "41.held") == []


def test_a_worker_that_takes_the_place_of_one_that_died_notes_what_that_held(folder: Path) -> None:
    said = {"pid": 1, "started": 7, "at": 5.0, "held": [["9f8c", "orders", 2]]}
    (folder / "1.held").write_text(json.dumps(said))
    wrote(folder / "1.json", [])
    assert not held_path(folder / "1.history").exists()
    assert [(each.kind, each.worker) for each in notes_about("9f8c")] == [(HELD, 1)]


def test_a_worker_that_ends_cleanly_holds_nothing(folder: Path) -> None:
    wrote(folder / "41.json", [], lambda: [("9f8c", "orders", 1)])
    assert notes_about("9f8c") == []
    assert list(folder.iterdir()) == []


def test_nothing_is_written_while_there_is_nothing_to_say(folder: Path) -> None:
    HistoryFile(folder / "41.history", nothing)._write_held()
    assert list(folder.iterdir()) == []


def test_lines_and_files_that_cannot_be_read_are_passed_over(folder: Path) -> None:
    (folder / "41.history").write_text('{"id": "9f8c"\n[]\n{"id": "9f8c", "x": 1}\n"9f8c"\n')
    (folder / "41.held").write_text("9f8c")
    wrote(folder / "41.json", [note()])
    assert notes_about("9f8c") == [note()]


def test_a_file_that_cannot_be_written_is_told_once_and_harms_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrote(tmp_path / "missing" / "41.json", [note(), note("a")])
    assert len([record for record in caplog.records if "cannot be written" in record.getMessage()]) == 1


def test_a_link_in_the_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("")
    (folder / "41.history").symlink_to(tmp_path / "victim")
    wrote(folder / "41.json", [note()])
    assert (tmp_path / "victim").read_text() == ""


def test_what_comes_while_too_much_waits_is_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_file, "MOST_WAITING", 2)
    file = HistoryFile(folder / "41.history", nothing)
    for number in range(5):
        file.keep(note(f"9f8c-{number}"))
    file.end()
    file.run()
    assert len(notes_about("9f8c")) == 2


def test_old_files_of_workers_that_are_gone_are_removed_and_those_beyond_the_latest(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_file, "MOST_FILES", 2)
    for number in range(4):
        path = folder / f"{GONE + number}.history"
        path.write_text("")
        os.utime(path, (1_000_000 + number, 1_000_000 + number))
    (folder / f"{os.getpid()}.history").write_text("")
    clear_old(1_000_010)
    kept = [f"{GONE + 2}.history", f"{GONE + 3}.history", f"{os.getpid()}.history"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)
    clear_old(1_000_010 + 15 * 86_400)
    assert [path.name for path in folder.iterdir()] == [f"{os.getpid()}.history"]


@pytest.mark.parametrize("plant", ["pipe", "link", "hard link", "file"])
def test_what_others_have_put_there_is_neither_written_nor_waited_for(
    folder: Path, plant: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder.chmod(0o777)
    target = folder / "theirs"
    target.write_text("theirs")
    for name in ("41.history", ".41.held"):
        if plant == "pipe":
            os.mkfifo(folder / name)  # whoever opens it as a file waits for ever
        elif plant == "link":
            (folder / name).symlink_to(target)
        elif plant == "hard link":
            (folder / name).hardlink_to(target)
        else:
            (folder / name).write_text("theirs")
            (folder / name).chmod(0o666)
            if os.getuid():
                pytest.skip("only root can give a file to somebody else")
            os.chown(folder / name, 54321, 54321)
    wrote(folder / "41.json", [note()], lambda: [("9f8c", "orders", 1)])
    assert "cannot be written" in caplog.text
    assert target.read_text() == "theirs"
    assert (folder / "41.history").is_fifo() or (folder / "41.history").read_text() == "theirs"


def test_notes_are_added_to_those_that_are_there_and_what_is_held_is_written_anew(folder: Path) -> None:
    for _ in range(2):
        file = HistoryFile(folder / "41.history", lambda: [("a", "orders", 1)])
        file._write([note()])
        (folder / ".41.held").write_text("x" * 10_000)
        file._write_held()
    assert len((folder / "41.history").read_text().splitlines()) == 2
    assert json.loads((folder / "41.held").read_text())["held"] == [["a", "orders", 1]]


@pytest.mark.parametrize("plant", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_read(folder: Path, plant: Callable[[Path], None]) -> None:
    for name in ("41.history", "41.held"):
        plant(folder / name)
    assert notes_about("9f8c") == []
