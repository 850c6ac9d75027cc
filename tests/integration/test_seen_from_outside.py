"""Workers say how they are, in files, while they run; and `loafer status` shows it."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS
from workers import LOAFER, Worker, wait_until


def status(folder: Path, *options: str) -> tuple[int, str]:
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder), "TMPDIR": str(folder)}
    done = subprocess.run([LOAFER, "status", *options], env=environ, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def workers(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(status(folder, "--json")[1])["workers"]
    return found


@pytest.fixture
def start(tmp_path: Path) -> Any:
    started: list[Worker] = []

    def start(*options: str, source: str = "memory://orders", handler: str = "quick", **environ: str) -> Worker:
        made = {"XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path), **environ}
        started.append(Worker(tmp_path, source, handler, options, made))
        return started[-1]

    yield start
    for worker in started:
        worker.process.kill()
        worker.process.wait()


def test_where_no_worker_runs_none_is_found(tmp_path: Path) -> None:
    code, text = status(tmp_path)
    assert code == 3
    assert text.startswith("no worker found")


def test_two_workers_of_one_machine_are_found_and_shown_and_gone_when_they_end(
    tmp_path: Path, start: Callable[..., Worker]
) -> None:
    one, two = start("--consumer-opts", "{'WaitTimeSeconds': 1}"), start("--consumer-opts", "{'WaitTimeSeconds': 1}")
    wait_until(lambda: status(tmp_path)[0] == 0 and len(workers(tmp_path)) == 2)
    _, text = status(tmp_path)
    assert f"worker {one.process.pid}   up " in text
    assert f"worker {two.process.pid}   up " in text
    assert text.count("READY   idle") == 2
    one.process.send_signal(signal.SIGTERM)
    two.process.kill()
    one.process.wait(20)
    two.process.wait(20)
    assert status(tmp_path)[0] == 3


@pytest.mark.slow
def test_a_stopped_process_is_wedged(tmp_path: Path, start: Callable[..., Worker]) -> None:
    worker = start(LOAFER_STATUS_FILE=str(tmp_path / "status.json"))
    wait_until(lambda: status(tmp_path, str(tmp_path / "status.json"))[0] == 0)
    worker.freeze()
    document = json.loads((tmp_path / "status.json").read_text())
    document["at"] -= 30
    (tmp_path / "status.json").write_text(json.dumps(document))
    code, text = status(tmp_path, str(tmp_path / "status.json"))
    assert code == 1
    assert "NOT ALIVE   wedged" in text


@pytest.mark.slow
async def test_the_workers_of_a_supervisor_have_a_file_each(
    tmp_path: Path, fast_sqs: FastSQS, start: Callable[..., Worker]
) -> None:
    await fast_sqs.fill("orders", 4)
    start("--processes", "2", source="orders")
    wait_until(lambda: status(tmp_path)[0] == 0 and len(workers(tmp_path)) == 2, 30)
    assert sorted(worker["worker"] for worker in workers(tmp_path)) == ["worker-1", "worker-2"]


def test_the_command_takes_little_time(tmp_path: Path) -> None:
    took: dict[tuple[str, ...], list[float]] = {("-m", "loafer", "status"): [], ("-c", "import asyncio"): []}
    for arguments in list(took) * 5:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took[arguments].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        time.sleep(0.05)
    command, bare = map(min, took.values())
    assert command <= 2.5 * bare, "0.15 s of CPU time, where Python's own part takes 0.06 s"
