"""The rules for a queue behind a topic, and for who may send."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import attrs

from loafer.domain.checks.finding import Finding, Level
from loafer.domain.facts import QueueFacts
from loafer.domain.permissions import AWS_OWN


@attrs.frozen(kw_only=True)
class Subscription:
    """A queue's subscription to a topic.

    Attributes:
        topic: The topic's ARN.
        raw: Whether messages come as they were published, without SNS's envelope.
        filter: Its filter policy, as text; None: there is none.

    """

    topic: str
    raw: bool = False
    filter: str | None = None


@attrs.frozen(kw_only=True)
class Translating:
    """What a route's translator does with envelopes.

    Attributes:
        name: Its name.
        opens: Whether it takes content out of an envelope.
        insists: Whether it refuses what has none.
        own: Whether it is none of loafer's, so that nobody knows.

    """

    name: str
    opens: bool = False
    insists: bool = False
    own: bool = False


SNS = "sns.amazonaws.com"
_KEYS = ("aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid")
"""What a condition may say of who has SNS send."""

_SENDING = ("sqs:sendmessage", "sqs:*", "*")


def of_subscription(queue: QueueFacts, subscription: Subscription, translating: Translating) -> Iterator[Finding]:
    """Yield what is found of a subscription."""
    topic = subscription.topic.rpartition(":")[2]
    kind = "raw" if subscription.raw else "in envelopes"
    about = f"topic {topic}"
    if subscription.raw and translating.insists:
        text = f"{kind}, and {translating.name} with topics or verify takes envelopes alone; switch raw delivery off"
        yield Finding(Level.ERROR, about, text)
    elif not subscription.raw and not translating.opens and not translating.own:
        right = "use loafer.aws.message_translator.SNSMessageTranslator, or raw delivery"
        yield Finding(Level.ERROR, about, f"{kind}, and handlers get these from {translating.name}: {right}")
    else:
        yield Finding(Level.OK, about, f"{kind}, read by {translating.name}")
    if subscription.filter is not None:
        yield Finding(Level.OK, "filter policy", f"of {topic}, what does not fit never comes: {subscription.filter}")
    if not any(_lets_topic(statement, subscription.topic) for statement in queue.statements):
        text = f"it does not let {topic} send; allow sqs:SendMessage to {SNS} with aws:SourceArn {subscription.topic}"
        yield Finding(Level.ERROR, "queue policy", text)
    if queue.key and AWS_OWN in queue.key:
        text = f"{queue.key}: SNS may not use AWS's own key, so nothing of {topic} comes; use SSE-SQS or a key of yours"
        yield Finding(Level.ERROR, "encryption", text)


def of_senders(queue: QueueFacts) -> Iterator[Finding]:
    """Yield what is found of a queue's policy: who may send without being asked for more."""
    for statement in queue.statements:
        if statement.get("Effect") != "Allow" or not _is_sending(statement):
            continue
        principals = list(_principals(statement))
        if SNS in principals and not any(_named(statement, key) for key in _KEYS):
            text = f"it lets {SNS} send for any topic of anybody; add a condition on aws:SourceArn"
            yield Finding(Level.WARN, "queue policy", text)
        elif "*" in principals and not statement.get("Condition"):
            yield Finding(Level.WARN, "queue policy", "it lets everybody send; name who may, or add a condition")


def topics_let(queue: QueueFacts) -> list[str]:
    """Return the ARNs of the topics that a queue's policy names."""
    arns = [arn for statement in queue.statements for arn in _sources(statement)]
    return list(dict.fromkeys(arn for arn in arns if ":sns:" in arn and not {"*", "?"} & set(arn)))


def _lets_topic(statement: Mapping[str, Any], topic: str) -> bool:
    if statement.get("Effect") != "Allow" or not _is_sending(statement):
        return False
    if not {SNS, "*"} & set(_principals(statement)):
        return False
    sources = _sources(statement)
    return not sources or any(fnmatchcase(topic, source) for source in sources)


def _is_sending(statement: Mapping[str, Any]) -> bool:
    return any(action.lower() in _SENDING for action in _texts(statement.get("Action")))


def _principals(statement: Mapping[str, Any]) -> Iterator[str]:
    said = statement.get("Principal")
    for each in said.values() if isinstance(said, Mapping) else (said,):
        yield from _texts(each)


def _sources(statement: Mapping[str, Any]) -> list[str]:
    return _named(statement, "aws:sourcearn")


def _named(statement: Mapping[str, Any], key: str) -> list[str]:
    """Return what the conditions of a statement say of a key, which is written in lower case here."""
    condition = statement.get("Condition")
    operators = condition.values() if isinstance(condition, Mapping) else ()
    return [
        text
        for operator in operators
        if isinstance(operator, Mapping)
        for name, value in operator.items()
        if name.lower() == key
        for text in _texts(value)
    ]


def _texts(value: object) -> Sequence[str]:
    if isinstance(value, str):
        return [value]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list | tuple) else []
