"""Leases: what is held stays held, what is not is not run, and no settlement is lost between two receipts."""

import re
import sys
import time
from pathlib import Path

import pytest
from strict.hiring import POLLS, QUICK, hire, noted_of, once, runs_of
from strict.strict_control import StrictEndpoint
from workers import wait_until

pytestmark = pytest.mark.slow

NO_EXTENSION = {"ChangeMessageVisibility": {"denied": True}, "ChangeMessageVisibilityBatch": {"denied": True}}


def emptied(strict: StrictEndpoint, queue: str, seconds: float = 60) -> None:
    wait_until(lambda: strict.left(queue) == 0, seconds)


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_what_a_frozen_worker_was_answered_does_not_run_once_another_may_have_it(
    strict: StrictEndpoint, tmp_path: Path, queue: str
) -> None:
    strict.create(queue, VisibilityTimeout=2)
    with hire(tmp_path, "frozen", queue, "quick", ("--consumer-opts", POLLS % 5)) as frozen:
        wait_until(lambda: strict.calls("ReceiveMessage") > 0)
        frozen.freeze()
        strict.fill(queue, [{"n": number} for number in range(4)], list("abcd"))
        with hire(tmp_path, "other", queue, "quick") as other:
            emptied(strict, queue)
            frozen.thaw()
            strict.fill(queue, [{"n": 4}], ["e"])
            emptied(strict, queue)
            time.sleep(0.5)
            assert other.stop() == 0
        assert frozen.stop() == 0
    assert {event.worker for event in strict.history(queue, "received")} == {"frozen", "other"}
    assert runs_of(tmp_path) == once(5)


@pytest.mark.usefixtures("transport")
def test_what_a_frozen_worker_was_answered_runs_while_it_is_its_own(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue, _ = strict.create_redriven("orders.fifo", 1, VisibilityTimeout=40)
    with hire(tmp_path, "frozen", queue, "quick") as frozen:
        wait_until(lambda: strict.calls("ReceiveMessage") > 0)
        frozen.freeze()
        strict.fill(queue, [{"n": 0}], ["g"])
        time.sleep(13)  # longer than its poll may take
        frozen.thaw()
        emptied(strict, queue, 5)
        assert frozen.stop() == 0
    assert runs_of(tmp_path) == once(1)


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_what_was_on_its_way_for_long_does_not_run_once_another_has_done_it(
    strict: StrictEndpoint, tmp_path: Path, queue: str
) -> None:
    strict.create(queue, VisibilityTimeout=2)
    strict.fill(queue, [{"n": number} for number in range(4)], list("abcd"))
    strict.faults({"ReceiveMessage": {"after": 6, "times": 1}}, seed=2)  # whose dice give nearly all of it
    with hire(tmp_path, "late", queue, "quick", ("--consumer-opts", POLLS % 20)) as late:
        wait_until(lambda: bool(strict.history(queue, "received")))
        with hire(tmp_path, "other", queue, "quick") as other:
            emptied(strict, queue)
            strict.fill(queue, [{"n": 4}], ["e"])
            time.sleep(6)
            assert other.stop() == 0
        assert late.stop() == 0
    assert runs_of(tmp_path) == once(5)


def test_what_was_answered_to_a_blocked_loop_does_not_run_once_another_may_have_it(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=2)
    strict.fill(queue, [{"n": 0, "seconds": 6}])
    with hire(tmp_path, "blocked", queue, "blocks_the_loop_as_told", ("--consumer-opts", POLLS % 5)) as blocked:
        wait_until(lambda: len(noted_of(tmp_path)) == 1)
        strict.numbers(queue, 4, start=1)
        wait_until(lambda: len(strict.history(queue, "received")) > 1, 5)
        with hire(tmp_path, "other", queue, "quick") as other:
            emptied(strict, queue)
            time.sleep(0.5)
            assert other.stop() == 0
        assert blocked.stop() == 0
    assert runs_of(tmp_path) == once(5)


def test_extensions_go_out_though_the_queue_may_not_be_looked_up_any_more(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=6)
    strict.fill(queue, [{"n": 0, "seconds": 10}])
    with hire(tmp_path, "one", queue, "takes_as_long_as_told") as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 1)
        strict.faults({"GetQueueUrl": {"denied": True}, "GetQueueAttributes": {"throttled": 1}})
        emptied(strict, queue)
        assert worker.stop() == 0
    assert strict.history(queue, "expired") == []
    assert runs_of(tmp_path) == once(1)


CREDENTIAL_PROCESS = """
import json, os, sys, time
from datetime import datetime, timedelta, UTC
with open("asked", "a") as file:
    file.write("x")
first = os.stat("asked").st_size <= 2
time.sleep(0 if first else 3)
expires = datetime.now(UTC) + timedelta(seconds=904 if first else 7200)
print(json.dumps({"Version": 1, "AccessKeyId": "k", "SecretAccessKey": "s", "SessionToken": "t",
                  "Expiration": expires.isoformat()}))
"""
"""Credentials that must be refreshed after four seconds; a refresh takes three seconds more."""


