"""Several workers and their supervisor: signals, deaths, endings, and what is left on the queue."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import attrs
import pytest
from command import Shell
from endpoints import FastSQS
from transports import times_told
from workers import Worker, wait_until

from loafer.entrypoints.worker.signals import ONE_SIGNAL

pytestmark = pytest.mark.slow

QUICK = ("--consumer-opts", '{"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}')
TWO = ("--processes", "2", *QUICK)
BEGAN = "loafer.entrypoints.worker.loops"
"""What each process logs once, when it begins."""


async def queue(endpoint: FastSQS, name: str = "orders") -> dict[str, Any]:
    counts: dict[str, Any] = (await endpoint.stats())["queues"][name]
    return counts


def runs(process: int) -> bool:
    """Tell whether there is such a process, and more of it than its exit status."""
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()[:1] not in {"", "Z"}


def processes(worker: Worker) -> set[int]:
    """Return the processes in which messages ran."""
    return {int(what.split("-")[0]) for what in worker.runs}


def numbers(worker: Worker) -> set[int]:
    return {int(what.split("-")[1]) for what in worker.runs}


def warnings(worker: Worker) -> list[str]:
    """Return what the supervisor warns of."""
    origin = " - loafer.entrypoints.supervisor.supervisor - WARNING - "
    return [line for line in worker.printed.splitlines() if origin in line]


def began(worker: Worker, times: int) -> None:
    """Wait until so many processes have begun, all told."""
    wait_until(lambda: worker.printed.count(BEGAN) == times)


async def counts(endpoint: FastSQS, what: str, messages: int) -> None:
    """Wait until the queue counts so many messages as deleted, or in flight."""
    async with asyncio.timeout(60):
        while (await queue(endpoint))[what] < messages:
            await asyncio.sleep(0.02)


@attrs.define
class Traffic:
    """Messages that keep coming until every worker has had some; `sent` counts them."""

    endpoint: FastSQS
    sent: int = 0

    async def reaches(self, worker: Worker, count: int) -> set[int]:
        """Send messages until they have run in so many processes, all told, and return these."""
        deadline = time.monotonic() + 60
        while len(found := processes(worker)) < count:
            assert time.monotonic() < deadline, worker.printed
            await self.endpoint.fill("orders", 30, start=self.sent, visibility=2)
            self.sent += 30
            await asyncio.sleep(0.1)
        return found


async def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(fast_sqs: FastSQS, tmp_path: Path) -> None:
    traffic = Traffic(fast_sqs)
    await fast_sqs.fill("orders", 0)
    with Worker(tmp_path, "orders", "tells_its_process_in_20_ms", TWO) as worker:
        killed, *_ = await traffic.reaches(worker, 2)
        os.kill(killed, signal.SIGKILL)
        await traffic.reaches(worker, 3)
        await counts(fast_sqs, "deleted", traffic.sent)
        assert worker.stop() == 0
        [warning] = warnings(worker)
        assert f"(process {killed}) was killed by SIGKILL; it is started again in 1 s" in warning
        assert worker.printed.count("processes: 2") == 1
    assert numbers(worker) == set(range(traffic.sent))
    assert (await queue(fast_sqs))["in_flight"] == 0


async def test_a_worker_whose_handler_ends_the_process_is_replaced(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 1, visibility=1)
    with Worker(tmp_path, "orders", "dies_the_first_time", TWO) as worker:
        wait_until(lambda: worker.runs["0"] == 2)
        began(worker, 3)
        assert worker.stop() == 0
        [warning] = warnings(worker)
        assert "ended unexpectedly with status 1; it is started again in 1 s" in warning
    assert (await queue(fast_sqs))["deleted"] == 1


async def test_ctrl_c_in_a_terminal_stops_every_worker_once(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 15)
    with Worker(tmp_path, "orders", "takes_1_s", TWO) as worker:
        began(worker, 2)
        await counts(fast_sqs, "in_flight", 15)
        os.killpg(worker.process.pid, signal.SIGINT)
        assert worker.process.wait(25) == 0
        assert "Traceback" not in worker.printed
    left = await queue(fast_sqs)
    assert (left["deleted"] + left["ready"], left["in_flight"]) == (15, 0)
    assert left["deleted"] == len(worker.runs) >= 10


async def test_a_second_ctrl_c_waits_for_no_handler(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 2)
    with Worker(tmp_path, "orders", "never_ends", TWO) as worker:
        began(worker, 2)
        await counts(fast_sqs, "in_flight", 2)
        os.killpg(worker.process.pid, signal.SIGINT)
        wait_until(lambda: "SIGINT: the workers are stopped" in worker.printed)
        await asyncio.sleep(ONE_SIGNAL)
        os.killpg(worker.process.pid, signal.SIGINT)
        assert worker.process.wait(25) == 0
        assert "Traceback" not in worker.printed
    assert (await queue(fast_sqs))["deleted"] == 0


async def test_workers_end_when_their_supervisor_is_killed(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 0)
    with Worker(tmp_path, "orders", "tells_its_process_in_20_ms", TWO) as worker:
        left = await Traffic(fast_sqs).reaches(worker, 2)
        worker.stop(number=signal.SIGKILL)
        wait_until(lambda: not any(map(runs, left)), 25)
        assert "Traceback" not in worker.printed
    assert (await queue(fast_sqs))["in_flight"] == 0


async def test_a_deleted_queue_ends_all_workers_with_one_line(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 0)
    with Worker(tmp_path, "orders", "tells_its_process_in_20_ms", TWO) as worker:
        await Traffic(fast_sqs).reaches(worker, 2)
        await fast_sqs.delete("orders")
        assert worker.process.wait(60) == 1
        [line] = [line for line in worker.printed.splitlines() if line.startswith("loafer: ")]
        assert line.startswith("loafer: queue 'orders' does not exist")


async def test_workers_that_fail_at_the_same_moment_end_with_their_own_status(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("orders", 0)
    options = ("--processes", "3", "--consumer-opts", '{"WaitTimeSeconds": 0}')
    with Worker(tmp_path, "orders", "quick", options) as worker:
        wait_until(lambda: worker.printed.count("frequent calls go over") == 3)
        await fast_sqs.delete("orders")
        assert worker.process.wait(60) == 1
        assert warnings(worker) == []


async def test_a_worker_that_nothing_can_stop_is_killed_and_the_others_stop_cleanly(
    fast_sqs: FastSQS, tmp_path: Path
) -> None:
    await fast_sqs.fill("orders", 0)
    options = (*TWO, "--grace-period", "0")
    with Worker(tmp_path, "orders", "holds_the_interpreter_for_60_s", options) as worker:
        began(worker, 2)
        wait_until(lambda: times_told(worker.printed) == 2)  # before one of them can write nothing more
        await fast_sqs.fill("orders", 1)
        wait_until(lambda: len(worker.runs) == 1)
        stopped = time.monotonic()
        assert worker.stop(20) == 137
        assert 7 < time.monotonic() - stopped < 8
        [killed, _] = warnings(worker)
        assert killed.endswith("has not stopped in time: it is killed")


async def test_system_exit_in_a_handler_ends_all_workers_with_its_status(fast_sqs: FastSQS, tmp_path: Path) -> None:
    await fast_sqs.fill("orders", 1)
    with Worker(tmp_path, "orders", "leaves_with_status_3", TWO) as worker:
        assert worker.process.wait(60) == 3
        [warning] = warnings(worker)
        assert "ended with status 3: the others are stopped" in warning
    assert (await queue(fast_sqs))["deleted"] == 0


@pytest.fixture
def shell(tmp_path: Path, aws_environ: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path)


def test_a_handler_that_does_not_import_is_told_once(shell: Shell) -> None:
    done = shell.run("loafer --processes 3 --source orders --handler no.such")
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "LOAFER_DEFAULT_ROUTE_HANDLER='no.such' (option --handler)" in line


def test_what_can_be_known_without_workers_is_told_before_there_are_any(shell: Shell) -> None:
    done = shell.run("LOAFER_MAX_JOBS=0 loafer --processes 3 --source memory://orders --handler no.such")
    assert (done.returncode, done.stdout) == (2, "")
    wrong = ["LOAFER_MAX_JOBS='0'", "LOAFER_DEFAULT_ROUTE_SOURCE='memory://orders'", "LOAFER_DEFAULT_ROUTE_HANDLER"]
    assert [key for key in wrong if done.stderr.count(f"loafer: {key}") == 1] == wrong
    assert len(done.stderr.splitlines()) == len(wrong)


def test_a_stop_does_not_wait_for_workers_that_are_still_starting(shell: Shell) -> None:
    shell.write("jobs.py", "import time\nprint('importing options:', flush=True)\ntime.sleep(60)\n")
    with shell.running("loafer --processes 2 --source orders --handler jobs.run") as worker:
        assert worker.stop() == 0
        assert "WARNING" not in worker.printed


def test_the_demo_needs_one_process_whatever_the_settings_say(shell: Shell) -> None:
    done = shell.run("LOAFER_PROCESSES=2 loafer demo --messages 12")
    assert (done.returncode, done.stderr) == (0, "")
