"""The envelope in which SNS delivers a message to a queue, taken apart without believing it."""

from collections.abc import Collection, Mapping
from typing import Any

from loafer.adapters.aws.address import topic_address
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import Notification
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
    return Notification(body["TopicArn"], body["MessageId"], subject if isinstance(subject, str) else None)


def topics_of(given: Collection[str] | None) -> frozenset[str] | None:
    """Return the topics that are to be taken, None being all.

    Raises:
        ConfigurationError: there are none among them, or one is no ARN: anybody can have a topic of any name.

    """
    if given is None:
        return None
    topics = [] if isinstance(given, str) or not isinstance(given, Collection) else list(given)
    wrong = next((topic for topic in topics if not _is_arn(topic)), None if topics else given)
    if wrong is not None:
        right = "topics=['arn:aws:sns:sa-east-1:123456789012:orders']"
        raise ConfigurationError(f"topics: {wrong!r} is no ARN of a topic; give a list of them, as {right}")
    return frozenset(topics)


def shown(topic: str) -> str:
    """Return how a topic is told in a log; nothing where it is no ARN, for then it may be anything."""
    return f", but {topic}" if _is_arn(topic) else ""


def _is_arn(topic: object) -> bool:
    try:
        return isinstance(topic, str) and topic_address(topic).arn is not None
    except ValueError:
        return False
