"""A stop: it adds no receive, waits for nobody too long, and is over in time whatever was left behind."""

import os
import signal
import time
from pathlib import Path

import pytest
from strict.hiring import POLLS, QUICK, hire, noted_of, once, runs_of
from strict.strict_control import StrictEndpoint
from workers import Worker, wait_until

from loafer.entrypoints.worker.signals import ONE_SIGNAL

pytestmark = pytest.mark.slow

BUSY = ("--max-jobs", "2", "--prefetch", "20")
SLACK = 1.0
"""Seconds by which a loaded machine may be late."""


def stopped_within(worker: Worker, seconds: float) -> int:
    """Stop a worker and return its exit status; TimeoutExpired if it takes longer."""
    return worker.stop(seconds + SLACK)


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_a_stop_adds_no_receive_to_what_was_waiting(strict: StrictEndpoint, tmp_path: Path, queue: str) -> None:
    strict.create_redriven(queue, 2)
    strict.fill(queue, [{"n": number, "seconds": 0.01} for number in range(20)], [str(number) for number in range(20)])
    options = ("--consumer-opts", POLLS % 5, "--max-jobs", "2", "--prefetch", "40")
    with hire(tmp_path, "first", queue, "takes_as_long_as_told", options) as first:
        wait_until(lambda: strict.left(queue) == 0)  # it knows now that its handlers are quick, and takes what it can
        strict.fill(queue, [{"n": n, "seconds": 1} for n in range(20, 40)], [str(number) for number in range(20)])
        wait_until(lambda: len(strict.history(queue, "received")) >= 40, every=0.01)
        assert first.stop() == 0
    assert strict.counts(queue)["in_flight"] == 0
    assert {event.receives for event in strict.history(queue, "received")} == {1}
    with hire(tmp_path, "second", queue, "quick") as second:
        wait_until(lambda: strict.left(queue) == 0)
        assert second.stop() == 0
    assert strict.history(queue, "moved") == []
    assert runs_of(tmp_path) == once(40)


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_what_waits_at_its_last_receive_runs_before_the_stop_is_over(
    strict: StrictEndpoint, tmp_path: Path, queue: str
) -> None:
    strict.create_redriven(queue, 2)
    strict.fill(queue, [{"n": number, "seconds": 0.3} for number in range(20)], [str(number) for number in range(20)])
    for name in ("first", "second"):
        with hire(tmp_path, name, queue, "stops_its_worker_at_the_third", (*QUICK, *BUSY)) as worker:
            assert worker.process.wait(60) == 0
    received = {event.id for event in strict.history(queue, "received") if event.receives == 2}
    assert len(received) > 4  # more than had begun when the second one was stopped
    assert received <= {event.id for event in strict.history(queue, "deleted")}
    assert strict.left(queue)
    with hire(tmp_path, "third", queue, "quick") as worker:
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
    assert strict.history(queue, "moved") == []
    assert runs_of(tmp_path) == once(20)


def test_an_idle_worker_is_gone_within_six_seconds(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders")
    with hire(tmp_path, "worker", queue, "quick", ("--consumer-opts", POLLS % 20)) as worker:
        wait_until(lambda: strict.calls("ReceiveMessage") > 0)
        assert stopped_within(worker, 6) == 0


def test_a_worker_with_long_handlers_is_gone_before_kubernetes_kills_it(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders")
    strict.fill(queue, [{"n": number, "seconds": 40} for number in range(3)])
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", ("--consumer-opts", POLLS % 20)) as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 3)
        assert stopped_within(worker, 28) == 0
    wait_until(lambda: strict.counts(queue)["visible"] == 3, 20)  # once no aborted poll can take them


@pytest.mark.parametrize(
    "handler",
    [
        "leaves_a_task_that_swallows_its_cancellation",
        "takes_40_s_to_clean_up",
        "leaves_the_loops_own_threads_busy",
        "stays_in_its_thread",
    ],
)
def test_a_stop_is_bounded_whatever_handlers_leave_behind(strict: StrictEndpoint, tmp_path: Path, handler: str) -> None:
    queue = strict.create("orders")
    strict.numbers(queue, 1)
    with hire(tmp_path, "worker", queue, handler, (*QUICK, "--grace-period", "1")) as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 1)
        time.sleep(0.2)
        assert stopped_within(worker, 1 + 8) == 0


def test_a_stop_is_bounded_even_if_a_handler_leaves_a_thread_that_is_no_daemon(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders")
    strict.numbers(queue, 1)
    options = (*QUICK, "--grace-period", "1")
    with hire(tmp_path, "worker", queue, "leaves_a_thread_that_is_no_daemon", options) as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 1)
        assert stopped_within(worker, 1 + 8) == 0


def test_a_second_signal_gives_back_what_it_cancels(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders")
    strict.fill(queue, [{"n": number, "seconds": 30} for number in range(3)])
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told") as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 3)
        worker.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping: " in worker.printed)  # the first one was heard
        time.sleep(ONE_SIGNAL)
        assert stopped_within(worker, 3) == 0
    wait_until(lambda: strict.counts(queue)["visible"] == 3, 15)  # once no aborted poll can take them


def test_two_signals_fifty_milliseconds_apart_are_one(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders")
    strict.fill(queue, [{"n": number, "seconds": 1.5} for number in range(3)])
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", ("--consumer-opts", POLLS % 5)) as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 3)
        worker.process.send_signal(signal.SIGTERM)
        time.sleep(0.05)
        assert worker.stop() == 0
    assert [event.what for event in strict.history(queue, "deleted", "released")] == ["deleted"] * 3
    assert strict.left(queue) == 0


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
