"""`loafer check` over the real protocol: what is denied is named, what is broken is found, and nothing is received."""

import json
from collections.abc import AsyncIterator, Mapping

import attrs
import pytest
from endpoints import (
    client,
    create_queue,
    create_redriven_queue,
    create_topic,
    queue_arn,
    set_attributes,
    subscribe,
    unique,
)
from strict.strict_control import StrictEndpoint

from loafer.adapters.aws.reader import AWSReader
from loafer.application.survey import Survey
from loafer.domain.checks.finding import Finding, Level
from loafer.domain.checks.topic import Translating
from loafer.domain.facts import Place
from loafer.domain.uses import Destination, Source, Uses

JSON = Translating(name="SQSMessageTranslator")
OPENS = Translating(name="SNSMessageTranslator", opens=True)
FORTNIGHT = "1209600"


@pytest.fixture
async def reader() -> AsyncIterator[AWSReader]:
    made = AWSReader()
    yield made
    await made.close()


async def found(reader: AWSReader, queue: str, translating: Translating = JSON) -> list[Finding]:
    source = Source(place=Place(text=queue), route="orders", translating=translating)
    survey = Survey(reader=reader, probes=True, p99={queue: 0.1})
    of = await survey.findings(Uses(sources=(source,), grace_period=2))
    return [each for findings in of.values() for each in findings]


def wrong(findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if each.level in {Level.WARN, Level.ERROR}]


def sound(strict: StrictEndpoint) -> str:
    queue, _ = strict.create_redriven("orders", 5, VisibilityTimeout=30)
    strict.call("SetQueueAttributes", QueueUrl="/orders-dead", Attributes={"MessageRetentionPeriod": FORTNIGHT})
    return queue


async def test_nothing_is_wrong_with_a_sound_queue_and_nothing_is_received_from_it(
    strict: StrictEndpoint, reader: AWSReader
) -> None:
    queue = sound(strict)
    strict.numbers(queue, 3)
    assert wrong(await found(reader, queue)) == []
    assert strict.calls("ReceiveMessage") == 0
    assert strict.counts(queue) == {"visible": 3, "in_flight": 0, "delayed": 0}


@pytest.mark.parametrize("operation", ["GetQueueUrl", "GetQueueAttributes", "DeleteMessage", "ChangeMessageVisibility"])
async def test_each_call_that_is_denied_is_named(strict: StrictEndpoint, reader: AWSReader, operation: str) -> None:
    queue = sound(strict)
    strict.faults({operation: {"denied": True}})
    errors = [each for each in wrong(await found(reader, queue)) if each.level is Level.ERROR]
    assert [each.about for each in errors] == ["permissions"]
    assert f"sqs:{operation}" in errors[0].text


async def test_throttled_and_unanswered_probes_are_no_verdict(strict: StrictEndpoint, reader: AWSReader) -> None:
    queue = sound(strict)
    strict.faults({"DeleteMessage": {"throttled": 1.0}, "ChangeMessageVisibility": {"lost": 1.0}})
    findings = await found(reader, queue)
    assert wrong(findings) == []
    assert len([each for each in findings if each.about == "permissions" and each.level is Level.UNKNOWN]) == 3


async def behind_a_topic(source_arn: str | None = None, *, raw: bool = False) -> str:
    """Make a queue behind a topic, whose policy lets that topic send, or another one."""
    url, dead = await create_redriven_queue(unique("orders"), 5)
    await set_attributes(dead, MessageRetentionPeriod=FORTNIGHT)
    topic = await create_topic(unique("news"))
    await subscribe(topic, url, raw=raw)
    statement: Mapping[str, object] = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": await queue_arn(url),
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn or topic}},
    }
    await set_attributes(url, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    return url


async def test_a_subscription_is_held_against_the_translator_and_the_policy(aws: str, reader: AWSReader) -> None:
    url = await behind_a_topic()
    assert wrong(await found(reader, url, translating=OPENS)) == []
    [error] = wrong(await found(reader, url))
    assert "in envelopes" in error.text
    raw = await behind_a_topic(raw=True)
    assert wrong(await found(reader, raw)) == []
    [error] = wrong(await found(reader, raw, translating=attrs.evolve(OPENS, insists=True)))
    assert "switch raw delivery off" in error.text


async def test_a_filter_policy_is_shown(on_ministack: str, reader: AWSReader) -> None:
    url = await behind_a_topic()
    arn = await queue_arn(url)
    async with client("sns") as sns:
        listed = (await sns.list_subscriptions())["Subscriptions"]
        [mine] = [each["SubscriptionArn"] for each in listed if each["Endpoint"] == arn]
        policy = {"AttributeName": "FilterPolicy", "AttributeValue": '{"type": ["order"]}'}
        await sns.set_subscription_attributes(SubscriptionArn=mine, **policy)
    texts = [each.text for each in await found(reader, url, translating=OPENS) if each.about == "filter policy"]
    assert len(texts) == 1
    assert '{"type": ["order"]}' in texts[0]


async def test_what_an_application_publishes_to_is_looked_up(on_ministack: str, reader: AWSReader) -> None:
    queue, topic = unique("receipts"), unique("news")
    await create_queue(queue)
    await create_topic(topic)
    there = (Destination(place=Place(text=queue), topic=False), Destination(place=Place(text=topic), topic=True))
    gone = (
        Destination(place=Place(text=unique("a")), topic=False),
        Destination(place=Place(text=unique("b")), topic=True),
    )
    of = await Survey(reader=reader).findings(Uses(destinations=(*there, *gone), grace_period=2))
    assert [findings[0].level for findings in of.values()][:4] == [Level.OK] * 2 + [Level.ERROR] * 2
