"""The rules of `loafer check` by themselves: what they say of a queue, its dead-letter queue, and who may send."""

from collections.abc import Iterable
from typing import Any

import attrs
import pytest

from loafer.domain.checks.finding import Finding, Level
from loafer.domain.checks.queue import of_queue, of_redrive
from loafer.domain.checks.topic import SNS, Subscription, Translating, of_senders, of_subscription
from loafer.domain.facts import QueueFacts
from loafer.domain.permissions import AWS_OWN

QUEUE = QueueFacts(name="orders", arn="arn:aws:sqs:eu-west-1:1:orders")
TOPIC = "arn:aws:sns:eu-west-1:1:news"
OPENS = Translating(name="ours", opens=True)
SENDS = {"Effect": "Allow", "Action": "sqs:SendMessage", "Principal": {"Service": SNS}, "Resource": QUEUE.arn}


def words(findings: Iterable[Finding]) -> list[tuple[Level, str]]:
    return [(finding.level, finding.about) for finding in findings]


def test_a_queue_is_described_by_what_is_known_of_it() -> None:
    busy = attrs.evolve(QUEUE, managed_key=True, visible=3, in_flight=2, delayed=1)
    assert [finding.text for finding in of_queue(busy)] == ["standard, SSE-SQS, 3 waiting, 2 in flight, 1 delayed"]


@pytest.mark.parametrize(
    ("scope", "limit", "level", "says"),
    [
        ("messageGroup", "perMessageGroupId", Level.OK, "high"),
        ("queue", "perQueue", Level.OK, "300 calls a second of each kind"),
        ("messageGroup", "perQueue", Level.WARN, "still 300 calls a second"),
    ],
)
def test_the_throughput_of_a_fifo_queue_is_that_of_both_its_settings(
    scope: str, limit: str, level: Level, says: str
) -> None:
    queue = attrs.evolve(QUEUE, name="orders.fifo", deduplication_scope=scope, throughput_limit=limit)
    found = list(of_queue(queue))[-1]
    assert (found.level, found.about) == (level, "throughput")
    assert says in found.text


@pytest.mark.parametrize(("kept", "dead_kept"), [(None, 9), (9, None)])
def test_nothing_is_said_of_a_retention_that_is_not_known(kept: int | None, dead_kept: int | None) -> None:
    queue = attrs.evolve(QUEUE, dead_letters="arn:aws:sqs:eu-west-1:1:dead", max_receive_count=5, retention=kept)
    dead = QueueFacts(name="dead", arn="arn:aws:sqs:eu-west-1:1:dead", retention=dead_kept)
    assert "retention" not in [about for _, about in words(of_redrive(queue, dead, None, None))]


@pytest.mark.parametrize(
    ("changes", "lets"),
    [
        ({}, True),
        ({"Action": ["sqs:ReceiveMessage", "sqs:SendMessage"]}, True),
        ({"Action": None}, False),
        ({"Effect": "Deny"}, False),
        ({"Principal": {"AWS": "arn:aws:iam::1:root"}}, False),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:news"}}}, True),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:*:olds"}}}, False),
    ],
    ids=str,
)
def test_a_topic_may_send_where_a_statement_lets_it(changes: dict[str, Any], lets: bool) -> None:
    queue = attrs.evolve(QUEUE, statements=[{**SENDS, **changes}])
    found = words(of_subscription(queue, Subscription(topic=TOPIC), OPENS))
    assert ((Level.ERROR, "queue policy") in found) is not lets


def test_nothing_of_a_topic_comes_to_a_queue_that_awss_own_key_encrypts() -> None:
    queue = attrs.evolve(QUEUE, statements=[SENDS], key=f"alias/{AWS_OWN}")
    assert (Level.ERROR, "encryption") in words(of_subscription(queue, Subscription(topic=TOPIC), OPENS))


def test_statements_that_let_nobody_send_are_not_spoken_of() -> None:
    denied = {**SENDS, "Effect": "Deny", "Principal": "*"}
    other = {**SENDS, "Action": "sqs:ReceiveMessage", "Principal": "*"}
    assert list(of_senders(attrs.evolve(QUEUE, statements=[denied, other]))) == []
    assert words(of_senders(attrs.evolve(QUEUE, statements=[SENDS]))) == [(Level.WARN, "queue policy")]
