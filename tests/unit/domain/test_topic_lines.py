"""Every line that a check can say of a queue behind a topic, and of who may send to it, as it stands."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import pytest

from loafer.domain.checks.finding import Finding
from loafer.domain.checks.topic import SNS, Subscription, Translating, of_senders, of_subscription, topics_let
from loafer.domain.facts import QueueFacts

NEWS = "arn:aws:sns:eu-west-1:1:news"
LETS = {"Effect": "Allow", "Action": "SQS:SendMessage", "Principal": {"Service": SNS}}
QUEUE = QueueFacts(name="orders", arn="arn:aws:sqs:eu-west-1:1:orders", statements=[LETS])
OURS = Translating(name="Ours")


def lines(findings: Iterable[Finding]) -> list[str]:
    return [f"{each.level} {each.about}: {each.text}" for each in findings]


def sources(*arns: object, key: str = "aws:SourceArn") -> dict[str, Any]:
    return {**LETS, "Condition": {"ArnLike": {key: list(arns)}}}


RIGHT = "use loafer.aws.message_translator.SNSMessageTranslator, or raw delivery"


@pytest.mark.parametrize(
    ("raw", "does", "said"),
    [
        (False, Translating(name="Ours", opens=True), "OK topic news: in envelopes, read by Ours"),
        (False, Translating(name="Ours", own=True), "OK topic news: in envelopes, read by Ours"),
        (False, Translating(name="Ours", opens=True, insists=True), "OK topic news: in envelopes, read by Ours"),
        (False, OURS, f"ERROR topic news: in envelopes, and handlers get these from Ours: {RIGHT}"),
        (True, OURS, "OK topic news: raw, read by Ours"),
        (
            True,
            Translating(name="Ours", opens=True, insists=True),
            "ERROR topic news: raw, and Ours with topics or verify takes envelopes alone; switch raw delivery off",
        ),
    ],
)
def test_a_subscription_is_told_by_who_opens_its_envelopes(raw: bool, does: Translating, said: str) -> None:
    found = of_subscription(QUEUE, Subscription(topic=NEWS, raw=raw), does)
    assert lines(found) == [said]


def test_a_subscription_is_told_with_its_filter_its_policy_and_its_key() -> None:
    queue = attrs.evolve(QUEUE, statements=[], key="alias/aws/sqs")
    assert lines(of_subscription(queue, Subscription(topic=NEWS, raw=True, filter="{}"), OURS)) == [
        "OK topic news: raw, read by Ours",
        "OK filter policy: of news, what does not fit never comes: {}",
        f"ERROR queue policy: it does not let news send; allow sqs:SendMessage to {SNS} with aws:SourceArn {NEWS}",
        (
            "ERROR encryption: alias/aws/sqs: SNS may not use AWS's own key, so nothing of news comes; "
            "use SSE-SQS or a key of yours"
        ),
    ]
    ours = attrs.evolve(QUEUE, key="alias/ours")
    assert lines(of_subscription(ours, Subscription(topic=NEWS, raw=True), OURS)) == [
        "OK topic news: raw, read by Ours"
    ]


@pytest.mark.parametrize(
    ("statement", "lets"),
    [
        ({**LETS, "Principal": "*"}, True),
        ({**LETS, "Principal": {"AWS": ["*"]}}, True),
        ({**LETS, "Principal": None}, False),
        ({**LETS, "Action": "SQS:*"}, True),
        ({**LETS, "Action": "*"}, True),
        ({**LETS, "Action": ["sqs:ReceiveMessage", 5]}, False),
        ({**LETS, "Action": ("sqs:SendMessage",)}, True),
        ({"Action": "*", "Principal": "*"}, False),
        (sources(NEWS), True),
        (sources("arn:aws:sns:*:1:other", "arn:aws:sns:*:1:n?ws"), True),
        (sources("arn:aws:sns:*:1:other"), False),
        (sources("arn:aws:sns:*:1:other", key="aws:PrincipalArn"), True),
        ({**LETS, "Condition": "broken"}, True),
        ({**LETS, "Condition": {"ArnLike": "broken", "ArnEquals": {"AWS:SOURCEARN": "other"}}}, False),
    ],
    ids=str,
)
def test_a_statement_lets_a_topic_send_by_its_action_its_principal_and_its_condition(
    statement: Mapping[str, Any], lets: bool
) -> None:
    queue = attrs.evolve(QUEUE, statements=[{**LETS, "Effect": "Deny"}, statement])
    said = f"ERROR queue policy: it does not let news send; allow sqs:SendMessage to {SNS} with aws:SourceArn {NEWS}"
    found = lines(of_subscription(queue, Subscription(topic=NEWS, raw=True), OURS))
    assert found == ["OK topic news: raw, read by Ours", *([] if lets else [said])]


ANY_TOPIC = f"WARN queue policy: it lets {SNS} send for any topic of anybody; add a condition on aws:SourceArn"
EVERYBODY = "WARN queue policy: it lets everybody send; name who may, or add a condition"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (LETS, [ANY_TOPIC]),
        ({**LETS, "Condition": {"Bool": {"aws:SecureTransport": "true"}}}, [ANY_TOPIC]),
        (sources(NEWS), []),
        (sources("1", key="aws:SourceAccount"), []),
        (sources("o-1", key="AWS:SourceOrgID"), []),
        ({**LETS, "Principal": "*"}, [EVERYBODY]),
        ({**sources(NEWS), "Principal": "*"}, []),
        ({**LETS, "Principal": {"Service": SNS, "AWS": "*"}}, [ANY_TOPIC]),
        ({**sources(NEWS), "Principal": {"Service": SNS, "AWS": "*"}}, []),
        ({**LETS, "Effect": "Deny"}, []),
        ({**LETS, "Action": "sqs:ReceiveMessage"}, []),
        ({**LETS, "Principal": {"AWS": "arn:aws:iam::1:root"}}, []),
    ],
    ids=str,
)
def test_who_may_send_without_being_asked_for_more_is_told(statement: Mapping[str, Any], said: list[str]) -> None:
    denied = {**LETS, "Effect": "Deny"}
    assert lines(of_senders(attrs.evolve(QUEUE, statements=[denied, statement]))) == said


def test_the_topics_that_a_policy_names_are_told_once_each_and_in_their_order() -> None:
    other = "arn:aws:sns:eu-west-1:1:other"
    statements = [sources(other, NEWS, QUEUE.arn), sources("arn:aws:sns:*:1:all", "arn:aws:sns:eu-west-1:1:?"), LETS]
    assert topics_let(attrs.evolve(QUEUE, statements=[*statements, sources(NEWS)])) == [other, NEWS]
