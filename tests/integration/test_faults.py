"""Trouble upstream: everything is handled in the end, and the worker outlives it."""

import asyncio
import contextlib
import sys
from pathlib import Path

import pytest
from endpoints import HERE, FastSQS, free_port, running
from workers import Worker, wait_until

OPTIONS = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}')

pytestmark = pytest.mark.usefixtures("transport")


@pytest.mark.slow
async def test_every_message_is_handled_and_deleted_whatever_the_endpoint_does(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("chaos", 3000, visibility=5)
    await fast_sqs.chaos(p500=0.05, throttle=0.05, drop=0.03, dropafter=0.03, partial=0.10, expired=0.01)
    with Worker(tmp_path, "chaos", "quick", OPTIONS) as worker:
        while (await fast_sqs.stats())["queues"]["chaos"]["deleted"] < 3000:
            assert worker.process.poll() is None
            await asyncio.sleep(0.2)
        await fast_sqs.chaos()
        assert worker.stop() == 0
    assert set(worker.runs) == {str(number) for number in range(3000)}


@pytest.mark.slow
async def test_an_endpoint_that_is_gone_for_12_s_is_asked_seldom_and_consumed_afterwards(
    aws_environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_port()
    command = [sys.executable, str(HERE / "lean_sqs.py"), str(port)]
    aws_environ.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with contextlib.ExitStack() as stack:
        with running(command, port, "/stats") as url:
            await FastSQS(url).fill("gone", 20)
            worker = stack.enter_context(Worker(tmp_path, "gone", "quick", OPTIONS))
            while (await FastSQS(url).stats())["queues"]["gone"]["deleted"] < 20:
                await asyncio.sleep(0.02)
        connections = await refused_connections(port, 12)
        assert connections < 12 * 20
        with running(command, port, "/stats") as url:
            await FastSQS(url).fill("gone", 30, start=100)
            await asyncio.to_thread(wait_until, lambda: len(worker.runs) == 50)
            assert worker.process.poll() is None
            assert worker.stop() == 0


async def refused_connections(port: int, seconds: float) -> int:
    """Stand where the endpoint was, drop every connection, and return how many there were."""
    count = 0

    async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        writer.transport.abort()

    server = await asyncio.start_server(drop, "127.0.0.1", port)
    async with server:
        await asyncio.sleep(seconds)
    return count


async def test_a_queue_deleted_while_running_stops_the_worker_with_one_line(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("doomed", 5)
    with Worker(tmp_path, "doomed", "quick", OPTIONS) as worker:
        await asyncio.to_thread(wait_until, lambda: len(worker.runs) == 5)
        await fast_sqs.delete("doomed")
        assert await asyncio.to_thread(worker.process.wait, 60) == 1
    last = worker.log.read_text().splitlines()[-1]
    assert last.startswith("loafer: queue 'doomed' does not exist")


async def test_credentials_revoked_while_running_are_trouble_at_first(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("revoked", 5)
    with Worker(tmp_path, "revoked", "quick", OPTIONS) as worker:
        while (await fast_sqs.stats())["queues"]["revoked"]["deleted"] < 5:  # a first deletion that is denied ends it
            assert worker.process.poll() is None
            await asyncio.sleep(0.05)
        await fast_sqs.chaos(denied=1)
        await asyncio.to_thread(wait_until, lambda: "trouble with source 'revoked'" in worker.log.read_text())
        await fast_sqs.chaos()
        await fast_sqs.fill("revoked", 5, start=5)
        await asyncio.to_thread(wait_until, lambda: len(worker.runs) == 10)
        await asyncio.to_thread(wait_until, lambda: "works again" in worker.log.read_text())  # a thread writes it
        assert worker.stop() == 0
