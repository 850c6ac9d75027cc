"""What SQS says that it got, compared with what was sent: the MD5 of the body, and that of the attributes."""

import hashlib
from collections.abc import Mapping
from typing import Any

from loafer.domain.message import Attribute, OutgoingMessage


def confirms(answer: Mapping[str, Any], message: OutgoingMessage) -> bool:
    """Tell whether SendMessage's answer is about this message; a digest that an endpoint leaves out is not asked for.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    """
    attributes = answer.get("MD5OfMessageAttributes")
    if not confirms_body(answer, message.body):
        return False
    return not (attributes and message.attributes) or attributes == digest_of(message.attributes)


def confirms_body(answer: Mapping[str, Any], body: str) -> bool:
    """Tell whether SendMessage's answer is about a message with this body, as far as it says so."""
    digest = answer.get("MD5OfMessageBody")
    return not digest or digest == _md5(body.encode())


def digest_of(attributes: Mapping[str, Attribute]) -> str:
    """Return the MD5 of message attributes, as SQS computes it."""
    parts = []
    for name, attribute in sorted(attributes.items()):
        value = attribute.value
        kind, data = (b"\x02", value) if isinstance(value, bytes) else (b"\x01", value.encode())
        parts += [_sized(name.encode()), _sized(attribute.type.encode()), kind, _sized(data)]
    return _md5(b"".join(parts))


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
