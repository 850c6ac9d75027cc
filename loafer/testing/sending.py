"""What tests publish, and what they read back: content to bodies, bodies to content."""

import json
from collections.abc import Callable, Mapping, Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.exceptions import PublisherError
from loafer.ports.publisher import Publisher

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
        TypeError: the same, of the kind of the value.

    """
    body = content if isinstance(content, str) else json.dumps(content, allow_nan=False)
    typed = {name: attribute_of(value) for name, value in (attributes or {}).items()}
    return OutgoingMessage(body, typed, delay, group, deduplication_id)


def attribute_of(value: AttributeValue) -> Attribute:
    """Return a message attribute: a string, bytes, or a number."""
    if isinstance(value, Attribute):
        return value
    if isinstance(value, str):
        return Attribute(value)
    return Attribute(value, "Binary") if isinstance(value, bytes) else Attribute(str(value), "Number")


def content_in(body: str) -> object:
    """Return what a body's JSON says, or the body itself where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body


@attrs.define(eq=False)
class CallingPublisher(Publisher):
    """A publisher that calls a function for each message, which returns its id or raises ValueError."""

    send: Callable[[OutgoingMessage], str]

    async def open(self) -> None:
        """Nothing is to be found."""

    async def publish(self, message: OutgoingMessage) -> str:
        """Send one message and return its id."""
        try:
            return self.send(message)
        except ValueError as error:
            raise PublisherError(str(error)) from error

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Send many."""
        results: list[str | Failure] = []
        for message in messages:
            try:
                results.append(self.send(message))
            except ValueError as error:
                results.append(Failure(str(error), retryable=False))
        return results

    async def close(self) -> None:
        """Nothing is to be closed."""
