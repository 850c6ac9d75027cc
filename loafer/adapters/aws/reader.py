"""Reads what queues and topics are, with the SDK: it is asked seldom, and by people."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from loafer.adapters.aws.address import Address
from loafer.adapters.aws.ages import ages_of
from loafer.adapters.aws.answers import mapping_in
from loafer.adapters.aws.calls import Access, Client, access_of
from loafer.adapters.aws.errors import consumer_error, sdk_errors
from loafer.adapters.aws.facts import address_of, facts_of, topic_unread
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.session import shared_client
from loafer.domain.checks.topic import Subscription
from loafer.domain.checks.worker import PROBED, Probed
from loafer.domain.facts import Place, QueueFacts, TopicFacts
from loafer.domain.shown import without_secrets
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable
from loafer.ports.reader import Reader

NOBODYS = "loafer-check-nobodys-receipt"
"""A receipt that SQS never gave to anybody."""


@attrs.define(eq=False)
class AWSReader(Reader):
    """Reads queues and topics of SQS and SNS."""

    _stack: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False)
    _clients: dict[tuple[object, ...], Client] = attrs.field(factory=dict, init=False)

    async def queue(self, place: Place) -> QueueFacts:
        """Look a queue up, and ask for its attributes."""
        address = address_of(place, topic=False)
        client = await self.client("sqs", address, place)
        reached = {"endpoint": without_secrets(client.meta.endpoint_url), "region": client.meta.region_name}
        try:
            queue = await Queue(address, client).found()
        except AccessDenied as error:
            told = AccessDenied(f"sqs:GetQueueUrl: {error}")
        else:
            return attrs.evolve(await self._facts(queue), **reached)
        raise told

    async def _facts(self, queue: Queue) -> QueueFacts:
        began = time.time()
        try:
            answer = await queue.call("get_queue_attributes", AttributeNames=["All"])
        except AccessDenied:
            return attrs.evolve(facts_of(queue.address, queue.region, queue.url, {}), known=False)
        facts = facts_of(queue.address, queue.region, queue.url, mapping_in(answer, "Attributes"))
        return attrs.evolve(facts, skew=_skew(answer, (began + time.time()) / 2))

    async def topic(self, place: Place) -> TopicFacts:
        """Look a topic up, and ask for its attributes."""
        from loafer.adapters.aws.publisher import SNSPublisher  # noqa: PLC0415 - only topics need it

        address = address_of(place, topic=True)
        client = await self.client("sns", address, place)
        unread = topic_unread(place, client.meta.region_name)
        try:
            unread = attrs.evolve(unread, arn=await SNSPublisher(place.text, region=place.region).find(client))
            said = mapping_in(await client.get_topic_attributes(TopicArn=unread.arn), "Attributes")
        except sdk_errors() as error:
            told = consumer_error(error, f"topic {address.name!r}", client.meta.region_name)
        else:
            return attrs.evolve(unread, key=said.get("KmsMasterKeyId") or None)
        if isinstance(told, AccessDenied):
            return unread
        raise told

    async def queues(self, prefix: str) -> Sequence[str]:
        """Ask for the list, a thousand a page."""
        client = await self.client("sqs", Address(prefix or "*"), Place(text=prefix))
        named = {"QueueNamePrefix": prefix} if prefix else {}
        found = list[str]()
        try:
            async for page in client.get_paginator("list_queues").paginate(
                **named, PaginationConfig={"PageSize": 1000}
            ):
                found += page.get("QueueUrls", ())
        except sdk_errors() as error:
            told = consumer_error(error, "the list of queues", client.meta.region_name)
        else:
            return found
        raise told

    async def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        """Ask CloudWatch, for five hundred queues a call."""
        client = await self.client("cloudwatch", Address("*"), Place(text="*"))
        try:
            return await ages_of(client, names)
        except sdk_errors() as error:
            told = consumer_error(error, "CloudWatch", client.meta.region_name)
        raise told

    async def subscriptions(self, place: Place, queue: QueueFacts, topics: Sequence[str]) -> Sequence[Subscription]:
        """Ask SNS topic by topic, or for all subscriptions of the account, a hundred a page."""
        address = address_of(attrs.evolve(place, text=queue.arn, region=None), topic=False)
        client = await self.client("sns", address, place)
        found = list[Subscription]()
        try:
            for parameters in [{"TopicArn": topic} for topic in topics] or [{}]:
                operation = "list_subscriptions_by_topic" if parameters else "list_subscriptions"
                async for page in client.get_paginator(operation).paginate(**parameters):
                    for each in page.get("Subscriptions", ()):
                        if each["Endpoint"] == queue.arn and each["Protocol"] == "sqs":
                            found.append(await _subscription(client, each))
        except sdk_errors() as error:
            told = consumer_error(error, f"the subscriptions of queue {queue.name!r}", client.meta.region_name)
        else:
            return found
        raise told

    async def probe(self, place: Place, queue: QueueFacts) -> Sequence[Probed]:
        """Call DeleteMessage and ChangeMessageVisibility."""
        address = attrs.evolve(address_of(place, topic=False), url=queue.url)
        reached = Queue(address, await self.client("sqs", address, place), queue.url)
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("delete_message", {}),
            ("change_message_visibility", {"VisibilityTimeout": 0}),
        )
        return [await _probed(reached, *call, action) for call, action in zip(calls, PROBED, strict=True)]

    async def client(self, service: str, address: Address, place: Place) -> Client:
        """Return a client for a place; raises as everything here does."""
        access: Access = access_of(place.endpoint, place.profile)
        key = service, address.region, place.endpoint, place.profile
        if key not in self._clients:
            try:
                made = shared_client(service, address.region, **access)
                self._clients[key] = await self._stack.enter_async_context(made)
            except sdk_errors() as error:
                noun = {"sqs": f"queue {address.name!r}", "sns": f"topic {address.name!r}"}.get(service, "CloudWatch")
                told = consumer_error(error, noun)
            else:
                return self._clients[key]
            raise told
        return self._clients[key]

    async def close(self) -> None:
        """Let go of connections."""
        self._clients.clear()
        await self._stack.aclose()


async def _subscription(client: Client, listed: Mapping[str, Any]) -> Subscription:
    said: Mapping[str, Any] = {}
    if listed["SubscriptionArn"].startswith("arn:"):  # else it waits to be confirmed
        answer = await client.get_subscription_attributes(SubscriptionArn=listed["SubscriptionArn"])
        said = mapping_in(answer, "Attributes")
    policy = said.get("FilterPolicy")
    raw = str(said.get("RawMessageDelivery")).lower() == "true"
    return Subscription(topic=listed["TopicArn"], raw=raw, filter=policy if policy not in {None, "", "{}"} else None)


async def _probed(queue: Queue, operation: str, parameters: dict[str, Any], action: str) -> Probed:
    """Tell what came of a call with a receipt that is nobody's: that it is refused for the receipt, it is allowed."""
    try:
        await queue.call(operation, ReceiptHandle=NOBODYS, **parameters)
    except AccessDenied as error:
        return Probed(action, denied=str(error))
    except ConsumerUnavailable as error:
        return Probed(action, unknown=str(error))
    except ConsumerError:
        return Probed(action)
    return Probed(action)


def _skew(answer: Mapping[str, Any], now: float) -> float | None:
    """Return by how much a clock that says `now` is ahead of whoever answered; a date has whole seconds."""
    try:
        date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, TypeError, ValueError):
        return None
    skew = now - date.replace(tzinfo=date.tzinfo or UTC).timestamp()
    return 0.0 if 0 <= skew < 1 else skew
