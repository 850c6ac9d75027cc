"""Messages as a line of a file holds them: spelt as the AWS CLI spells what it receives, so that its users know it."""

import base64
from collections.abc import Mapping
from typing import Any

from loafer.adapters.aws.wire import message_of, wire_attributes
from loafer.domain.message import Message
from loafer.ports.inspector import Letter

ORIGIN = "DeadLetterQueueSourceArn"
_ARN = "arn:aws:sqs:::"


def entry_of(message: Message, origin: str | None = None) -> dict[str, Any]:
    """Return a message as JSON can hold it."""
    system = {
        "ApproximateReceiveCount": str(message.receive_count),
        "SentTimestamp": None if message.sent_at is None else str(round(message.sent_at * 1000)),
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.deduplication_id,
        ORIGIN: None if origin is None else _ARN + origin,
    }
    entry: dict[str, Any] = {
        "MessageId": message.id,
        "Body": message.body,
        "Attributes": {name: value for name, value in system.items() if value is not None},
    }
    own = wire_attributes(message.attributes)
    if own:
        entry["MessageAttributes"] = {name: _as_text(value) for name, value in own.items()}
    return entry


def letter_of(entry: Mapping[str, Any], source: str = "") -> Letter:
    """Return the letter in what `entry_of` made; it has no receipt that would settle anything.

    Raises:
        ValueError: it is none.

    """
    message = message_of({"ReceiptHandle": "none", **entry}, source)
    system = entry.get("Attributes")
    origin = system.get(ORIGIN) if isinstance(system, dict) else None
    return Letter(message, origin.rpartition(":")[2] if isinstance(origin, str) else None)


def _as_text(value: Mapping[str, str | bytes]) -> dict[str, str]:
    return {
        name: base64.b64encode(part).decode("ascii") if isinstance(part, bytes) else part
        for name, part in value.items()
    }
