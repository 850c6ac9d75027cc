"""Which event loop a worker runs on: uvloop where it is installed, asyncio's where it is not."""

import os
from pathlib import Path

import pytest
from endpoints import FastSQS
from workers import HERE, Worker, wait_until

ONE_SECOND = ("--consumer-opts", '{"WaitTimeSeconds": 1}')


async def runs_on(loop: str, fast_sqs: FastSQS, folder: Path) -> None:
    await fast_sqs.fill("orders", 20)
    with Worker(folder, "orders", "quick", ONE_SECOND) as worker:
        wait_until(lambda: len(worker.runs) == 20)
        assert worker.stop() == 0
        assert f"the event loop is {loop}'s" in worker.printed
    counts = (await fast_sqs.stats())["queues"]["orders"]
    assert (counts["deleted"], counts["in_flight"]) == (20, 0)


async def test_a_worker_runs_on_uvloop_where_it_is_installed(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await runs_on("uvloop", fast_sqs, tmp_path)


async def test_a_worker_runs_on_asyncio_without_uvloop(
    fast_sqs: FastSQS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('as if it were not installed')\n")
    monkeypatch.setattr("workers.HERE", f"{HERE}{os.pathsep}{tmp_path}")
    await runs_on("asyncio", fast_sqs, tmp_path)
