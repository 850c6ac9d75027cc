"""SQS's and SNS's limits and rules, once: every adapter refuses the same, in the same words."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:  # whoever needs a number alone, as settings do, need not wait for messages
    from loafer.domain.message import Message, OutgoingMessage

LONGEST_VISIBILITY = 43_200
"""Seconds that SQS accepts as a visibility timeout, and lets a message be kept invisible from its receipt.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
"""

LONGEST_LEASE = LONGEST_VISIBILITY - 5
"""Seconds from a message's receipt for which we keep it invisible at most: the time that calls take is in the rest."""

LONGEST_DELAY = 900
"""Seconds that a message may be delayed when it is sent.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

LONGEST_WAIT = 20
"""Seconds that a receive may wait for a first message."""

LARGEST_BATCH = 10
"""Entries in one batch request, and messages in one receive.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html
"""

LARGEST_MESSAGE = 1_048_576
"""Bytes of a message's body and attributes on a queue, and of a whole batch's.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

LARGEST_NOTIFICATION = 262_144
"""The same on a topic, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""

MOST_ATTRIBUTES = 10
"""Attributes that a message may have."""

LONGEST_NAME = 256
"""Characters of an attribute's name, and of its type."""

DEDUPLICATION_INTERVAL = 5 * 60
"""Seconds in which a FIFO queue takes a second message of the same deduplication id for the first one.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
"""

STILL_KNOWN = DEDUPLICATION_INTERVAL - 20
"""Seconds after a send in which a FIFO queue certainly takes a second copy for it; a call takes ten at most."""

_RESERVED = ("aws.", "amazon.")  # how no name of an attribute may begin, in any case
_RIGHT_NAME = (
    f"give letters, digits, _, - and single dots between these, {LONGEST_NAME} at most, and not AWS. or Amazon. first"
)
_TYPES = {"String", "Number", "Binary"}  # of attributes; each may have a label behind a full stop

FIFO = ".fifo"
"""How the name of a FIFO queue or topic ends: the services demand it."""


@cache
def _forbidden() -> re.Pattern[str]:
    """Return what finds a character that no message may hold; it takes milliseconds to compile."""
    return re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@cache
def _name() -> re.Pattern[str]:
    """Return what an attribute's name matches."""
    return re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@attrs.frozen
class Limits:
    """What one message to a queue or a topic may be.

    Attributes:
        kind: `queue` or `topic`.
        size: Bytes of a message's body and attributes, and of a whole batch's.
        delay: Seconds that a message may be delayed at most; None where nothing is delayed.
        ordered: True for FIFO: a message needs a group, and has no delay of its own.

    """

    kind: str
    size: int
    delay: int | None
    ordered: bool = False

    def of(self, name: str) -> "Limits":
        """Return these limits for a queue or topic of a name: FIFO if it ends so."""
        return attrs.evolve(self, ordered=name.endswith(FIFO))


QUEUE = Limits("queue", LARGEST_MESSAGE, LONGEST_DELAY)
TOPIC = Limits("topic", LARGEST_NOTIFICATION, None)


def mistake_in(message: "OutgoingMessage", limits: Limits) -> str | None:
    """Return in one line why a queue or topic would refuse a message; None: it takes it."""
    if not message.body:
        return "the body is empty; give it one character at least"
    if message.is_plain and not limits.ordered and size_of(message) <= limits.size:
        return None
    return (
        _forbidden_character(message)
        or _wrong_attribute(message)
        or _too_much(message, limits)
        or _wrong_delay(message.delay, limits)
        or _missing_group(message, limits)
    )


