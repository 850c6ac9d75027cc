"""What a consumer finds out about its queue, when it opens and when it looks again, and what its polls say of it."""

from typing import Any

import pytest
from sqs_fakes import MESSAGE, REDRIVE, FakeSQS, faked_sqs, opened, refusal

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.consumer import SourceInfo


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSQS:
    return faked_sqs(monkeypatch)


async def test_opening_says_what_the_queue_is(sqs: FakeSQS) -> None:
    info = await SQSConsumer("orders").open()
    assert (info.visibility_timeout, info.ordered, info.max_receive_count) == (45, False, 3)


async def test_a_fifo_queue_is_ordered(sqs: FakeSQS) -> None:
    assert (await SQSConsumer("orders.fifo").open()).ordered


async def test_the_visibility_option_wins_and_is_said_in_every_poll(sqs: FakeSQS) -> None:
    consumer = SQSConsumer("orders", {"VisibilityTimeout": 7})
    assert (await consumer.open()).visibility_timeout == 7
    await consumer.receive(1)
    assert sqs.said("receive_message")[0]["VisibilityTimeout"] == 7


async def test_without_the_option_every_poll_says_what_the_queue_said_when_it_was_looked_at(sqs: FakeSQS) -> None:
    consumer = await opened()
    await consumer.receive(1)
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "20"}}
    await consumer.receive(1)
    assert await consumer.look_again() == SourceInfo(20)
    await consumer.receive(1)
    assert [said["VisibilityTimeout"] for said in sqs.said("receive_message")] == [45, 45, 20]


async def test_the_visibility_option_goes_before_what_is_found_when_looking_again(sqs: FakeSQS) -> None:
    consumer = await opened(VisibilityTimeout=7)
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "20"}}
    assert await consumer.look_again() == SourceInfo(7)


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ("arn:aws:sqs:eu-west-1:000000000000:orders", "arn:aws:sqs:eu-west-1:000000000000:orders"),
        (None, None),
        (7, None),
    ],
)
async def test_a_queue_is_known_by_its_arn_however_it_was_named(sqs: FakeSQS, said: object, place: str | None) -> None:
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "20", "QueueArn": said}}
    assert (await SQSConsumer("orders").open()).place == place


async def test_a_redrive_policy_that_comes_or_goes_is_taken_over(sqs: FakeSQS) -> None:
    consumer = await opened()
    there, gone = sqs.answers["get_queue_attributes"], {"Attributes": {"VisibilityTimeout": "45"}}
    sqs.answers["get_queue_attributes"] = gone
    assert (await consumer.look_again()).max_receive_count is None
    failure = await consumer.dead_letter(MESSAGE)
    assert failure is not None
    sqs.answers["get_queue_attributes"] = there
    assert (await consumer.look_again()).max_receive_count == 3
    assert await consumer.dead_letter(MESSAGE) is None


async def test_what_may_not_be_asked_for_again_is_taken_as_it_was(
    sqs: FakeSQS, caplog: pytest.LogCaptureFixture
) -> None:
    consumer = await opened()
    sqs.answers["get_queue_attributes"] = refusal("AccessDenied", 403)
    assert await consumer.look_again() == SourceInfo(45, max_receive_count=3)
    assert await consumer.dead_letter(MESSAGE) is None
    assert caplog.records == []


async def test_attributes_that_may_be_read_by_now_are_taken_over(sqs: FakeSQS) -> None:
    allowed, sqs.answers["get_queue_attributes"] = sqs.answers["get_queue_attributes"], refusal("AccessDenied", 403)
    consumer = SQSConsumer("orders")
    assert await consumer.open() == await consumer.look_again() == SourceInfo(30, redrive_known=False)
    sqs.answers["get_queue_attributes"] = allowed
    assert await consumer.look_again() == SourceInfo(45, max_receive_count=3)


@pytest.mark.parametrize("answer", [refusal("InternalFailure", 500), refusal("QueueDoesNotExist")])
async def test_trouble_when_looking_again_is_told_and_changes_nothing(sqs: FakeSQS, answer: Exception) -> None:
    consumer = await opened()
    sqs.answers["get_queue_attributes"] = answer
    with pytest.raises((ConsumerUnavailable, ConsumerError)):
        await consumer.look_again()
    await consumer.receive(1)
    assert sqs.said("receive_message")[0]["VisibilityTimeout"] == 45


@pytest.mark.parametrize("policy", ["no JSON", "[]", REDRIVE.replace('"3"', '"many"')])
async def test_a_redrive_policy_that_cannot_be_read_is_unknown_and_ends_nothing(sqs: FakeSQS, policy: str) -> None:
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "long", "RedrivePolicy": policy}}
    assert await SQSConsumer("orders").open() == SourceInfo(30, redrive_known=False)


async def test_a_queue_without_a_redrive_policy_is_known_to_have_none(sqs: FakeSQS) -> None:
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "45"}}
    assert await SQSConsumer("orders").open() == SourceInfo(45, max_receive_count=None, redrive_known=True)


@pytest.mark.parametrize("answer", [refusal("AccessDenied", 403), {"Attributes": {"VisibilityTimeout": "0"}}])
async def test_a_lease_of_unknown_or_no_length_is_30_seconds_by_every_poll(sqs: FakeSQS, answer: Any) -> None:
    sqs.answers["get_queue_attributes"] = answer
    consumer = SQSConsumer("orders")
    info = await consumer.open()
    await consumer.receive(1)
    assert (info.visibility_timeout, info.max_receive_count) == (30, None)
    assert sqs.said("receive_message")[0]["VisibilityTimeout"] == 30


async def test_attributes_that_may_not_be_read_are_one_warning(sqs: FakeSQS, caplog: pytest.LogCaptureFixture) -> None:
    sqs.answers["get_queue_attributes"] = refusal("AccessDenied", 403)
    await SQSConsumer("orders").open()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
