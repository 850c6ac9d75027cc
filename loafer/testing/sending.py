"""What tests publish, and what they read back: content to bodies, bodies to content."""

import json
from collections.abc import Mapping

import attrs

from loafer.domain.attributes import AttributeValue, attributes_of
from loafer.domain.message import OutgoingMessage


@attrs.frozen
class Timed:
    """A message that is published so many seconds from now."""

    after: float
    message: OutgoingMessage


def outgoing(
    content: object,
    *,
    attributes: Mapping[str, AttributeValue] | None = None,
    group: str | None = None,
    deduplication_id: str | None = None,
    delay: int | None = None,
) -> OutgoingMessage:
    """Return the message that carries content: a string as it is, anything else as JSON.

    Raises:
        ValueError: it is no value that JSON has.
        TypeError: the same, of the kind of the value; or an attribute is nothing that an attribute can be.

    """
    body = content if isinstance(content, str) else json.dumps(content, allow_nan=False)
    return OutgoingMessage(body, attributes_of(attributes or {}), delay, group, deduplication_id)


def content_in(body: str) -> object:
    """Return what a body's JSON says, or the body itself where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body
