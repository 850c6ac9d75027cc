"""What is denied, or answered by something that is not SQS: who is told, what goes on, and what must not."""

from pathlib import Path

import pytest
from strict.hiring import QUICK, hire, noted_of, once, runs_of
from strict.strict_control import StrictEndpoint
from strict.strict_faults import UNCODED
from workers import wait_until

pytestmark = pytest.mark.slow

NO_DELETION = {"DeleteMessage": {"denied": True}, "DeleteMessageBatch": {"denied": True}}


@pytest.mark.parametrize("answer", UNCODED)
def test_an_answer_without_a_code_of_sqs_to_an_acknowledgement_makes_nothing_run_again(
    strict: StrictEndpoint, tmp_path: Path, answer: str
) -> None:
    queue = strict.create("orders", VisibilityTimeout=3)
    strict.numbers(queue, 10)
    strict.faults({"DeleteMessageBatch": {"uncoded": answer, "times": 1}})
    with hire(tmp_path, "worker", queue, "quick") as worker:
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == once(10)


@pytest.mark.parametrize("answer", UNCODED)
def test_a_worker_outlives_an_answer_without_a_code_of_sqs_to_a_poll(
    strict: StrictEndpoint, tmp_path: Path, answer: str
) -> None:
    queue = strict.create("orders")
    strict.numbers(queue, 5)
    with hire(tmp_path, "worker", queue, "quick") as worker:
        wait_until(lambda: strict.left(queue) == 0)
        strict.faults({"ReceiveMessage": {"uncoded": answer, "times": 2}})
        polls = strict.calls("ReceiveMessage")
        wait_until(lambda: strict.calls("ReceiveMessage") > polls + 2)
        strict.numbers(queue, 5, start=5)
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
        assert "Traceback" not in worker.printed
    assert runs_of(tmp_path) == once(10)


def test_a_worker_that_may_never_delete_ends_with_one_line_and_has_run_no_more_than_it_can_run_at_once(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=3)
    strict.fill(queue, [{"n": number, "seconds": 0.2} for number in range(50)])
    strict.faults(NO_DELETION)
    options = (*QUICK, "--max-jobs", "5", "--grace-period", "1")
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", options) as worker:
        assert worker.process.wait(60) == 1
        [line] = [line for line in worker.printed.splitlines() if line.startswith("loafer: ")]
        assert "denied" in line
        assert "orders" in line
    assert len(noted_of(tmp_path)) <= 10


def test_nothing_new_starts_while_deletions_are_denied_and_all_goes_on_afterwards(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=3)
    strict.numbers(queue, 5)
    with hire(tmp_path, "worker", queue, "takes_as_long_as_told", (*QUICK, "--max-jobs", "5")) as worker:
        wait_until(lambda: strict.left(queue) == 0)
        strict.faults(NO_DELETION)
        strict.fill(queue, [{"n": number, "seconds": 0.2} for number in range(5, 55)])
        wait_until(lambda: "denied" in worker.printed)
        started = len(noted_of(tmp_path))
        assert started <= 5 + 10
        calls = strict.calls("DeleteMessageBatch")
        wait_until(lambda: strict.calls("DeleteMessageBatch") > calls + 2)
        assert len(noted_of(tmp_path)) <= started + 5
        strict.faults({})
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == once(55)


def test_a_poison_head_does_not_stop_its_group_where_the_redrive_policy_cannot_be_read(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue, dead_letters = strict.create_redriven("orders.fifo", 3, VisibilityTimeout=10)
    strict.fill(queue, [{"n": "fails"}, *({"n": n} for n in range(5))], ["g"] * 6)
    strict.faults({"GetQueueAttributes": {"denied": True}})
    with hire(tmp_path, "worker", queue, "fails_where_told", (*QUICK, "--retry-delay", "0")) as worker:
        wait_until(lambda: strict.left(queue) == 0)
        assert worker.stop() == 0
    assert runs_of(tmp_path) == {"fails": 3, **once(5)}
    assert [what for what, _ in noted_of(tmp_path)][3:] == ["0", "1", "2", "3", "4"]
    assert strict.left(dead_letters) == 1
    assert max(event.receives for event in strict.history(queue, "deleted")) <= 2
