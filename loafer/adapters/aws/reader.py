"""Reads what queues and topics are, with the SDK: it is asked seldom, and by people."""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import attrs

from loafer.adapters.aws.address import Address, queue_address, topic_address
from loafer.adapters.aws.answers import count_in, mapping_in, redrive_policy_in
from loafer.adapters.aws.calls import Access, Client, access_of
from loafer.adapters.aws.errors import consumer_error, sdk_errors
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.session import shared_client
from loafer.domain.checks.topic import Subscription
from loafer.domain.checks.worker import PROBED, Probed
from loafer.domain.facts import Place, QueueFacts, TopicFacts
from loafer.domain.shown import without_secrets
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable
from loafer.ports.reader import Reader

_ACCOUNT = re.compile(r"/(\d{12})/[^/]+/?$")
_ANY = "*"
"""What stands for a part of an ARN that is not known."""

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
                told = consumer_error(error, f"{'queue' if service == 'sqs' else 'topic'} {address.name!r}")
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


def address_of(place: Place, *, topic: bool) -> Address:
    """Return the address of a place; ConsumerError if it names none."""
    try:
        return (topic_address if topic else queue_address)(place.text).within(place.region)
    except ValueError as error:
        told = ConsumerError(str(error))
    raise told


def queue_unread(place: Place) -> QueueFacts:
    """Return what a queue's name and the environment say of it; ConsumerError if it names none."""
    address = address_of(place, topic=False)
    return attrs.evolve(facts_of(address, _region_set(), address.url or "", {}), known=False)


def topic_unread(place: Place, region: str | None = None) -> TopicFacts:
    """Return what a topic's name and a region say of it, or the environment's; ConsumerError if it names none."""
    address = address_of(place, topic=True)
    arn = address.arn or f"arn:aws:sns:{address.region or region or _region_set() or _ANY}:{_ANY}:{address.name}"
    return TopicFacts(name=address.name, arn=arn, looked_up=address.arn is None)


def _region_set() -> str | None:
    return os.environ.get("AWS_DEFAULT_REGION") or None


def facts_of(address: Address, region: str | None, url: str, said: Mapping[str, Any]) -> QueueFacts:
    """Return what the attributes of a queue say, which may be none."""
    account = _ACCOUNT.search(url)
    place = f"{address.region or region or _ANY}:{address.account or (account[1] if account else _ANY)}"
    attempts, dead_letters = redrive_policy_in(said)
    return QueueFacts(
        name=address.name,
        arn=str(said.get("QueueArn") or address.arn or f"arn:aws:sqs:{place}:{address.name}"),
        url=url,
        looked_up=address.url is None,
        visible=count_in(said, "ApproximateNumberOfMessages"),
        in_flight=count_in(said, "ApproximateNumberOfMessagesNotVisible"),
        delayed=count_in(said, "ApproximateNumberOfMessagesDelayed"),
        visibility_timeout=_number(said, "VisibilityTimeout"),
        retention=_number(said, "MessageRetentionPeriod"),
        dead_letters=dead_letters,
        max_receive_count=attempts or None,
        takes_from=_takes_from(said),
        key=said.get("KmsMasterKeyId") or None,
        managed_key=said.get("SqsManagedSseEnabled") == "true",
        deduplication_scope=said.get("DeduplicationScope"),
        throughput_limit=said.get("FifoThroughputLimit"),
        statements=_statements(said),
    )


def _number(said: Mapping[str, Any], name: str) -> int | None:
    return count_in(said, name) if name in said else None


def _read(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the object in the JSON of an attribute; an empty one where there is none, or none that can be read."""
    try:
        read = json.loads(said.get(name) or "{}")
    except (ValueError, TypeError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _takes_from(said: Mapping[str, Any]) -> Sequence[str] | None:
    allowed = _read(said, "RedriveAllowPolicy")
    if allowed.get("redrivePermission") == "denyAll":
        return ()
    named = allowed.get("sourceQueueArns")
    if allowed.get("redrivePermission") != "byQueue" or not isinstance(named, list):
        return None
    return tuple(str(arn) for arn in named)


def _statements(said: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    statements = _read(said, "Policy").get("Statement") or ()
    found = [statements] if isinstance(statements, dict) else statements
    return tuple(each for each in found if isinstance(each, dict)) if isinstance(found, list) else ()
