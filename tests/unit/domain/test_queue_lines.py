"""Every line that a check can say of a queue and its dead-letter queue, as it stands."""

from collections.abc import Iterable
from typing import Any

import attrs
import pytest

from loafer.domain.checks.finding import Finding, lasting
from loafer.domain.checks.queue import of_queue, of_redrive, of_visibility
from loafer.domain.facts import QueueFacts

DAY, ARN = 86_400, "arn:aws:sqs:eu-west-1:1:"
ORDERS = QueueFacts(name="orders", arn=f"{ARN}orders", dead_letters=f"{ARN}dead", max_receive_count=5)
DEAD = QueueFacts(name="dead", arn=f"{ARN}dead")
PAY = attrs.evolve(ORDERS, name="pay.fifo", arn=f"{ARN}pay.fifo", dead_letters=f"{ARN}dead.fifo")
PAY_DEAD = attrs.evolve(DEAD, name="dead.fifo", arn=f"{ARN}dead.fifo")


def lines(findings: Iterable[Finding]) -> list[str]:
    return [f"{each.level} {each.about}: {each.text}" for each in findings]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.25, "0.2 s"),
        (1.5, "1.5 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61.9, "1 min 1 s"),
        (90, "1 min 30 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h"),
        (3659, "1 h"),
        (5400, "1 h 30 min"),
        (DAY - 1, "23 h 59 min"),
        (DAY, "1 d"),
        (DAY + 3599, "1 d"),
        (DAY + 7200, "1 d 2 h"),
        (14 * DAY, "14 d"),
    ],
)
def test_a_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "standard, 0 waiting"),
        ({"retention": DAY}, "standard, 0 waiting"),
        (
            {"visibility_timeout": 0, "key": "alias/k", "managed_key": True},
            "standard, VT 0 s, SSE-KMS alias/k, 0 waiting",
        ),
        (
            {"managed_key": True, "in_flight": 1, "delayed": 1, "visible": 2},
            "standard, SSE-SQS, 2 waiting, 1 in flight, 1 delayed",
        ),
    ],
    ids=str,
)
def test_a_queue_is_told_by_what_it_is(changes: dict[str, Any], said: str) -> None:
    assert lines(of_queue(attrs.evolve(ORDERS, **changes))) == [f"OK orders: {said}"]


def test_of_a_queue_whose_attributes_may_not_be_read_nothing_else_is_told() -> None:
    text = "sqs:GetQueueAttributes is denied: the worker assumes 30 s of visibility and no redrive policy; allow it"
    unknown = attrs.evolve(PAY, known=False, visible=9, visibility_timeout=30, retention=60)
    assert lines(of_queue(unknown)) == ["OK pay.fifo: FIFO", f"ERROR permissions: {text}"]


def test_a_retention_of_less_than_a_day_is_told() -> None:
    text = "23 h 59 min: what waits for longer, as in an outage, is lost; use 4 d or more"
    assert lines(of_queue(attrs.evolve(ORDERS, retention=DAY - 1)))[1:] == [f"WARN retention: {text}"]


BOTH = "still 300 calls a second; high throughput needs messageGroup and perMessageGroupId, both"
PLAIN = "OK throughput: DeduplicationScope=queue, FifoThroughputLimit=perQueue: 300 calls a second of each kind"


@pytest.mark.parametrize(
    ("scope", "limit", "said"),
    [
        (None, None, PLAIN),
        ("queue", "perQueue", PLAIN),
        (
            "messageGroup",
            "perMessageGroupId",
            "OK throughput: DeduplicationScope=messageGroup, FifoThroughputLimit=perMessageGroupId: high",
        ),
        (
            "messageGroup",
            None,
            f"WARN throughput: DeduplicationScope=messageGroup, FifoThroughputLimit=perQueue: {BOTH}",
        ),
    ],
)
def test_a_fifo_queue_is_told_with_its_throughput(scope: str | None, limit: str | None, said: str) -> None:
    queue = attrs.evolve(PAY, deduplication_scope=scope, throughput_limit=limit)
    assert lines(of_queue(queue)) == ["OK pay.fifo: FIFO, 0 waiting", said]


LONG = "what a crashed worker had comes back only then; loafer extends it, so use 30 s"
SHORT = "a pause as long as that, of a machine or a network, loses messages; use 30 s"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (9, f"WARN visibility: 9 s: {SHORT}"),
        (10, "OK visibility: 10 s, extended while handlers run"),
        (900, "OK visibility: 15 min, extended while handlers run"),
        (901, f"WARN visibility: 15 min 1 s: {LONG}"),
    ],
)
def test_a_visibility_timeout_is_neither_too_short_nor_too_long(seconds: int, said: str) -> None:
    assert lines(of_visibility(seconds)) == [said]


COMES_BACK = "none: a message that always fails comes back until its retention ends"
SET_ONE = "set one, with a dead-letter queue"
POLICY = ["OK redrive policy: to dead after 5 receives", "OK maxReceiveCount: 5"]


