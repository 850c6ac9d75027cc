"""A stop: it adds no receive, waits for nobody too long, and is over in time whatever was left behind."""

import os
import time
from pathlib import Path

from strict.hiring import QUICK, hire, noted_of, once, runs_of
from strict.strict_control import StrictEndpoint
from workers import Worker, wait_until

BUSY = ("--max-jobs", "1", "--prefetch", "20")
SLACK = 1.0
"""Seconds by which a loaded machine may be late."""


def stopped_within(worker: Worker, seconds: float) -> int:
    """Stop a worker and return its exit status; TimeoutExpired if it takes longer."""
    return worker.stop(seconds + SLACK)


def test_a_log_that_nobody_reads_costs_no_lease_and_holds_up_no_stop(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders", VisibilityTimeout=2)
    strict.fill(queue, [*({"n": number, "seconds": 5} for number in range(5)), {"n": 5}])
    (tmp_path / "worker").mkdir()
    os.mkfifo(tmp_path / "worker" / "log")
    unread = os.open(tmp_path / "worker" / "log", os.O_RDONLY | os.O_NONBLOCK)
    options = (*QUICK, "--grace-period", "1")
    worker = hire(tmp_path, "worker", queue, "floods_the_log", options)
    try:
        wait_until(lambda: len(noted_of(tmp_path)) == 6)
        time.sleep(4)
        assert len(strict.history(queue, "received")) == 6
        stopped_within(worker, 1 + 8)
    finally:
        worker.process.kill()
        worker.process.wait()
        os.close(unread)
    assert runs_of(tmp_path) == once(6)
