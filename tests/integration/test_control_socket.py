"""The socket beside the status file: who may ask there, what is refused, and answers while the loop is blocked."""

import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS
from workers import Worker, wait_until

from loafer.entrypoints.commands.asking import ask
from loafer.entrypoints.worker import control_socket, neighbour
from loafer.entrypoints.worker.control_socket import MOST_CONNECTIONS, is_ours, listening_at
from loafer.entrypoints.worker.status_file import written
from loafer.entrypoints.worker.status_place import address_of, own_folder, socket_of

QUICK = ("--consumer-opts", "{'WaitTimeSeconds': 1, 'MaxNumberOfMessages': 10}")


async def echo(asked: object) -> dict[str, Any]:
    return {"ok": asked != "no", "asked": asked, "error": "no"}


@contextmanager
def served(file: Path) -> Iterator[Path]:
    """Serve beside a status file, and return its path once somebody listens."""
    with written(str(file), None, lambda: {"ready": True}, echo):
        wait_until(lambda: listens(file))
        yield file


def listens(file: Path) -> bool:
    try:
        return bool(ask(file, {})["ok"])
    except OSError:
        return False


def raw(file: Path, sent: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection, address_of(socket_of(file)) as address:
        connection.settimeout(60)
        connection.connect(address)
        connection.sendall(sent)
        return connection.recv(4096)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(neighbour, "ENDING", 60)
    made = tmp_path / "own"
    made.mkdir(mode=0o700)
    return made


def test_it_is_for_its_user_alone_and_gone_in_the_end(folder: Path) -> None:
    with served(folder / "status.json") as file:
        assert stat.S_IMODE(socket_of(file).stat().st_mode) == 0o600
        assert ask(file, {"ask": "x"})["asked"] == {"ask": "x"}
        with pytest.raises(ValueError, match="no"):
            ask(file, "no")  # type: ignore[arg-type]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b"hello\n", "a question is a line of JSON"),
        (b"\xff\xfe\n", "a question is a line of JSON"),
        (b"[" * 4000 + b"\n", "a question is a line of JSON"),
        (b'"' + b"x" * 10_000 + b'"\n', "a question has 4096 bytes at most"),
    ],
)
def test_what_is_no_question_is_refused(folder: Path, sent: bytes, error: str) -> None:
    with served(folder / "status.json") as file:
        assert json.loads(raw(file, sent)) == {"ok": False, "error": error}


def test_connections_that_say_nothing_are_closed_and_then_others_are_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "PATIENCE", 1.0)
    with served(folder / "status.json") as file:
        silent = [socket.socket(socket.AF_UNIX) for _ in range(MOST_CONNECTIONS)]
        for connection in silent:
            connection.connect(str(socket_of(file)))
        wait_until(lambda: listens(file))
        for connection in silent:
            connection.close()


def test_who_says_nothing_while_the_worker_ends_makes_no_error_of_that_and_does_not_delay_it(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_socket, "PATIENCE", 600)
    monkeypatch.setattr(neighbour, "ENDING", 30)
    with socket.socket(socket.AF_UNIX) as silent:
        with served(folder / "status.json") as file:
            silent.connect(str(socket_of(file)))
            assert listens(file)  # by then the one before is known
        assert "loafer-status-file" not in {thread.name for thread in threading.enumerate()}
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_what_a_killed_worker_left_is_removed(folder: Path) -> None:
    file = folder / "status.json"
    program = f"import socket, os; socket.socket(socket.AF_UNIX).bind({str(socket_of(file))!r}); os._exit(9)"
    subprocess.run([sys.executable, "-c", program], check=False)
    assert socket_of(file).exists()
    with served(file):
        assert listens(file)


def test_another_worker_that_listens_there_keeps_its_socket(folder: Path) -> None:
    with served(folder / "status.json") as file:
        with pytest.raises(FileExistsError, match="another worker listens at"):
            listening_at(socket_of(file))
        assert listens(file)


