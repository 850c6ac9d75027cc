"""Receives of FIFO queues that had no answer are asked for again, by the same id."""

import asyncio
from typing import Any

import attrs
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from sqs_fakes import FakeSQS, faked_sqs, refusal

from loafer.adapters.aws.attempts import LONGEST, PARAMETER, Attempts
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.exceptions import ConsumerError, ConsumerUnavailable

CLOSED = ConnectionClosedError(endpoint_url="https://host")


@attrs.define
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSQS:
    fake = faked_sqs(monkeypatch)
    fake.answers["get_queue_url"] = {"QueueUrl": "https://host/1/orders.fifo"}
    return fake


async def opened(name: str = "orders.fifo") -> SQSConsumer:
    consumer = SQSConsumer(name)
    await consumer.open()
    return consumer


def asked(sqs: FakeSQS) -> list[tuple[str | None, int]]:
    """Return the id of each receive, and how many messages it asked for."""
    return [(said.get(PARAMETER), said["MaxNumberOfMessages"]) for said in sqs.said("receive_message")]


def not_valid(sqs: FakeSQS) -> ClientError:
    """Return how SQS refuses the id of the receive before."""
    error = refusal("InvalidParameterValue")
    reason = "The receiveRequestAttemptId is not valid anymore since the receive call is not retryable."
    said = f"Value {asked(sqs)[-1][0]} for parameter {PARAMETER} is invalid. Reason: {reason}"
    details: Any = error.response
    details["Error"]["Message"] = said
    return error


async def fail(consumer: SQSConsumer, sqs: FakeSQS, error: Exception, limit: int = 5) -> None:
    sqs.answers["receive_message"] = error
    with pytest.raises(ConsumerUnavailable):
        await consumer.receive(limit)
    del sqs.answers["receive_message"]


async def test_each_receive_that_is_answered_has_an_id_of_its_own(sqs: FakeSQS) -> None:
    consumer = await opened()
    for _ in range(3):
        await consumer.receive(5)
    assert len(set(asked(sqs))) == 3


async def test_the_receives_of_a_standard_queue_have_none(sqs: FakeSQS) -> None:
    await (await opened("orders")).receive(5)
    assert asked(sqs) == [(None, 5)]


@pytest.mark.parametrize("error", [CLOSED, TimeoutError(), refusal("InternalError", 500), refusal("", 504)])
async def test_one_without_an_answer_is_asked_for_again_until_there_is_one(sqs: FakeSQS, error: Exception) -> None:
    consumer = await opened()
    await fail(consumer, sqs, error)
    await fail(consumer, sqs, error)
    await consumer.receive(5)
    await consumer.receive(5)
    first, second, third, fourth = asked(sqs)
    assert first == second == third != fourth


async def test_one_that_was_cancelled_is_too(sqs: FakeSQS) -> None:
    consumer = await opened()
    sqs.seconds = 1e6
    receiving = asyncio.create_task(consumer.receive(5))
    await asyncio.sleep(1)
    receiving.cancel()
    await asyncio.wait([receiving])
    sqs.seconds = 0
    await consumer.receive(5)
    cancelled, again = asked(sqs)
    assert cancelled == again


@pytest.mark.parametrize("answer", [refusal("ThrottlingException"), refusal("", 403), {"Messages": 1}])
async def test_what_was_refused_or_cannot_be_read_is_asked_for_anew(sqs: FakeSQS, answer: object) -> None:
    consumer = await opened()
    sqs.answers["receive_message"] = answer
    with pytest.raises(ConsumerUnavailable):
        await consumer.receive(5)
    del sqs.answers["receive_message"]
    await consumer.receive(5)
    first, second = asked(sqs)
    assert first != second


async def test_an_id_that_sqs_does_not_know_any_more_is_passing_trouble(sqs: FakeSQS) -> None:
    consumer = await opened()
    await fail(consumer, sqs, CLOSED)
    await fail(consumer, sqs, not_valid(sqs))
    await consumer.receive(5)
    first, second, third = asked(sqs)
    assert first == second != third


async def test_other_refusals_stay_what_they_are(sqs: FakeSQS) -> None:
    consumer = await opened()
    await fail(consumer, sqs, CLOSED)
    sqs.answers["receive_message"] = refusal("InvalidParameterValue")
    with pytest.raises(ConsumerError):
        await consumer.receive(5)


async def test_it_brings_no_more_than_is_asked_for_now(sqs: FakeSQS) -> None:
    consumer = await opened()
    await fail(consumer, sqs, CLOSED, limit=4)
    await consumer.receive(3)
    await consumer.receive(5)
    lost, smaller, again = asked(sqs)
    assert again == lost
    assert smaller[0] != lost[0]
    assert smaller[1] == 3


def test_one_is_asked_for_again_while_its_messages_may_be_hidden_and_sqs_knows_its_id() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for seconds in (30, LONGEST + 100):
        lost = attempts.next(5, seconds)
        attempts.lost(lost)
        clock.now += min(seconds, LONGEST) - 1
        again = attempts.next(5, seconds)
        assert again.id == lost.id
        attempts.lost(again)
        clock.now += 1
        assert attempts.next(5, seconds).id != lost.id


def test_of_several_the_first_one_comes_first() -> None:
    attempts = Attempts(Clock())
    lost = [attempts.next(5, 30) for _ in range(3)]
    for each in lost:
        attempts.lost(each)
    assert [attempts.next(5, 30).id for _ in range(3)] == [each.id for each in lost]