@pytest.mark.parametrize(
    ("queue", "moves", "said"),
    [
        ({"dead_letters": None}, None, f"{COMES_BACK}; {SET_ONE}"),
        ({"max_receive_count": None}, None, f"{COMES_BACK}; {SET_ONE}"),
        ({"dead_letters": None, "retention": 4 * DAY}, None, f"{COMES_BACK} (4 d); {SET_ONE}"),
        ({"dead_letters": None, "name": "a.fifo"}, None, f"{COMES_BACK}, and its group waits behind it; {SET_ONE}"),
        ({"dead_letters": None}, 1, "none, and Retry(dead_letter_after=1) needs one: the worker does not start"),
    ],
    ids=str,
)
def test_a_queue_without_a_redrive_policy_is_told_what_becomes_of_it(
    queue: dict[str, Any], moves: int | None, said: str
) -> None:
    assert lines(of_redrive(attrs.evolve(ORDERS, **queue), None, None, moves)) == [f"ERROR redrive policy: {said}"]


@pytest.mark.parametrize(
    ("dead", "missing", "wrong"),
    [
        (DEAD, None, ""),
        (None, None, ""),
        (attrs.evolve(DEAD, takes_from=[ORDERS.arn]), None, ""),
        (None, "not allowed", ", and that cannot be read: not allowed"),
        (
            attrs.evolve(DEAD, takes_from=[f"{ARN}others"]),
            None,
            ", whose redrive allow policy does not let orders in; add its ARN",
        ),
    ],
    ids=["sound", "not read", "let in", "missing", "kept out"],
)
def test_a_redrive_policy_is_told_with_what_is_wrong_with_it(
    dead: QueueFacts | None, missing: str | None, wrong: str
) -> None:
    said = [f"ERROR redrive policy: to dead{wrong}", POLICY[1]] if wrong else POLICY
    assert lines(of_redrive(ORDERS, dead, missing, None)) == said


@pytest.mark.parametrize(("queue", "dead"), [(ORDERS, "dead.fifo"), (PAY, "dead")], ids=["standard", "FIFO"])
def test_a_dead_letter_queue_is_of_its_queues_kind(queue: QueueFacts, dead: str) -> None:
    text = "the dead-letter queue of a FIFO queue is FIFO, and of a standard queue standard"
    found = of_redrive(attrs.evolve(queue, dead_letters=f"{ARN}{dead}"), None, None, None)
    assert lines(found)[0] == f"ERROR redrive policy: to {dead}: {text}"


ONE = "WARN maxReceiveCount: 1: one crash dead-letters, and nothing is prefetched; use 3 or more"


@pytest.mark.parametrize(
    ("attempts", "moves", "said"),
    [
        (1, None, ONE),
        (1, 1, ONE),
        (2, None, "OK maxReceiveCount: 2"),
        (2, 2, "OK maxReceiveCount: 2"),
        (2, 3, "WARN maxReceiveCount: 2: SQS moves a message before Retry(dead_letter_after=3) does; use 5 or more"),
    ],
)
def test_attempts_are_told_with_those_after_which_a_worker_moves(attempts: int, moves: int | None, said: str) -> None:
    queue = attrs.evolve(ORDERS, max_receive_count=attempts)
    assert lines(of_redrive(queue, None, None, moves))[1:] == [said]


FIRST = "left (the time counts from its first enqueuing)"
LESS = "use less on the queue, 4 d, and 14 d there"


@pytest.mark.parametrize(
    ("kept", "dead_kept", "wrong"),
    [
        ("4 d", "14 d", ""),
        ("4 d", "4 d", f": a message that dies after 3 d has 1 d {FIRST}; use 14 d"),
        ("4 d", "1 d", f": a message that dies after 3 d has 0 s {FIRST}; use 14 d"),
        ("14 d", "14 d", f": a message that dies after 10 d 12 h has 3 d 12 h {FIRST}; {LESS}"),
    ],
)
def test_a_standard_dead_letter_queue_keeps_longer_than_its_queue(kept: str, dead_kept: str, wrong: str) -> None:
    queue, dead = (
        attrs.evolve(each, retention=int(days[:-2]) * DAY) for each, days in ((ORDERS, kept), (DEAD, dead_kept))
    )
    said = f"retention: orders {kept}, dead {dead_kept}"
    sentence = f"ERROR {said}{wrong} for the dead-letter queue" if wrong else f"OK {said}"
    assert lines(of_redrive(queue, dead, None, None))[2:] == [sentence]


def test_what_is_left_of_a_short_retention_is_told_in_whole_seconds() -> None:
    queue, dead = attrs.evolve(ORDERS, retention=61), attrs.evolve(DEAD, retention=61)
    [line] = lines(of_redrive(queue, dead, None, None))[2:]
    assert f"a message that dies after 45 s has 16 s {FIRST}" in line


def test_a_fifo_dead_letter_queue_counts_anew() -> None:
    queue, dead = attrs.evolve(PAY, retention=4 * DAY), attrs.evolve(PAY_DEAD, retention=DAY)
    assert lines(of_redrive(queue, dead, None, None))[2:] == ["OK retention: pay.fifo 4 d, dead.fifo 1 d"]


def test_dead_letters_that_wait_are_told_where_that_is_known() -> None:
    waits = attrs.evolve(DEAD, visible=1)
    said = "WARN dead: 1 dead letters wait; loafer dlq stats dead"
    assert lines(of_redrive(ORDERS, waits, None, None)) == [*POLICY, said]
    assert lines(of_redrive(ORDERS, attrs.evolve(waits, known=False), None, None)) == POLICY
