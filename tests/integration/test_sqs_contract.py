"""The contracts, on SQS's protocol and in real time."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack

import attrs
import pytest
from consumer_contract import ConsumerContract
from endpoints import create_queue, create_redriven_queue, queue_counts, send, unique
from publisher_contract import PublisherContract

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.message import Message, OutgoingMessage

MINISTACK = {"repeated acknowledgement": "ministack refuses the receipt of a deleted message, SQS does not"}


@attrs.frozen(eq=False)
class QueueOnSQS:
    """A queue with an open consumer; whatever is opened is closed with its world."""

    url: str
    letters_url: str | None
    consumer: SQSConsumer
    stack: AsyncExitStack

    async def send(self, message: OutgoingMessage) -> str:
        attributes = {name: {"DataType": a.type, "StringValue": a.value} for name, a in message.attributes.items()}
        fifo = {"MessageGroupId": message.group, "MessageDeduplicationId": message.deduplication_id}
        return await send(self.url, message.body, MessageAttributes=attributes, **(fifo if message.group else {}))

    async def publisher(self) -> SQSPublisher:
        publisher = SQSPublisher(self.url)
        self.stack.push_async_callback(publisher.close)
        await publisher.open()
        return publisher

    async def counts(self) -> tuple[int, int]:
        return await queue_counts(self.url)

    async def dead_letters(self) -> list[Message]:
        assert self.letters_url is not None
        consumer = await opened(self.letters_url, 0, self.stack)
        return list(await consumer.receive(10))


async def opened(url: str, wait_time: int, stack: AsyncExitStack) -> SQSConsumer:
    consumer = SQSConsumer(url, {"WaitTimeSeconds": wait_time, "MaxNumberOfMessages": 10})
    stack.push_async_callback(consumer.close)
    await consumer.open()
    return consumer


@attrs.frozen(eq=False)
class WorldOfSQS:
    """An endpoint that speaks SQS's protocol."""

    stack: AsyncExitStack
    inapplicable: Mapping[str, str]

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
    ) -> QueueOnSQS:
        name, letters = unique("orders.fifo" if fifo else "orders"), None
        if max_receive_count is None:
            url = await create_queue(name, VisibilityTimeout=str(visibility_timeout))
        else:
            url, letters = await create_redriven_queue(
                name, max_receive_count, VisibilityTimeout=str(visibility_timeout)
            )
        return QueueOnSQS(url, letters, await opened(url, wait_time, self.stack), self.stack)

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()


@pytest.fixture
async def world(on_ministack: str) -> AsyncIterator[WorldOfSQS]:
    async with AsyncExitStack() as stack:
        yield WorldOfSQS(stack, MINISTACK)


class TestSQSConsumer(ConsumerContract):
    pass


class TestSQSPublisher(PublisherContract):
    pass
