"""SQS, and SNS topics with a subscribed queue, as worlds of the contracts: on real endpoints and in real time."""

import asyncio
import json
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Literal

import attrs
import pytest
from endpoints import create_queue, create_topic, queue_counts, redrive_policy, send, set_attributes, subscribe, unique
from interruptible import Relay, relayed
from transports import check_consumer, check_publisher

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.inspector import SQSInspector
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.testing.contracts import Features, Queue

FEATURES = Features(
    messages=20,
    examples=2,
    steps=5,
    slack=0.3,
    refuses_ended_leases=False,  # SQS does, neither emulator does
    abandoned_polls=True,
    shrinks=False,
)


@attrs.frozen(eq=False)
class QueueOnSQS:
    """A queue with an open consumer; whatever is opened is closed with its world."""

    url: str
    letters_url: str | None
    wait_time: int
    consumer: SQSConsumer
    stack: AsyncExitStack
    make_publisher: Callable[[], SQSPublisher | SNSPublisher]

    async def another_consumer(self) -> SQSConsumer:
        return await opened(SQSConsumer, self.url, self.wait_time, self.stack)

    async def send(self, message: OutgoingMessage) -> str:
        attributes = {
            name: {"DataType": a.type, "BinaryValue" if isinstance(a.value, bytes) else "StringValue": a.value}
            for name, a in message.attributes.items()
        }
        fifo = {"MessageGroupId": message.group, "MessageDeduplicationId": message.deduplication_id}
        delay = {"DelaySeconds": message.delay} if message.delay else {}
        more = fifo if message.group else {}
        return await send(self.url, message.body, MessageAttributes=attributes, **more, **delay)

    async def inspector(self) -> SQSInspector:
        inspector = SQSInspector(self.url)
        self.stack.push_async_callback(inspector.close)
        await inspector.open()
        return inspector

    async def publisher(self) -> SQSPublisher | SNSPublisher:
        publisher = self.make_publisher()
        self.stack.push_async_callback(publisher.close)
        await publisher.open()
        check_publisher(publisher)
        return publisher

    async def change(self, *, visibility_timeout: int) -> None:
        await set_attributes(self.url, VisibilityTimeout=str(visibility_timeout))

    async def counts(self) -> tuple[int, int]:
        return await queue_counts(self.url)

    async def dead_letters(self) -> Sequence[Message]:
        assert self.letters_url is not None
        consumer = await opened(SQSConsumer, self.letters_url, 0, self.stack)
        return await consumer.receive(10)


@attrs.define(eq=False)
class EnvelopeConsumer(SQSConsumer):
    """Takes what was published out of the envelope of the topic."""

    async def receive(self, limit: int) -> Sequence[Message]:
        return [unwrapped(message) for message in await SQSConsumer.receive(self, limit)]


def unwrapped(message: Message) -> Message:
    envelope = json.loads(message.body)
    attributes = {name: attribute_of(found) for name, found in envelope.get("MessageAttributes", {}).items()}
    return attrs.evolve(message, body=envelope["Message"], attributes=attributes)


def attribute_of(found: dict[str, str]) -> Attribute:
    binary = found["Type"].startswith("Binary")
    return Attribute(b64decode(found["Value"]) if binary else found["Value"], found["Type"])


async def opened(kind: type[SQSConsumer], url: str, wait_time: int, stack: AsyncExitStack) -> SQSConsumer:
    consumer = kind(url, {"WaitTimeSeconds": wait_time, "MaxNumberOfMessages": 10})
    stack.push_async_callback(consumer.close)
    await consumer.open()
    check_consumer(consumer)
    return consumer


@attrs.frozen(eq=False)
class WorldOfSQS:
    """An endpoint that speaks SQS's protocol."""

    stack: AsyncExitStack

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
        letters_of: Queue | None = None,
        deduplication_scope: Literal["queue", "messageGroup"] = "queue",
    ) -> QueueOnSQS:
        name, letters = unique("orders.fifo" if fifo else "orders"), None
        attributes = {"VisibilityTimeout": str(visibility_timeout)}
        if fifo:
            attributes["DeduplicationScope"] = deduplication_scope
        if isinstance(letters_of, QueueOnSQS):
            letters = letters_of.letters_url
        elif max_receive_count is not None:
            letters = await create_queue(unique("dead.fifo" if fifo else "dead"))
        if letters is not None and max_receive_count is not None:
            attributes["RedrivePolicy"] = await redrive_policy(letters, max_receive_count)
        url = await create_queue(name, **attributes)
        consumer = await opened(SQSConsumer, url, wait_time, self.stack)
        return QueueOnSQS(url, letters, wait_time, consumer, self.stack, partial(SQSPublisher, url))

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def now(self) -> float:
        return time.monotonic()


@attrs.frozen(eq=False)
class WorldOfSNS(WorldOfSQS):
    """A topic to publish to, with a subscribed queue to receive from."""

    raw: bool = True

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
        letters_of: Queue | None = None,
        deduplication_scope: Literal["queue", "messageGroup"] = "queue",
    ) -> QueueOnSQS:
        queue = await WorldOfSQS.queue(
            self,
            visibility_timeout=visibility_timeout,
            wait_time=wait_time,
            fifo=fifo,
            max_receive_count=max_receive_count,
            letters_of=letters_of,
            deduplication_scope=deduplication_scope,
        )
        topic = await create_topic(unique("news.fifo" if fifo else "news"))
        await subscribe(topic, queue.url, raw=self.raw)
        kind = SQSConsumer if self.raw else EnvelopeConsumer
        consumer = await opened(kind, queue.url, wait_time, self.stack)
        return attrs.evolve(queue, consumer=consumer, make_publisher=partial(SNSPublisher, topic))


@asynccontextmanager
async def on_sqs() -> AsyncIterator[WorldOfSQS]:
    async with AsyncExitStack() as stack:
        yield WorldOfSQS(stack)


@attrs.frozen(eq=False)
class WorldOfRestarts(WorldOfSQS):
    """SQS behind a relay that can be restarted."""

    relay: Relay

    async def restart(self) -> None:
        await self.relay.stop()
        await asyncio.sleep(0.2)
        await self.relay.start()


@asynccontextmanager
async def on_restartable_sqs(url: str, environ: pytest.MonkeyPatch) -> AsyncIterator[WorldOfRestarts]:
    async with relayed(url) as relay, AsyncExitStack() as stack:
        environ.setenv("AWS_ENDPOINT_URL", relay.url)
        yield WorldOfRestarts(stack, relay)


@asynccontextmanager
async def on_sns(*, raw: bool) -> AsyncIterator[WorldOfSNS]:
    async with AsyncExitStack() as stack:
        yield WorldOfSNS(stack, raw)


async def received(queue: str, count: int) -> list[Message]:
    """Receive and acknowledge so many messages of a queue, or as many as there are."""
    consumer = SQSConsumer(queue, {"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10})
    await consumer.open()
    messages: list[Message] = []
    while len(messages) < count and (found := await consumer.receive(10)):
        messages += found
        await consumer.acknowledge(found)
    await consumer.close()
    return messages
