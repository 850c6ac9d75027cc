import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from loafer.entrypoints.worker.status_file import StatusFile, written
from loafer.entrypoints.worker.status_place import folders, is_gone, own_folder, path_of, started, status_files


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr("loafer.entrypoints.worker.neighbour.ENDING", 60)
    (tmp_path / "tmp").mkdir()
    return tmp_path


def test_the_folder_is_that_of_the_runtime_and_its_owners_alone(runtime: Path) -> None:
    folder = own_folder()
    assert folder == runtime / "loafer"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_without_a_runtime_folder_it_is_one_of_this_users_in_the_temporary_one(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert own_folder() == runtime / "tmp" / f"loafer-{os.getuid()}"
    assert folders() == [own_folder()]


def test_where_no_temporary_folder_can_be_written_the_runtime_one_is_used_or_none(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> str:
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.gettempdir", refuse)
    assert own_folder() == runtime / "loafer"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert list(status_files()) == []
    with written(None, None, dict):
        pass
    with pytest.raises(OSError, match="there is no folder for status files"):
        own_folder()


def test_a_folder_that_others_may_write_is_not_used(runtime: Path) -> None:
    (runtime / "loafer").mkdir()
    (runtime / "loafer").chmod(0o777)
    assert own_folder() == runtime / "tmp" / f"loafer-{os.getuid()}"


def test_a_link_that_somebody_laid_there_is_not_followed(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    (runtime / "elsewhere").mkdir()
    (runtime / "tmp" / f"loafer-{os.getuid()}").symlink_to(runtime / "elsewhere")
    with pytest.raises(PermissionError, match="not a folder that only its owner may write"):
        own_folder()
    with written(None, None, dict):
        pass
    assert list((runtime / "elsewhere").iterdir()) == []


def test_a_status_is_written_whole_and_for_its_owner_and_removed_at_the_end(runtime: Path) -> None:
    wrote = threading.Event()

    def document() -> dict[str, object]:
        wrote.set()
        return {"ready": True}

    path = runtime / "status.json"
    with written(str(path), None, document):
        assert wrote.wait(60)
        file = StatusFile(path, document)
        assert file.write()
        assert json.loads(path.read_text()) == {"ready": True}
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in runtime.iterdir()] == ["tmp"]


def test_what_cannot_be_written_is_said_once_and_harms_nothing(runtime: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = StatusFile(runtime / "none" / "status.json", dict)
    file.write()
    file.write()
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_is_no_file_is_neither_replaced_nor_removed(
    kind: str, runtime: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = runtime / "status.json"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(runtime / "target")
    before = path.lstat()
    with written(str(path), None, dict):
        pass
    assert path.lstat() == before
    assert not (runtime / "target").exists()
    assert "it is there, and no file; give the path of one, or off" in caplog.text


@pytest.mark.parametrize("plant", ["pipe", "link", "file"])
def test_what_somebody_has_put_beside_it_is_neither_written_nor_waited_for(runtime: Path, plant: str) -> None:
    target = runtime / "target"
    target.write_text("theirs")
    file = StatusFile(runtime / "status.json", lambda: {"ready": True})
    for beside in (runtime / f".status.json.{os.getpid()}", file.beside):
        if plant == "pipe":
            os.mkfifo(beside)
        elif plant == "link":
            beside.symlink_to(target)
        else:
            beside.hardlink_to(target)
    writing = threading.Thread(target=file.write, daemon=True)
    writing.start()
    writing.join(60)
    assert not writing.is_alive()
    assert json.loads((runtime / "status.json").read_text()) == {"ready": True}
    assert target.read_text() == "theirs"
    assert not file.beside.exists()


def test_nobody_knows_ahead_what_is_written_beside_it(runtime: Path) -> None:
    first, second = (StatusFile(runtime / "status.json", dict).beside.name for _ in range(2))
    assert first != second
    assert first.startswith(".status.json.")


def test_the_folder_of_its_own_is_made_again_if_somebody_removes_it(runtime: Path) -> None:
    path = runtime / "loafer" / "1.json"
    file = StatusFile(path, lambda: {"ready": True}, own=True)
    for _ in range(2):
        file.write()
        assert json.loads(path.read_text()) == {"ready": True}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        shutil.rmtree(path.parent)


@pytest.mark.parametrize(
    ("whose", "told"),
    [("another's", True), ("ours", False), ("one's that has ended", False), ("[]", False), ("{", False)],
)
def test_a_file_that_another_worker_writes_too_is_told_of(
    whose: str, told: bool, runtime: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, other = runtime / "status.json", os.getppid()
    workers = {
        "another's": {"pid": other, "started": started(other)},
        "ours": {"pid": os.getpid(), "started": started(os.getpid())},
        "one's that has ended": {"pid": other, "started": 1},
    }
    path.write_text(json.dumps(workers[whose]) if whose in workers else whose)
    with written(str(path), None, dict):
        pass
    assert ("is written by process" in caplog.text) is told


def test_off_writes_nothing(runtime: Path) -> None:
    with written("off", None, dict):
        assert [each.name for each in runtime.iterdir()] == ["tmp"]


def test_several_workers_of_one_setting_have_files_of_their_own() -> None:
    assert [str(path_of("/run/x/status.json", number)) for number in (None, 1, 2)] == [
        "/run/x/status.json",
        "/run/x/status-1.json",
        "/run/x/status-2.json",
    ]


def test_files_of_workers_that_were_killed_are_cleared_away_by_the_next_one(runtime: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, alive = own_folder() / f"{ended.pid}.json", own_folder() / "1.json"
    left.write_text("{}")
    alive.write_text("{}")
    with written(None, None, dict):
        pass
    assert list(status_files()) == [alive]


def test_a_process_is_told_from_a_later_one_of_its_number() -> None:
    since = started(os.getpid())
    assert since is not None
    assert not is_gone(os.getpid(), since)
    assert not is_gone(os.getpid(), None)
    assert is_gone(os.getpid(), since + 1)
