"""From a queue's or a topic's name and attributes to what is known of it."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from loafer.adapters.aws.address import Address, queue_address, topic_address
from loafer.adapters.aws.answers import count_in, redrive_policy_in
from loafer.domain.facts import Place, QueueFacts, TopicFacts
from loafer.exceptions import ConsumerError

_ACCOUNT = re.compile(r"/(\d{12})/[^/]+/?$")
_ANY = "*"
"""What stands for a part of an ARN that is not known."""


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
