"""What a worker costs: memory that does not grow, few calls a message."""

import asyncio
from pathlib import Path

import pytest
from endpoints import FastSQS
from workers import Worker

OPTIONS = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}', "--prefetch", "50")


def resident(worker: Worker) -> float:
    """Return the resident size of a worker in MiB."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


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


@pytest.mark.usefixtures("transport")
async def test_a_message_costs_a_fifth_of_a_call_under_load(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("load", 2000)
    with Worker(tmp_path, "load", "quick", OPTIONS) as worker:
        await deleted(fast_sqs, "load", 2000)
        calls = (await fast_sqs.stats())["calls"]
        assert worker.stop() == 0
    assert (calls["ReceiveMessage"] + calls["DeleteMessageBatch"]) / 2000 <= 0.21
