"""The permissions that each use of a queue or a topic needs, and the least policy that allows a set of uses."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from loafer.domain.facts import QueueFacts, TopicFacts

RECEIVING = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:GetQueueAttributes")
"""What a worker calls on its source, in any case."""

QUEUE_LOOK_UP = "sqs:GetQueueUrl"
"""What is called where a queue is named by anything but its URL."""

SENDING = "sqs:SendMessage"
"""What is called on a queue that is published to, and on a dead-letter queue that we move messages to."""

TOPIC_LOOK_UP = "sns:ListTopics"
"""What is called where a topic is named by anything but its ARN; it is allowed for all topics or for none."""

PUBLISHING = "sns:Publish"
"""What is called on a topic."""

OPENING = ("kms:Decrypt",)
"""What receiving from an encrypted queue needs of its key."""

SEALING = ("kms:Decrypt", "kms:GenerateDataKey")
"""What sending to an encrypted queue or topic needs of its key."""

AWS_OWN = "alias/aws/"
"""How the aliases of AWS's own keys begin: those keys let whoever may use the queue."""

_Condition = tuple[tuple[str, str, str], ...]


@attrs.frozen
class Grant:
    """One permission: an action on a resource, under a condition of (operator, key, value)."""

    action: str
    resource: str
    condition: _Condition = ()


def of_source(queue: QueueFacts, dead_letters: QueueFacts | None = None) -> Iterator[Grant]:
    """Yield what a worker needs to receive from a queue, and to move messages to a dead-letter queue by itself."""
    yield from (Grant(action, queue.arn) for action in RECEIVING)
    if queue.looked_up:
        yield Grant(QUEUE_LOOK_UP, queue.arn)
    yield from _of_key(OPENING, queue.key, queue.arn)
    if dead_letters is not None:
        yield Grant(QUEUE_LOOK_UP, dead_letters.arn)  # its ARN alone is known
        yield Grant(SENDING, dead_letters.arn)
        yield from _of_key(SEALING, dead_letters.key, dead_letters.arn)


def of_queue_published_to(queue: QueueFacts) -> Iterator[Grant]:
    """Yield what a publisher needs to send to a queue."""
    yield Grant(SENDING, queue.arn)
    if queue.looked_up:
        yield Grant(QUEUE_LOOK_UP, queue.arn)
    yield from _of_key(SEALING, queue.key, queue.arn)


def of_topic_published_to(topic: TopicFacts) -> Iterator[Grant]:
    """Yield what a publisher needs to publish to a topic."""
    yield Grant(PUBLISHING, topic.arn)
    if topic.looked_up:
        yield Grant(TOPIC_LOOK_UP, "*")
    yield from _of_key(SEALING, topic.key, topic.arn)


def policy_of(grants: Iterable[Grant]) -> dict[str, Any]:
    """Return the policy that allows this and nothing else; what needs the same is one statement."""
    actions: dict[tuple[str, _Condition], set[str]] = {}
    for grant in grants:
        actions.setdefault((grant.resource, grant.condition), set()).add(grant.action)
    resources: dict[tuple[tuple[str, ...], _Condition], list[str]] = {}
    for (resource, condition), allowed in actions.items():
        resources.setdefault((tuple(sorted(allowed)), condition), []).append(resource)
    statements = [
        {"Effect": "Allow", "Action": list(allowed), "Resource": _one_or_all(found), **_condition(condition)}
        for (allowed, condition), found in resources.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def _of_key(needed: Iterable[str], key: str | None, arn: str) -> Iterator[Grant]:
    """Yield what is needed of a key: named by its ARN, its id, or an alias, which no resource can be."""
    if not key or key.startswith(AWS_OWN) or f":{AWS_OWN}" in key:
        return
    partition, service, region, account = [*arn.split(":"), "*", "*", "*", "*"][1:5]
    domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    via = "" if region == "*" else f"{service}.{region}.{domain}"
    condition: _Condition = (("StringEquals", "kms:ViaService", via),) if via else ()
    alias = key.rpartition(":")[2] if "alias/" in key else ""
    if alias:
        condition = (("ForAnyValue:StringEquals", "kms:ResourceAliases", alias), *condition)
    known = key.startswith("arn:") and not alias
    resource = key if known else f"arn:{partition}:kms:{region}:{account}:key/{'*' if alias else key}"
    yield from (Grant(action, resource, condition) for action in needed)


def _one_or_all(found: list[str]) -> str | list[str]:
    return found[0] if len(found) == 1 else found


def _condition(condition: _Condition) -> Mapping[str, Any]:
    said: dict[str, dict[str, str]] = {}
    for operator, key, value in condition:
        said.setdefault(operator, {})[key] = value
    return {"Condition": said} if said else {}
