"""What a worker costs that has nothing to do: next to nothing."""

import asyncio
from pathlib import Path

import pytest
from endpoints import FastSQS
from workers import Worker, wait_until


def cpu_seconds(worker: Worker) -> float:
    """Return the CPU time that a worker has used."""
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.slow
async def test_an_idle_worker_makes_four_calls_a_minute_and_uses_next_to_no_cpu(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("idle", 0)
    with Worker(tmp_path, "idle", "quick", ("--consumer-opts", '{"WaitTimeSeconds": 20}')) as worker:
        await asyncio.to_thread(wait_until, lambda: "loafer" in worker.log.read_text())
        await asyncio.sleep(3)
        calls, cpu = (await fast_sqs.stats())["calls"].get("ReceiveMessage", 0), cpu_seconds(worker)
        await asyncio.sleep(60)
        calls, cpu = (await fast_sqs.stats())["calls"]["ReceiveMessage"] - calls, cpu_seconds(worker) - cpu
        assert worker.stop() == 0
    assert calls <= 4
    assert cpu < 60 * 0.005