def test_a_slow_refresh_of_credentials_costs_no_lease(strict: StrictEndpoint, tmp_path: Path) -> None:
    (tmp_path / "credentials.py").write_text(CREDENTIAL_PROCESS)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {tmp_path}/credentials.py\n")
    queue = strict.create("orders", VisibilityTimeout=3)
    strict.fill(queue, [{"n": number, "seconds": 9} for number in range(5)])
    environ = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "AWS_ACCESS_KEY_ID": ""}
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", QUICK, **environ) as worker:
        emptied(strict, queue)
        assert worker.stop() == 0
        assert len((worker.folder / "asked").read_text()) <= 4
    assert runs_of(tmp_path) == once(5)
    assert len(strict.history(queue, "received")) == 5


def test_a_message_whose_extension_is_denied_runs_once_in_its_worker_and_is_warned_of_at_once(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=3)
    strict.fill(queue, [{"n": number, "seconds": 5} for number in range(3)])
    strict.faults(NO_EXTENSION)
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told") as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 3)
        wait_until(lambda: re.search("WARNING.*denied", worker.printed) is not None, 3)
        emptied(strict, queue)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == once(3)


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_an_acknowledgement_by_an_old_receipt_goes_out_again_by_the_newer_one(
    strict: StrictEndpoint, tmp_path: Path, queue: str
) -> None:
    strict.create(queue, VisibilityTimeout=3)
    strict.fill(queue, [{"n": 0, "seconds": 2}], ["g"])
    strict.faults({**NO_EXTENSION, "DeleteMessageBatch": {"hold": 2, "times": 1}})
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told") as worker:
        emptied(strict, queue)
        assert worker.stop() == 0
    assert [event.what for event in strict.history(queue) if event.what in {"received", "deleted"}] == [
        "received",
        "received",
        "deleted",
    ]
    assert runs_of(tmp_path) == once(1)


def test_a_visibility_timeout_that_is_lowered_while_a_worker_runs_costs_no_lease(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=30)
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told") as worker:
        wait_until(lambda: strict.calls("ReceiveMessage") > 0)
        strict.call("SetQueueAttributes", QueueUrl=queue, Attributes={"VisibilityTimeout": "2"})
        time.sleep(1.2)  # polls that were open before are over
        strict.fill(queue, [{"n": number, "seconds": 4} for number in range(5)])
        emptied(strict, queue)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == once(5)
    assert len(strict.history(queue, "received")) == 5


def test_a_message_can_be_wanted_back_in_twelve_hours(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue = strict.create("orders")
    strict.numbers(queue, 3)
    with hire(tmp_path, "worker", queue, "wants_it_back_in_12_hours") as worker:
        wait_until(lambda: len(strict.history(queue, "extended", "refused")) == 3)
        assert worker.stop() == 0
    assert strict.history(queue, "refused") == []
    assert all(43_200 - 120 < int(event.detail) < 43_200 for event in strict.history(queue, "extended"))


def test_an_extension_that_crosses_its_messages_acknowledgement_is_no_lost_lease(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=3)
    strict.fill(queue, [{"n": number, "seconds": 0.5 + number % 20 / 20} for number in range(60)])
    strict.faults({"ChangeMessageVisibilityBatch": {"hold": 0.4}})
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", (*QUICK, "--max-jobs", "20")) as worker:
        emptied(strict, queue)
        assert worker.stop() == 0
        assert [line for line in worker.printed.splitlines() if re.search("lost|ended|stale", line)] == []
    assert strict.history(queue, "refused")  # they did cross
    assert runs_of(tmp_path) == once(60)


def overtaken(strict: StrictEndpoint, folder: Path, queue: str) -> str:
    """Return what a worker logs that is frozen with a message until another one runs it, and goes on meanwhile."""
    strict.create(queue, VisibilityTimeout=2)
    strict.fill(queue, [{"n": 0, "seconds": 5}], ["g"])
    with hire(folder, "frozen", queue, "takes_as_long_as_told") as frozen:
        wait_until(lambda: len(noted_of(folder)) == 1)
        frozen.freeze()
        with hire(folder, "other", queue, "takes_as_long_as_told") as other:
            wait_until(lambda: len(noted_of(folder)) == 2)
            frozen.thaw()
            emptied(strict, queue)
            assert other.stop() == 0
        assert frozen.stop() == 0
    assert runs_of(folder) == {"0": 2}
    return frozen.printed


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_a_lease_that_localstack_calls_lost_is_lost(strict: StrictEndpoint, tmp_path: Path, queue: str) -> None:
    strict.lost_leases_are("InvalidParameterValueException")
    assert "lease is lost" in overtaken(strict, tmp_path, queue)
    assert len([event for event in strict.history(queue, "refused") if event.worker == "frozen"]) <= 2


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_an_acknowledgement_that_comes_too_late_is_told_as_stale(
    strict: StrictEndpoint, tmp_path: Path, queue: str
) -> None:
    assert "stale" in overtaken(strict, tmp_path, queue)
