"""The publishers: to an SQS queue, and to an SNS topic."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs

from loafer.adapters.aws.address import Address, queue_address, topic_address
from loafer.adapters.aws.answers import text_in
from loafer.adapters.aws.calls import Client, access_of, reading
from loafer.adapters.aws.publishing import Channel, Dialect
from loafer.domain.batch import Failure
from loafer.domain.limits import QUEUE, TOPIC
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import PublisherError
from loafer.ports.publisher import Publisher

_SQS = Dialect(
    service="sqs",
    noun="queue",
    target="QueueUrl",
    body="MessageBody",
    send="send_message",
    send_batch="send_message_batch",
    entries="Entries",
    limits=QUEUE,
    lean=True,
)
_SNS = Dialect(
    service="sns",
    noun="topic",
    target="TopicArn",
    body="Message",
    send="publish",
    send_batch="publish_batch",
    entries="PublishBatchRequestEntries",
    limits=TOPIC,
)


@attrs.define(eq=False)
class SQSPublisher(Publisher):
    """Publishes to the queue with a name, a URL or an ARN; PublisherError where it is created if it is none of them.

    Attributes:
        transport: What carries messages, `lean` or `aiobotocore`; None: what LOAFER_SQS_TRANSPORT says.
        region: The queue's region; None: what its URL or ARN says, else the environment.
        endpoint: The endpoint that is called; None: the environment's.
        profile: The profile whose credentials are used; None: the environment's.

    """

    queue: str
    transport: str | None = attrs.field(default=None, kw_only=True)
    region: str | None = attrs.field(default=None, kw_only=True)
    endpoint: str | None = attrs.field(default=None, kw_only=True)
    profile: str | None = attrs.field(default=None, kw_only=True)
    _channel: Channel = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Check what names the queue."""
        address = _address(queue_address, self.queue, self.region)
        self._channel = Channel(_SQS, address, self.transport, access_of(self.endpoint, self.profile))

    async def open(self) -> None:
        """Look the queue up; PublisherError within 10 seconds if that fails."""
        await self._channel.open(self._find)

    def publish(self, message: OutgoingMessage) -> Coroutine[Any, Any, str]:
        """Send one message and return its id."""
        return self._channel.publish(message)

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Send many; PublisherError before any is sent if one of them breaks a limit."""
        return await self._channel.publish_batch(messages)

    async def close(self) -> None:
        """Let go of connections."""
        await self._channel.close()

    async def _find(self, _: Client) -> str:
        address = self._channel.address
        if address.url:
            return address.url
        owner = {"QueueOwnerAWSAccountId": address.account} if address.account else {}
        return text_in(await self._channel.ask("get_queue_url", {"QueueName": address.name, **owner}), "QueueUrl")


@attrs.define(eq=False)
class SNSPublisher(Publisher):
    """Publishes to the topic with a name or an ARN; PublisherError where it is created if it is neither.

    Attributes:
        region: The topic's region; None: what its ARN says, else the environment.
        endpoint: The endpoint that is called; None: the environment's.
        profile: The profile whose credentials are used; None: the environment's.

    """

    topic: str
    region: str | None = attrs.field(default=None, kw_only=True)
    endpoint: str | None = attrs.field(default=None, kw_only=True)
    profile: str | None = attrs.field(default=None, kw_only=True)
    _channel: Channel = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Check what names the topic."""
        address = _address(topic_address, self.topic, self.region)
        self._channel = Channel(_SNS, address, access=access_of(self.endpoint, self.profile))

    async def open(self) -> None:
        """Look the topic up by its whole name; PublisherError within 10 seconds if that fails."""
        await self._channel.open(self.find)

    def publish(self, message: OutgoingMessage) -> Coroutine[Any, Any, str]:
        """Send one message and return its id."""
        return self._channel.publish(message)

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Send many; PublisherError before any is sent if one of them breaks a limit."""
        return await self._channel.publish_batch(messages)

    async def close(self) -> None:
        """Let go of connections."""
        await self._channel.close()

    async def find(self, client: Client) -> str:
        """Return the topic's ARN, with an SDK client where it has to be looked up; PublisherError: there is none."""
        address = self._channel.address
        if address.arn:
            return address.arn
        with reading():
            async for page in client.get_paginator("list_topics").paginate():
                for topic in page.get("Topics", ()):
                    arn: str = topic["TopicArn"]
                    if arn.rpartition(":")[2] == address.name:
                        return arn
        region = client.meta.region_name
        raise PublisherError(f"topic {address.name!r} does not exist in region {region}: create it or correct its name")


def _address(parse: Callable[[str], Address], text: str, region: str | None) -> Address:
    try:
        return parse(text).within(region)
    except ValueError as error:
        raise PublisherError(str(error)) from error