def test_what_somebody_laid_there_is_neither_followed_nor_removed(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    plants: list[Callable[[Path], object]] = [
        lambda path: path.write_text("kept"),
        lambda path: path.symlink_to(target),
        lambda path: path.mkdir(),
    ]
    for plant in plants:
        path = folder / "status.sock"
        plant(path)
        with pytest.raises(FileExistsError, match="is there, and no socket of ours"):
            listening_at(path)
        with written(str(folder / "status.json"), None, dict, echo):
            time.sleep(0.05)
        assert path.lstat()
        path.rmdir() if path.is_dir() else path.unlink()
    assert not target.exists()


def test_in_a_folder_that_others_may_write_there_is_none(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(PermissionError, match="not a folder that only its owner may write"):
        listening_at(shared / "status.sock")


def test_a_path_longer_than_the_system_takes_works_too(folder: Path) -> None:
    deep = folder
    for _ in range(4):
        deep = deep / ("x" * 60)
        deep.mkdir(mode=0o700)
    with served(deep / "status.json") as file:
        assert len(os.fsencode(socket_of(file))) > 200
        assert ask(file, {})["ok"]


def test_somebody_else_is_not_answered() -> None:
    class Connection:
        def __init__(self, user: int) -> None:
            self.user = user

        def getsockopt(self, *_: int) -> bytes:
            return struct.pack("iII", 41, self.user, self.user)

    assert is_ours(Connection(os.getuid()))
    assert is_ours(Connection(0))
    assert not is_ours(Connection(os.getuid() + 1))


@pytest.fixture
def start(tmp_path: Path) -> Any:
    started: list[Worker] = []

    def start(*options: str, source: str = "orders", handler: str = "quick", **environ: str) -> Worker:
        environ = {"XDG_RUNTIME_DIR": str(tmp_path), **environ}
        started.append(Worker(tmp_path, source, handler, (*QUICK, *options), environ))
        return started[-1]

    yield start
    for worker in started:
        worker.process.kill()
        worker.process.wait()


@pytest.mark.slow
async def test_a_worker_whose_loop_is_blocked_answers_where_it_is(
    fast_sqs: FastSQS, tmp_path: Path, start: Callable[..., Worker]
) -> None:
    await fast_sqs.fill("orders", 1)
    worker = start(handler="blocks_the_loop_for_5_s")
    file = tmp_path / "loafer" / f"{worker.process.pid}.json"
    wait_until(lambda: bool(worker.runs))
    [held] = ask(file, {"ask": "held"})["held"]
    assert (held["route"], held["what"]) == ("default", "runs")
    [stack] = ask(file, {"ask": "stacks", "id": held["id"]})["stacks"]
    assert "time.sleep(5)" in stack["stack"]
    assert ask(file, {"ask": "pause", "route": "default"}) == {"ok": True, "done": False}
    wait_until(lambda: ask(file, {"ask": "status"})["status"]["routes"][0]["paused"])
    assert ask(file, {"ask": "status"})["status"]["routes"][0]["calls"]["receive"] > 0
    assert worker.stop() == 0
    assert "route default is paused, as it was asked for" in worker.printed
    assert not file.exists()
    assert not socket_of(file).exists()


@pytest.mark.slow
async def test_each_of_several_workers_has_its_own(
    fast_sqs: FastSQS, tmp_path: Path, start: Callable[..., Worker]
) -> None:
    await fast_sqs.fill("orders", 4)
    worker = start("--processes", "2")

    def files() -> list[Path]:
        return sorted((tmp_path / "loafer").glob("*.json"))

    wait_until(lambda: len(files()) == 2 and all(map(listens_too, files())))
    one, two = files()
    assert ask(one, {"ask": "pause", "route": "default"})["done"]
    assert [ask(file, {"ask": "status"})["status"]["routes"][0]["paused"] for file in (one, two)] == [True, False]
    os.kill(int(two.stem), signal.SIGKILL)
    wait_until(lambda: len(files()) == 2 and two not in files())
    assert not socket_of(two).exists()
    assert worker.stop() == 0


def listens_too(file: Path) -> bool:
    try:
        return bool(ask(file, {"ask": "status"})["status"]["routes"])
    except OSError:
        return False


def test_the_folder_of_status_files_is_one_that_a_socket_may_be_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    listening_at(own_folder() / "41.sock").close()
