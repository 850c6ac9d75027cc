"""Nothing is lost on the way to a dead-letter queue, and nothing is there that somebody else has or had."""

import json
import time
from pathlib import Path

import pytest
from strict.hiring import QUICK, hire, noted_of, runs_of
from strict.strict_control import StrictEndpoint
from workers import wait_until

pytestmark = pytest.mark.slow

FAILING = (*QUICK, "--retry-delay", "0")


def numbers(strict: StrictEndpoint, queue: str) -> list[str]:
    """Return the numbers of all that a queue ever stored."""
    return [json.loads(event.detail)["n"] for event in strict.history(queue, "sent")]


def dead_lettered(strict: StrictEndpoint, folder: Path, name: str, queue: str) -> None:
    """Have everything on a queue fail until it is on the dead-letter queue."""
    with hire(folder, name, queue, "takes_as_long_as_told", FAILING, FAILS="1") as worker:
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0


def test_fifo_queues_that_share_a_dead_letter_queue_may_share_deduplication_ids(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    for queue in ("first.fifo", "second.fifo"):
        strict.create_redriven(queue, 2, dead="dead.fifo")
        strict.fill(queue, [{"n": queue}], ["g"], deduplication="same")
        dead_lettered(strict, tmp_path, queue, queue)
    assert numbers(strict, "dead.fifo") == ["first.fifo", "second.fifo"]


def test_a_queue_that_deduplicates_by_group_loses_nothing_that_is_dead_lettered(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 2, DeduplicationScope="messageGroup")
    strict.fill(queue, [{"n": "a"}, {"n": "b"}], ["g", "h"], deduplication="same")
    dead_lettered(strict, tmp_path, "worker", queue)
    assert sorted(numbers(strict, dead_letters)) == ["a", "b"]


def test_a_message_that_was_redriven_is_dead_lettered_again_within_five_minutes(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 2)
    strict.fill(queue, [{"n": "a"}], ["g"])
    dead_lettered(strict, tmp_path, "first", queue)
    strict.redrive(dead_letters, queue)
    dead_lettered(strict, tmp_path, "second", queue)
    assert numbers(strict, dead_letters) == ["a", "a"]
    assert strict.left(dead_letters) == 1


def test_a_copy_whose_confirmation_was_lost_is_on_the_dead_letter_queue_once(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 2)
    strict.fill(queue, [{"n": "a"}, {"n": "b"}], ["g", "g"])
    strict.faults({"SendMessage": {"lost": 1, "times": 1}})
    dead_lettered(strict, tmp_path, "worker", queue)
    assert numbers(strict, dead_letters) == ["a", "b"]
    assert runs_of(tmp_path) == {"a": 2, "b": 2}


def test_nothing_is_dead_lettered_that_another_worker_has_done_meanwhile(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 2, VisibilityTimeout=2)
    strict.fill(queue, [json.dumps({"n": 0, "seconds": 1})], ["g"])
    with hire(tmp_path, "fails", queue, "takes_as_long_as_told", FAILING, FAILS="1") as fails:
        wait_until(lambda: len(noted_of(tmp_path)) == 2, every=0.01)
        fails.freeze()
        with hire(tmp_path, "succeeds", queue, "takes_as_long_as_told") as succeeds:
            wait_until(lambda: strict.left(queue) == 0)
            fails.thaw()
            wait_until(lambda: "failed" in fails.printed.rpartition("failed")[0])
            assert succeeds.stop() == 0
        assert fails.stop() == 0
    assert strict.history(dead_letters) == []


def test_what_was_moved_while_its_worker_was_frozen_does_not_run_again(strict: StrictEndpoint, tmp_path: Path) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 2, VisibilityTimeout=4)
    strict.fill(queue, [{"n": "a"}], ["g"])
    strict.faults({"SendMessage": {"after": 0.5}})
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", FAILING, FAILS="1") as worker:
        wait_until(lambda: len(strict.history(dead_letters, "sent")) > 0, every=0.01)
        worker.freeze()
        time.sleep(6)
        worker.thaw()
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == {"a": 2}
    assert numbers(strict, dead_letters) == ["a"]
