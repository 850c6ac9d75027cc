"""The envelope in which SNS delivers a message to a queue, taken apart without believing it."""

import base64
from collections.abc import Collection, Mapping
from typing import Any

from loafer.adapters.aws.address import topic_address
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import NO_ATTRIBUTES, Attribute, Notification
from loafer.exceptions import ConfigurationError

_TYPES = ("Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation")
_FIELDS = ("Type", "MessageId", "TopicArn", "Message")


def is_envelope(body: Any) -> bool:
    """Tell whether a body claims to be SNS's: by its type, or by having a `Message` and nothing else."""
    return isinstance(body, dict) and (body.get("Type") in _TYPES or body.keys() == {"Message"})


def notification_of(body: Mapping[str, Any]) -> Notification:
    """Return what an envelope says of its message.

    Raises:
        InvalidTranslation: it is no message, or lacks something that SNS always says.

    """
    kind = body.get("Type")
    if kind in _TYPES[1:]:
        right = ": confirm it at its SubscribeURL" if kind == "SubscriptionConfirmation" else ""
        raise InvalidTranslation(f"the body is an SNS {kind}, not a message{right}")
    missing = [name for name in _FIELDS if not isinstance(body.get(name), str)]
    if missing:
        names = " and no ".join(repr(name) for name in missing)
        raise InvalidTranslation(f"the SNS envelope has no {names} that is a string")
    subject = body.get("Subject")
    return Notification(
        body["TopicArn"],
        body["MessageId"],
        subject if isinstance(subject, str) else None,
        attributes=_attributes_of(body.get("MessageAttributes")),
    )


def _attributes_of(told: Any) -> Mapping[str, Attribute]:
    """Return the message attributes in an envelope; one that is not as SNS tells them is left out."""
    if not isinstance(told, Mapping):
        return NO_ATTRIBUTES
    found = {name: _attribute_of(entry) for name, entry in told.items()}
    return {name: attribute for name, attribute in found.items() if attribute is not None}


def _attribute_of(entry: Any) -> Attribute | None:
    match entry:
        case {"Type": str(kind), "Value": str(value)} if kind.startswith("Binary"):
            try:
                return Attribute(base64.b64decode(value, validate=True), kind)
            except ValueError:
                return None
        case {"Type": str(kind), "Value": str(value)}:
            return Attribute(value, kind)
        case _:
            return None


def topics_of(given: Collection[str] | None) -> frozenset[str] | None:
    """Return the topics that are to be taken, None being all.

    Raises:
        ConfigurationError: there are none among them, or one is no ARN: anybody can have a topic of any name.

    """
    if given is None:
        return None
    topics = [] if isinstance(given, str) or not isinstance(given, Collection) else list(given)
    wrong = next((topic for topic in topics if not is_arn(topic)), None if topics else given)
    if wrong is not None:
        right = "topics=['arn:aws:sns:sa-east-1:123456789012:orders']"
        raise ConfigurationError(f"topics: {wrong!r} is no ARN of a topic; give a list of them, as {right}")
    return frozenset(topics)


def shown(topic: str) -> str:
    """Return how a topic is told in a log; nothing where it is no ARN, for then it may be anything."""
    return f", but {topic}" if is_arn(topic) else ""


def is_arn(topic: object) -> bool:
    """Tell whether something is the ARN of a topic."""
    try:
        return isinstance(topic, str) and topic_address(topic).arn is not None
    except ValueError:
        return False
