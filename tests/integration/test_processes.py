"""Workers that are killed or stopped in the middle of their work lose nothing; stopped ones run nothing twice."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS
from workers import Worker, wait_until

MESSAGES = 3000
OPTIONS = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}')
EVERYTHING = {str(number) for number in range(MESSAGES)}

pytestmark = pytest.mark.usefixtures("transport")


async def queue(endpoint: FastSQS, name: str) -> dict[str, Any]:
    counts: dict[str, Any] = (await endpoint.stats())["queues"][name]
    return counts


@pytest.mark.slow
async def test_workers_killed_in_the_middle_lose_nothing(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("killed", MESSAGES, visibility=2)
    for part in range(1, 6):
        with Worker(tmp_path, "killed", "takes_20_ms", OPTIONS) as worker:
            wait_until(lambda part=part, worker=worker: len(worker.runs) > part * 400)  # type: ignore[misc]
            worker.stop(number=signal.SIGKILL)
    with Worker(tmp_path, "killed", "quick", OPTIONS) as worker:
        while (await queue(fast_sqs, "killed"))["deleted"] < MESSAGES:
            await asyncio.sleep(0.2)
        assert worker.stop() == 0
    assert set(worker.runs) == EVERYTHING


@pytest.mark.slow
async def test_workers_stopped_in_the_middle_leave_nothing_in_flight_and_run_nothing_twice(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("stopped", MESSAGES, visibility=30)
    for part in range(1, 6):
        with Worker(tmp_path, "stopped", "takes_20_ms", OPTIONS) as worker:
            wait_until(lambda part=part, worker=worker: len(worker.runs) > part * 400)  # type: ignore[misc]
            assert worker.stop() == 0
        assert (await queue(fast_sqs, "stopped"))["in_flight"] == 0
    with Worker(tmp_path, "stopped", "quick", OPTIONS) as worker:
        wait_until(lambda: set(worker.runs) == EVERYTHING)
        assert worker.stop() == 0
    assert set(worker.runs.values()) == {1}
    counts = await queue(fast_sqs, "stopped")
    assert (counts["deleted"], counts["in_flight"], counts["stale"]) == (MESSAGES, 0, 0)
