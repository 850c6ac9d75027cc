"""Stops of real workers: in time whatever handlers leave behind, with grace for those that end."""

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from endpoints import FastSQS
from workers import Worker, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("aws_environ")]

BOUND = 8.0
POLLS = '{"WaitTimeSeconds": %d, "MaxNumberOfMessages": 10}'
QUICK = ("--consumer-opts", POLLS % 1, "--grace-period", "0")


async def queue(endpoint: FastSQS, name: str = "orders") -> dict[str, Any]:
    counts: dict[str, Any] = (await endpoint.stats())["queues"][name]
    return counts


async def hired(sqs: FastSQS, folder: Path, handler: str, messages: int, *options: str) -> Worker:
    """Return a worker in which so many messages run."""
    await sqs.fill("orders", messages)
    worker = Worker(folder, "orders", f"stop_handlers.{handler}", (*QUICK, *options))
    wait_until(lambda: len(worker.runs) == messages or worker.process.poll() is not None)
    return worker


def ended_in(worker: Worker, seconds: float, number: int = signal.SIGTERM) -> int:
    """Stop a worker, and return its exit status; it takes no longer than that."""
    asked = time.monotonic()
    status = worker.stop(seconds + 5, number)
    assert time.monotonic() - asked < seconds, worker.printed
    return status


def lines_at_the_bound(worker: Worker) -> list[str]:
    return [line for line in worker.printed.splitlines() if "the process is ended" in line]


async def test_a_stop_ends_at_its_bound_whatever_handlers_left_behind(fast_sqs: FastSQS, tmp_path: Path) -> None:
    with await hired(fast_sqs, tmp_path, "leaves_everything_behind", 6) as worker:
        assert ended_in(worker, BOUND) == 0
        assert "left behind: 1 handlers that did not end" in worker.printed  # a long `finally` is cancelled once more
        assert "Traceback" not in worker.printed
    assert (await queue(fast_sqs))["deleted"] == 4


async def test_a_thread_that_does_not_end_is_left_at_the_bound_and_named(fast_sqs: FastSQS, tmp_path: Path) -> None:
    with await hired(fast_sqs, tmp_path, "leaves_a_thread_behind", 1) as worker:
        assert ended_in(worker, BOUND) == 0
        [line] = lines_at_the_bound(worker)
        assert " - ERROR - " in line
        assert "left-thread" in line
    assert (await queue(fast_sqs))["deleted"] == 1


@pytest.mark.parametrize(
    ("handler", "processes"), [("blocks_the_loop", 2), ("blocks_the_loop_where_no_signal_interrupts", 1)]
)
async def test_a_blocked_loop_ends_at_the_bound_and_the_last_line_says_where(
    fast_sqs: FastSQS, tmp_path: Path, handler: str, processes: int
) -> None:
    with await hired(fast_sqs, tmp_path, handler, 1, "--processes", str(processes)) as worker:
        assert ended_in(worker, BOUND) == 0
        [line] = lines_at_the_bound(worker)
        assert f"the main thread is in {handler} (stop_handlers.py:" in line
        assert "was killed" not in worker.printed


async def test_an_idle_worker_with_polls_of_20_s_is_gone_within_6(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 1)
    with Worker(tmp_path, "orders", "quick", ("--consumer-opts", POLLS % 20)) as worker:
        wait_until(lambda: len(worker.runs) == 1)
        await asyncio.sleep(0.5)
        assert ended_in(worker, 6) == 0
        assert "1 polls were aborted" in worker.printed


async def test_a_poll_grace_of_the_wait_time_aborts_nothing(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 1)
    with Worker(tmp_path, "orders", "quick", ("--consumer-opts", POLLS % 7, "--poll-grace", "7")) as worker:
        wait_until(lambda: len(worker.runs) == 1)
        await asyncio.sleep(0.5)
        assert ended_in(worker, 8) == 0
        assert "aborted" not in worker.printed


@pytest.mark.parametrize("processes", [1, 2])
async def test_two_signals_within_half_a_second_are_one_and_two_that_are_apart_are_haste(
    fast_sqs: FastSQS, tmp_path: Path, processes: int
) -> None:
    options = ("--grace-period", "60", "--processes", str(processes))
    with await hired(fast_sqs, tmp_path, "never_ends", 1, *options) as worker:
        for _ in range(2):
            worker.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        assert worker.process.poll() is None
        assert ended_in(worker, 3) == 0


@pytest.mark.parametrize(
    "handler", ["starts_one_that_leaves_with_status_3", "starts_a_group_of_which_one_leaves_with_status_3"]
)
@pytest.mark.parametrize("processes", [1, 2])
async def test_system_exit_in_a_task_of_a_handler_stops_with_grace_and_its_status(
    fast_sqs: FastSQS, tmp_path: Path, handler: str, processes: int
) -> None:
    options = ("--grace-period", "3", "--processes", str(processes))
    with await hired(fast_sqs, tmp_path, handler, 4, *options) as worker:
        assert worker.process.wait(60) == 3
        assert "Traceback" not in worker.printed
    left = await queue(fast_sqs)
    assert (left["deleted"], left["in_flight"] + left["ready"]) == (3, 1)


async def test_two_lines_tell_that_a_stop_has_begun_and_that_it_is_over(fast_sqs: FastSQS, tmp_path: Path) -> None:
    with await hired(fast_sqs, tmp_path, "never_ends", 2) as worker:
        assert ended_in(worker, 6) == 0
        assert "stopping: 2 handlers run, 0 messages wait, " in worker.printed
        assert "; left behind: nothing" in worker.printed


async def test_a_supervisor_whose_log_is_blocked_ends_at_its_bound(fast_sqs: FastSQS, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log")
    unread = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    await fast_sqs.fill("orders", 1)
    worker = Worker(tmp_path, "orders", "stop_handlers.blocks_the_loop", (*QUICK, "--processes", "2"))
    try:
        wait_until(lambda: len(worker.runs) == 1)
        full = os.open(tmp_path / "log", os.O_WRONLY | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(full, b"x" * 1024)
        os.close(full)
        asked = time.monotonic()
        worker.stop(BOUND + 5)
        assert time.monotonic() - asked < BOUND
    finally:
        worker.process.kill()
        worker.process.wait()
        os.close(unread)