def is_attribute_name(name: object) -> bool:
    """Tell whether a message attribute may have a name.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME or not _name().fullmatch(name):
        return False
    return not name.lower().startswith(_RESERVED)


def mistake_in_queue(visibility_timeout: float, max_receive_count: int | None) -> str | None:
    """Return in one line why there can be no queue of these attributes; None: there can."""
    if not 0 <= visibility_timeout <= LONGEST_VISIBILITY:
        return f"visibility_timeout={visibility_timeout} is out of range; give 0 to {LONGEST_VISIBILITY} seconds"
    if max_receive_count is not None and max_receive_count < 1:
        return f"max_receive_count={max_receive_count} would deliver nothing; give 1 or more"
    return None


def size_of(message: "OutgoingMessage | Message") -> int:
    """Return a message's size in bytes as the services count it: body, and names, types and values of attributes."""
    body = message.body
    size = len(body) if body.isascii() else _bytes_of(body)  # as most are, and it is asked for each message
    if not message.attributes:
        return size
    for name, attribute in message.attributes.items():
        value = attribute.value
        size += _bytes_of(name) + _bytes_of(attribute.type)
        size += len(value) if isinstance(value, bytes) else _bytes_of(value)
    return size


def _bytes_of(text: str) -> int:
    # A received one may hold lone surrogates, which JSON can say and UTF-8 cannot.
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


def split(messages: Sequence["OutgoingMessage"], largest: int) -> Iterator[list["OutgoingMessage"]]:
    """Yield batches of at most 10 messages and `largest` bytes, in order; each message fits by itself."""
    batch: list[OutgoingMessage] = []
    taken = 0
    for message in messages:
        size = size_of(message)
        if batch and (len(batch) == LARGEST_BATCH or taken + size > largest):
            yield batch
            batch, taken = [], 0
        batch.append(message)
        taken += size
    if batch:
        yield batch


def _too_much(message: "OutgoingMessage", limits: Limits) -> str | None:
    if len(message.attributes) > MOST_ATTRIBUTES:
        return f"it has {len(message.attributes)} attributes; give it {MOST_ATTRIBUTES} at most"
    size = size_of(message)
    return f"body and attributes are {size} bytes; give it {limits.size} at most" if size > limits.size else None


def _wrong_attribute(message: "OutgoingMessage") -> str | None:
    for name, attribute in message.attributes.items():
        if not is_attribute_name(name):
            return f"attribute {name!r} has a name that no message takes; {_RIGHT_NAME}"
        kind = attribute.type
        if kind.partition(".")[0] not in _TYPES or len(kind) > LONGEST_NAME:
            return f"attribute {name!r} has the type {kind!r}; give String, Number or Binary, with a .label if need be"
        if not attribute.value:
            return f"attribute {name!r} is empty; give it a value, or leave it out"
    return None


def _wrong_delay(delay: int | None, limits: Limits) -> str | None:
    if delay is None:
        return None
    if limits.delay is None:
        return f"delay={delay}: a {limits.kind} has no delay; publish to a queue, or without"
    # SQS takes a delay of 0 there: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    if limits.ordered and delay:
        return f"delay={delay}: messages of a FIFO {limits.kind} have no delay of their own; give none"
    return None if 0 <= delay <= limits.delay else f"delay={delay} is out of range; give 0 to {limits.delay} seconds"


def _missing_group(message: "OutgoingMessage", limits: Limits) -> str | None:
    if limits.ordered and message.group is None:
        return f"it has no group, and messages of a FIFO {limits.kind} need a group id"
    return None


def _forbidden_character(message: "OutgoingMessage") -> str | None:
    texts: list[tuple[str, str | bytes | None]] = [
        ("the body", message.body),
        ("the group", message.group),
        ("the deduplication id", message.deduplication_id),
        ("the trace header", message.trace_header),
    ]
    for name, attribute in message.attributes.items():
        what = f"attribute {name!r}"
        texts += [(f"the name of {what}", name), (f"the type of {what}", attribute.type), (what, attribute.value)]
    for what, text in texts:
        found = _forbidden().search(text) if isinstance(text, str) and not text.isprintable() else None
        if found:
            character = f"U+{ord(found[0]):04X}"
            return f"{what} holds {character} at character {found.start()}, which no message may hold; encode it"
    return None
