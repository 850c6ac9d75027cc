"""What `loafer cost` says of an hour of a whole worker, beside what the endpoint counted, in virtual time."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from loafer.adapters.aws import queue as called_queue
from loafer.adapters.aws import session
from loafer.adapters.aws.bill import Bill
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.dispatcher import Dispatcher
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.prices import MONTH
from loafer.entrypoints.commands.cost import document_of

HOUR = 3600


@attrs.define(eq=False)
class Endpoint:
    """SQS's frequent calls on a queue in memory; it counts each call as it comes."""

    queue: MemoryQueue
    counted: Counter[str] = attrs.field(factory=Counter)
    meta: Any = attrs.field(factory=lambda: SimpleNamespace(region_name="eu-west-1"))

    @asynccontextmanager
    async def create(self, *_: object) -> AsyncIterator[Any]:
        yield self

    async def get_queue_url(self, **_: Any) -> dict[str, Any]:
        self.counted["get_queue_url"] += 1
        return {"QueueUrl": "https://host/1/orders"}

    async def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        self.counted["get_queue_attributes"] += 1
        return {"Attributes": {"VisibilityTimeout": str(int(self.queue.visibility_timeout))}}

    async def receive_message(self, **said: Any) -> dict[str, Any]:
        self.counted["receive_message"] += 1
        consumer = MemoryConsumer(self.queue, said["WaitTimeSeconds"], said["MaxNumberOfMessages"])
        await consumer.open()
        messages = await consumer.receive(said["MaxNumberOfMessages"])
        return {"Messages": [_as_said(message) for message in messages]} if messages else {}

    async def delete_message_batch(self, **said: Any) -> dict[str, Any]:
        self.counted["delete_message_batch"] += 1
        for entry in said["Entries"]:
            self.queue.delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in said["Entries"]]}

    async def change_message_visibility_batch(self, **said: Any) -> dict[str, Any]:
        self.counted["change_message_visibility_batch"] += 1
        for entry in said["Entries"]:
            self.queue.change_visibility(entry["ReceiptHandle"], entry["VisibilityTimeout"])
        return {"Successful": [{"Id": entry["Id"]} for entry in said["Entries"]]}


def _as_said(message: Message) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": str(message.receive_count)}
    return {"MessageId": message.id, "ReceiptHandle": message.receipt, "Body": message.body, "Attributes": attributes}


def translated(message: Message) -> dict[str, Any]:
    return {"content": (int(message.body), message.receive_count)}


async def handle(content: tuple[int, int]) -> None:
    """Take a moment; of ten messages one fails once, and one takes longer than its visibility timeout."""
    number, receives = content
    await asyncio.sleep(100 if number % 10 == 0 else 0.3)
    if number % 10 == 1 and receives == 1:
        raise ValueError


async def customers(queue: MemoryQueue) -> None:
    """Send some messages now and then; at times none comes for a minute."""
    chance, number = random.Random(1), 0
    while True:
        for _ in range(chance.randint(1, 12)):
            queue.send(OutgoingMessage(str(number)))
            number += 1
        await asyncio.sleep(chance.choice((5, 20, 60)))


async def test_a_month_is_within_two_hundredths_of_what_an_endpoint_counted_in_an_hour(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    bill, now = Bill(), asyncio.get_running_loop().time
    monkeypatch.setattr(called_queue, "BILL", bill)
    endpoint = Endpoint(MemoryQueue("orders", clock=now))
    monkeypatch.setattr(session, "create_client", endpoint.create)
    monkeypatch.setenv("LOAFER_SQS_TRANSPORT", "aiobotocore")

    def consumer() -> SQSConsumer:
        return SQSConsumer("orders", {"WaitTimeSeconds": 5, "MaxNumberOfMessages": 10})

    route = Route("orders", "orders", consumer, translated, handle)
    dispatcher = Dispatcher([route], Options(), lambda _: None, clock=now, threaded_heartbeat=False)
    working, coming = asyncio.create_task(dispatcher.run()), asyncio.create_task(customers(endpoint.queue))
    await asyncio.sleep(HOUR)
    counted, lines = Counter(endpoint.counted), [attrs.asdict(line) for line in bill.lines()]
    coming.cancel()
    dispatcher.stop()
    await working

    told = document_of([{"pid": 1, "up": float(HOUR), "calls": lines}])
    so_far = {line["operation"]: line["calls"] for line in told["so_far"]}
    month = {line["operation"]: line["calls"] for line in told["a_month"]}
    assert so_far.keys() == counted.keys() == month.keys()
    assert month["get_queue_url"] == so_far["get_queue_url"] == counted["get_queue_url"]
    frequent = {"receive_message", "delete_message_batch", "change_message_visibility_batch"}
    assert all(counted[operation] > 100 for operation in frequent)
    for operation in frequent:
        assert so_far[operation] == pytest.approx(counted[operation], rel=0.02)
        assert month[operation] == pytest.approx(counted[operation] * MONTH / HOUR, rel=0.02)
    assert told["dollars"] == pytest.approx(counted.total() * MONTH / HOUR * 0.4 / 1_000_000, rel=0.02)
