"""A log whose handlers block stops nothing: not the heartbeat, not the loop, not the stop."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from endpoints import FastSQS
from workers import HERE, LOAFER, wait_until

GRACE = 1
OPTIONS = (
    *("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}'),
    *("--max-jobs", "6", "--grace-period", str(GRACE)),
)

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("aws_environ")]


@pytest.fixture
def unread() -> Iterator[int]:
    """A pipe that nobody reads, full already: the end to write to."""
    readable, writable = os.pipe()
    fill(writable)
    yield writable
    os.close(readable)
    os.close(writable)


def fill(pipe: int) -> None:
    os.set_blocking(pipe, False)
    try:
        while True:
            os.write(pipe, b"x" * 1024)
    except BlockingIOError:
        os.set_blocking(pipe, True)


@contextmanager
def worker(folder: Path, *options: str, out: int, **environ: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a worker whose output goes to `out`."""
    command = [str(LOAFER), "-vv", "--source", "stuck", "--handler", "sample_handlers.logs_much_in_8_s", *options]
    environ = {**os.environ, "PYTHONPATH": str(HERE), "RUNS": str(folder / "runs"), **environ}
    with subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def runs(folder: Path) -> list[str]:
    return [line.split()[0] for line in (folder / "runs").read_text().splitlines()]


async def holds_and_stops(sqs: FastSQS, folder: Path, process: "subprocess.Popen[bytes]") -> None:
    """Fail unless 6 messages run to their end, 6 others are given back, and the stop takes no longer than it may."""
    await asyncio.to_thread(wait_until, lambda: (folder / "runs").exists() and len(runs(folder)) == 12, 30)
    while (stats := (await sqs.stats())["queues"]["stuck"])["deleted"] < 6:  # the last of them may be on its way
        await asyncio.sleep(0.05)
    assert (stats["deleted"], stats["redelivered"]) == (6, 0)
    assert sorted(set(runs(folder))) == sorted(runs(folder))
    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 30) == 0
    assert time.monotonic() - asked < GRACE + 8
    stats = (await sqs.stats())["queues"]["stuck"]
    assert (stats["deleted"], stats["redelivered"], stats["in_flight"]) == (6, 0, 0)


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_full_pipe_that_nobody_reads_stops_neither_handlers_nor_extensions_nor_the_stop(
    fast_sqs: FastSQS, tmp_path: Path, unread: int, processes: int
) -> None:
    await fast_sqs.fill("stuck", 12, visibility=3)
    options = OPTIONS if processes == 1 else (*OPTIONS, "--max-jobs", "3", "--processes", "2")
    with worker(tmp_path, *options, out=unread) as process:
        await holds_and_stops(fast_sqs, tmp_path, process)


async def test_a_log_file_that_is_stuck_stops_nothing_either(fast_sqs: FastSQS, tmp_path: Path) -> None:
    stuck, log = tmp_path / "stuck", tmp_path / "log"
    os.mkfifo(stuck)
    held = os.open(stuck, os.O_RDWR)
    fill(held)
    await fast_sqs.fill("stuck", 12, visibility=3)
    with log.open("wb") as out, worker(tmp_path, *OPTIONS, out=out.fileno(), STUCK_LOG=str(stuck)) as process:
        await holds_and_stops(fast_sqs, tmp_path, process)
    os.close(held)
    assert "could not be written" in log.read_text()


async def test_a_worker_that_ends_by_system_exit_or_for_a_mistake_ends_although_its_log_is_stuck(
    fast_sqs: FastSQS, tmp_path: Path, unread: int
) -> None:
    await fast_sqs.fill("stuck", 1)
    with worker(tmp_path, *OPTIONS, "--handler", "sample_handlers.leaves_with_status_3", out=unread) as process:
        assert await asyncio.to_thread(process.wait, 15) == 3
    with worker(tmp_path, "--max-jobs", "none", out=unread) as process:
        assert await asyncio.to_thread(process.wait, 15) == 2
