"""What is counted is what is called: an hour of a consumer's calls on a client made by hand, in virtual time."""

import asyncio
from collections import Counter
from typing import Any

import attrs
import pytest
from sqs_fakes import MESSAGE, faked_sqs

from loafer.adapters.aws import publishing, queue
from loafer.adapters.aws.bill import Bill
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.domain.prices import RECEIVE, Billed
from loafer.exceptions import ConsumerUnavailable


@pytest.fixture
def bill(monkeypatch: pytest.MonkeyPatch) -> Bill:
    made = Bill()
    monkeypatch.setattr(queue, "BILL", made)
    monkeypatch.setattr(publishing, "BILL", made)
    return made


def counted(bill: Bill) -> dict[str, int]:
    return {line.operation: line.calls for line in bill.lines()}


def one(bill: Bill, operation: str) -> Billed:
    [line] = [line for line in bill.lines() if line.operation == operation]
    return line


async def test_every_call_is_counted_once_also_those_that_fail(bill: Bill, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = faked_sqs(monkeypatch)
    consumer = SQSConsumer("orders", {"WaitTimeSeconds": 20, "MaxNumberOfMessages": 10})
    await consumer.open()
    messages = [attrs.evolve(MESSAGE, receipt=str(number)) for number in range(25)]
    for _ in range(180):
        await consumer.receive(10)
        await consumer.acknowledge(messages)
        await consumer.release(messages[:3], [0.0] * 3)
    fake.answers["receive_message"] = TimeoutError()
    with pytest.raises(ConsumerUnavailable):
        await consumer.receive(10)
    await consumer.close()
    assert counted(bill) == Counter(operation for operation, _ in fake.calls)
    assert counted(bill)["delete_message_batch"] == 180 * 3
    assert one(bill, RECEIVE) == Billed(
        operation=RECEIVE, place="orders", calls=181, chunks=181, empty=180, wait=20, most=10
    )


async def test_a_receive_that_is_given_up_is_counted_too(bill: Bill, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = faked_sqs(monkeypatch)
    consumer = SQSConsumer("orders", {})
    await consumer.open()
    fake.seconds = 0.2
    receiving = asyncio.ensure_future(consumer.receive(1))
    await asyncio.sleep(0.05)
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving
    await consumer.close()
    assert one(bill, RECEIVE).calls == 1


def received(*bodies: str, **attributes: Any) -> dict[str, Any]:
    return {"Messages": [{"Body": body, **attributes} for body in bodies]}


def test_what_is_received_is_billed_by_its_size() -> None:
    bill = Bill()
    bill.add(RECEIVE, "orders", {}, received("a" * 65_000, "b" * 65_000, "c"))
    bill.add(RECEIVE, "orders", {}, {})
    line = one(bill, RECEIVE)
    assert (line.calls, line.chunks, line.messages, line.empty, line.fair) == (2, 3, 3, 1, 0)


def test_messages_with_groups_are_billed_as_those_of_a_fair_queue() -> None:
    bill = Bill()
    bill.add(RECEIVE, "orders", {}, received("a", Attributes={"MessageGroupId": "tenant"}))
    bill.add("send_message", "orders", {"MessageBody": "a" * 70_000, "MessageGroupId": "tenant"}, None)
    assert one(bill, RECEIVE).fair == 1
    assert (one(bill, "send_message").chunks, one(bill, "send_message").fair) == (2, 2)


def test_a_batch_is_billed_by_all_that_is_in_it() -> None:
    bill = Bill()
    bill.add("send_message_batch", "orders", {"Entries": [{"MessageBody": "a" * 40_000}] * 4}, None)
    bill.add("publish_batch", "news", {"PublishBatchRequestEntries": [{"Message": "a" * 40_000}] * 2}, None)
    bill.add("delete_message_batch", "orders", {"Entries": [{"ReceiptHandle": "r" * 70_000}]}, None)
    assert {line.operation: line.chunks for line in bill.lines()} == {
        "send_message_batch": 3,
        "publish_batch": 2,
        "delete_message_batch": 1,
    }


@pytest.mark.parametrize(
    "answer", [{"Messages": None}, {"Messages": "no"}, {"Messages": 1}, {"Messages": {}}, {"Messages": [None, 1]}]
)
def test_an_answer_that_is_none_is_counted_all_the_same(answer: dict[str, Any]) -> None:
    bill = Bill()
    bill.add(RECEIVE, "orders", {}, answer)
    assert one(bill, RECEIVE).calls == 1
