"""What a worker costs: memory that does not grow, an idle worker that does next to nothing, few calls a message."""

import asyncio
from pathlib import Path

import pytest
from endpoints import FastSQS
from workers import Worker, wait_until

OPTIONS = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}', "--prefetch", "50")


def resident(worker: Worker) -> float:
    """Return the resident size of a worker in MiB."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def cpu_seconds(worker: Worker) -> float:
    """Return the CPU time that a worker has used."""
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def deleted(endpoint: FastSQS, queue: str, number: int) -> None:
    while (await endpoint.stats())["queues"][queue]["deleted"] < number:
        await asyncio.sleep(0.2)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_memory_after_200_000_messages_is_that_after_20_000(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("many", 20_000)
    with Worker(tmp_path, "many", "quick", OPTIONS) as worker:
        await deleted(fast_sqs, "many", 20_000)
        before = resident(worker)
        for part in range(1, 10):
            await fast_sqs.fill("many", 20_000)
            await deleted(fast_sqs, "many", 20_000 * (part + 1))
        after = resident(worker)
        assert worker.stop() == 0
    assert after - before < 5


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


@pytest.mark.usefixtures("transport")
async def test_a_message_costs_a_fifth_of_a_call_under_load(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("load", 2000)
    with Worker(tmp_path, "load", "quick", OPTIONS) as worker:
        await deleted(fast_sqs, "load", 2000)
        calls = (await fast_sqs.stats())["calls"]
        assert worker.stop() == 0
    assert (calls["ReceiveMessage"] + calls["DeleteMessageBatch"]) / 2000 <= 0.21
