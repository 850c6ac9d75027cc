"""What tests publish, and what they read back: content to bodies, bodies to content."""

import json
from collections.abc import Mapping

import attrs

from loafer.domain.message import Attribute, OutgoingMessage

AttributeValue = str | bytes | int | float | Attribute
"""A message attribute as a test may write it."""


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


def attributes_of(values: Mapping[str, AttributeValue]) -> dict[str, Attribute]:
    """Return message attributes: strings, bytes, or numbers.

    Raises:
        TypeError: one is none of these.

    """
    return {name: _attribute(name, value) for name, value in values.items()}


def _attribute(name: str, value: AttributeValue) -> Attribute:
    match value:
        case Attribute():
            return value
        case str():
            return Attribute(value)
        case bytes():
            return Attribute(value, "Binary")
        case int() | float() if not isinstance(value, bool):
            return Attribute(str(value), "Number")
    raise TypeError(f"attribute {name!r} is {value!r}; give a string, bytes, a number, or an Attribute")


def content_in(body: str) -> object:
    """Return what a body's JSON says, or the body itself where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body
