"""The services' limits, checked before anything is sent, so that nothing is half-sent."""

import re
from collections.abc import Iterator, Sequence

import attrs

from loafer.adapters.aws.batches import BATCH_LIMIT
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import PublisherError

_MAX_ATTRIBUTES = 10
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@attrs.frozen
class Limits:
    """What one message may be.

    Attributes:
        size: Bytes of a message's body and attributes, and of a whole batch's.
        delay: Seconds that a message may be delayed at most; None where there are no delays.

    """

    size: int
    delay: int | None


def check(message: OutgoingMessage, limits: Limits, where: str = "") -> None:
    """Raise PublisherError, its one line starting with `where`, for a message that the service would refuse."""
    mistake = _mistake(message, limits)
    if mistake:
        raise PublisherError(where + mistake)


def size_of(message: OutgoingMessage) -> int:
    """Return a message's size in bytes as the services count it: body, and names, types and values of attributes."""
    size = len(message.body.encode())
    for name, attribute in message.attributes.items():
        value = attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode()
        size += len(name.encode()) + len(attribute.type.encode()) + len(value)
    return size


def split(messages: Sequence[OutgoingMessage], max_bytes: int) -> Iterator[list[OutgoingMessage]]:
    """Yield batches of at most 10 messages and `max_bytes` bytes, in order; each message fits by itself."""
    batch: list[OutgoingMessage] = []
    taken = 0
    for message in messages:
        size = size_of(message)
        if batch and (len(batch) == BATCH_LIMIT or taken + size > max_bytes):
            yield batch
            batch, taken = [], 0
        batch.append(message)
        taken += size
    if batch:
        yield batch


def _mistake(message: OutgoingMessage, limits: Limits) -> str | None:
    if not message.body:
        return "the body is empty: a message needs at least one character"
    return _forbidden(message) or _too_much(message, limits) or _wrong_delay(message.delay, limits.delay)


def _too_much(message: OutgoingMessage, limits: Limits) -> str | None:
    if len(message.attributes) > _MAX_ATTRIBUTES:
        return f"{len(message.attributes)} message attributes: at most {_MAX_ATTRIBUTES} are allowed"
    size = size_of(message)
    return f"body and attributes are {size} bytes: at most {limits.size} are allowed" if size > limits.size else None


def _wrong_delay(delay: int | None, most: int | None) -> str | None:
    if delay is None:
        return None
    if most is None:
        return f"a delay of {delay} seconds: a topic cannot delay a message"
    return None if 0 <= delay <= most else f"a delay of {delay} seconds: it must be from 0 to {most}"


def _forbidden(message: OutgoingMessage) -> str | None:
    texts: list[tuple[str, str | bytes | None]] = [
        ("the body", message.body),
        ("the group", message.group),
        ("the deduplication id", message.deduplication_id),
    ]
    for name, attribute in message.attributes.items():
        what = f"attribute {name!r}"
        texts += [(f"the name of {what}", name), (f"the type of {what}", attribute.type), (what, attribute.value)]
    for what, text in texts:
        found = _FORBIDDEN.search(text) if isinstance(text, str) else None
        if found:
            return f"{what} holds U+{ord(found[0]):04X} at character {found.start()}, which is not allowed in a message"
    return None
