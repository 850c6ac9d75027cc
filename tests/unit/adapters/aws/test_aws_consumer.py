"""The consumer over a hand-made client: no sockets."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from sqs_fakes import MESSAGE, REDRIVE, FakeSQS, faked_sqs, opened, refusal

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.errors import Mistake
from loafer.adapters.aws.lean import choice
from loafer.adapters.aws.server_clock import ServerClock
from loafer.domain.batch import Failure
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSQS:
    return faked_sqs(monkeypatch)


async def test_a_poll_that_does_not_answer_is_given_up_ten_seconds_after_its_wait_time(sqs: FakeSQS) -> None:
    consumer = await opened(WaitTimeSeconds=20)
    sqs.seconds = 1e6
    began = asyncio.get_running_loop().time()
    with pytest.raises(ConsumerUnavailable):
        await consumer.receive(1)
    assert asyncio.get_running_loop().time() - began == pytest.approx(20 + 10)


async def test_a_settlement_that_does_not_answer_may_be_repeated(sqs: FakeSQS) -> None:
    consumer = await opened()
    sqs.seconds = 1e6
    [failure] = await consumer.acknowledge([MESSAGE])
    assert failure is not None
    assert failure.retryable


async def test_the_url_is_looked_up_once(sqs: FakeSQS) -> None:
    consumer = await opened()
    await consumer.receive(1)
    await consumer.acknowledge([MESSAGE])
    assert len(sqs.said("get_queue_url")) == 1


async def test_a_url_is_not_looked_up(sqs: FakeSQS) -> None:
    await SQSConsumer("https://sqs.eu-west-1.amazonaws.com/1/orders").open()
    assert sqs.said("get_queue_url") == []


async def test_a_message_does_not_tell_the_secrets_of_its_source(sqs: FakeSQS) -> None:
    consumer = SQSConsumer("https://me:TOPSECRET@host/1/orders?token=TOPSECRET")
    await consumer.open()
    sqs.answers["receive_message"] = {"Messages": [{"MessageId": "1\n2", "ReceiptHandle": "r", "Body": "b"}]}
    [message] = await consumer.receive(1)
    assert (message.source, message.id) == ("https://host/1/orders", "1\\n2")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal("QueueDoesNotExist"), ConsumerError),
        (refusal("InvalidClientTokenId", 403), AccessDenied),
        (EndpointConnectionError(endpoint_url="http://nowhere"), ConsumerUnavailable),
    ],
)
async def test_opening_that_fails_leaves_nothing_open_and_may_be_repeated(
    sqs: FakeSQS, answer: Exception, error: type[Exception]
) -> None:
    consumer = SQSConsumer("orders")
    good, sqs.answers["get_queue_url"] = sqs.answers["get_queue_url"], answer
    with pytest.raises(error, match="queue 'orders'"):
        await consumer.open()
    assert sqs.opened == sqs.closed
    sqs.answers["get_queue_url"] = good
    await consumer.open()
    await consumer.close()
    await consumer.close()
    assert sqs.opened == sqs.closed == 2


async def test_what_a_person_must_mend_is_fatal_at_the_start_and_trouble_afterwards(sqs: FakeSQS) -> None:
    mistake = Mistake("AWS_CA_BUNDLE='/x': No such file")
    good = sqs.answers["get_queue_url"]
    sqs.answers["get_queue_url"] = mistake
    consumer = SQSConsumer("orders")
    with pytest.raises(ConsumerError, match=r"^queue 'orders': AWS_CA_BUNDLE='/x': No such file$"):
        await consumer.open()
    sqs.answers.update(get_queue_url=good, receive_message=mistake, delete_message_batch=mistake)
    await consumer.open()
    with pytest.raises(ConsumerUnavailable, match="AWS_CA_BUNDLE"):
        await consumer.receive(1)
    [failure] = await consumer.acknowledge([MESSAGE])
    assert failure is not None
    assert failure.retryable


async def test_polls_have_a_client_of_their_own_made_once_and_when_first_needed(sqs: FakeSQS) -> None:
    consumer = await opened()
    assert sqs.opened == 1
    await asyncio.gather(consumer.receive(1), consumer.receive(1))
    assert sqs.opened == 2
    await consumer.close()
    assert sqs.closed == 2


async def test_polls_over_the_lean_transport_open_no_client(sqs: FakeSQS, monkeypatch: pytest.MonkeyPatch) -> None:
    async def enter(*_: object) -> object:
        return SimpleNamespace(call=sqs.lean_call, server=ServerClock())

    monkeypatch.setattr(choice, "enter_lean_transport", enter)
    consumer = await opened()
    assert await consumer.receive(1) == []
    assert sqs.opened == 1
    assert sqs.calls[-1][0] == "lean receive_message"


@pytest.mark.parametrize(("limit", "asked"), [(1, 1), (10, 4)])
async def test_a_poll_asks_for_no_more_than_the_limit_and_the_option(sqs: FakeSQS, limit: int, asked: int) -> None:
    await (await opened(MaxNumberOfMessages=4)).receive(limit)
    assert sqs.said("receive_message")[0]["MaxNumberOfMessages"] == asked


async def test_a_consumer_that_is_not_open_says_so() -> None:
    with pytest.raises(ConsumerError, match="queue 'orders': the consumer is not open"):
        await SQSConsumer("orders").receive(1)


@pytest.mark.parametrize(("delay", "whole"), [(0, 0), (0.1, 1), (2, 2), (1e6, 43_195), (43_200, 43_195), (-1, 0)])
async def test_delays_are_whole_seconds_rounded_up_within_the_limits(sqs: FakeSQS, delay: float, whole: int) -> None:
    assert await (await opened()).release([MESSAGE], [delay]) == [None]
    [call] = sqs.said("change_message_visibility_batch")
    assert call["Entries"] == [{"Id": "0", "ReceiptHandle": "r", "VisibilityTimeout": whole}]


async def test_a_dead_letter_goes_on_as_it_is_and_is_deleted_then(sqs: FakeSQS) -> None:
    assert await (await opened()).dead_letter(MESSAGE) is None
    [sent] = sqs.said("send_message")
    assert (sent["MessageBody"], sent["MessageGroupId"]) == ("b", "g")
    assert "MessageDeduplicationId" not in sent, "a standard queue refuses one"
    assert sent["MessageAttributes"] == {"a": {"DataType": "String", "StringValue": "x"}}
    assert [name for name, _ in sqs.calls][-2:] == ["send_message", "delete_message_batch"]


async def test_the_deduplication_id_of_a_dead_letter_is_the_id_of_the_message_and_not_its_own(sqs: FakeSQS) -> None:
    policy = REDRIVE.replace(":dead", ":dead.fifo")
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "45", "RedrivePolicy": policy}}
    consumer = SQSConsumer("orders.fifo")
    await consumer.open()
    assert await consumer.dead_letter(MESSAGE) is None
    [sent] = sqs.said("send_message")
    assert (MESSAGE.id, MESSAGE.deduplication_id) == ("1", "d")
    assert (sent["MessageGroupId"], sent["MessageDeduplicationId"]) == ("g", "1")


@pytest.mark.parametrize(
    ("operation", "answer", "retryable"),
    [
        ("send_message", refusal("AccessDenied", 403), False),
        ("send_message", refusal("QueueDoesNotExist"), False),
        ("send_message", refusal("InternalFailure", 500), True),
        ("send_message", {}, True),
        ("send_message", {"MessageId": "copy", "MD5OfMessageBody": "0" * 32}, True),
    ],
)
async def test_a_dead_letter_that_is_not_confirmed_is_not_deleted(
    sqs: FakeSQS, operation: str, answer: Any, retryable: bool
) -> None:
    consumer = await opened()
    sqs.answers[operation] = answer
    failure = await consumer.dead_letter(MESSAGE)
    assert failure is not None
    assert failure.retryable is retryable
    assert sqs.said("delete_message_batch") == []


async def test_what_is_deleted_while_its_consumer_is_closed_is_told_to_be_deleted(
    sqs: FakeSQS, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer, settle = await opened(), SQSConsumer._settle

    async def closed_meanwhile(closing: SQSConsumer, *call: Any) -> Sequence[Failure | None]:
        results = await settle(closing, *call)
        await closing.close()
        return results

    monkeypatch.setattr(SQSConsumer, "_settle", closed_meanwhile)
    assert await consumer.acknowledge([MESSAGE]) == [None]


async def test_a_dead_letter_that_is_deleted_later_is_sent_anew_should_it_return(sqs: FakeSQS) -> None:
    deleted = sqs.answers["delete_message_batch"]
    sqs.answers["delete_message_batch"] = {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}
    consumer = await opened()
    failure = await consumer.dead_letter(MESSAGE)
    assert failure is not None
    assert (failure.retryable, failure.copied) == (True, True)
    sqs.answers["delete_message_batch"] = deleted
    assert await consumer.acknowledge([MESSAGE]) == [None]
    assert len(sqs.said("send_message")) == 1
    assert await consumer.dead_letter(MESSAGE) is None
    assert len(sqs.said("send_message")) == 2


async def test_a_dead_letter_whose_delete_failed_is_not_sent_twice(sqs: FakeSQS) -> None:
    consumer = await opened()
    good, sqs.answers["delete_message_batch"] = sqs.answers["delete_message_batch"], refusal("InternalFailure", 500)
    failure = await consumer.dead_letter(MESSAGE)
    assert failure is not None
    assert failure.retryable
    sqs.answers["delete_message_batch"] = good
    assert await consumer.dead_letter(MESSAGE) is None
    assert len(sqs.said("send_message")) == 1


async def test_without_a_redrive_policy_nothing_is_moved(sqs: FakeSQS) -> None:
    sqs.answers["get_queue_attributes"] = {"Attributes": {"VisibilityTimeout": "30"}}
    failure = await (await opened()).dead_letter(MESSAGE)
    assert failure is not None
    assert not failure.retryable


async def test_a_consumer_asks_nothing_that_another_one_has_found(sqs: FakeSQS) -> None:
    info = await (first := await opened()).look_again()
    other = SQSConsumer("orders")
    other.learn_from(first)
    await first.close()
    asked = len(sqs.said("get_queue_url")), len(sqs.said("get_queue_attributes"))
    assert await other.open() == info
    assert (len(sqs.said("get_queue_url")), len(sqs.said("get_queue_attributes"))) == asked
    await other.close()


async def test_a_consumer_that_is_not_open_has_found_nothing_to_be_learned(sqs: FakeSQS) -> None:
    other = SQSConsumer("orders")
    other.learn_from(SQSConsumer("orders"))
    await other.open()
    assert len(sqs.said("get_queue_url")) == 1
    await other.close()
