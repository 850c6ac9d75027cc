"""What SQS and SNS refuse, refused here too: what is sent in memory could be sent there."""

import re

from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import LONGEST_VISIBILITY

LARGEST_MESSAGE = 1_048_576
"""Bytes of a message's body and attributes on a queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""

LARGEST_NOTIFICATION = 262_144
"""Bytes of a message's body and attributes on a topic, https://docs.aws.amazon.com/sns/latest/api/API_Publish.html."""

LONGEST_DELAY = 900
"""Seconds that a message may be delayed when it is sent."""

MOST_ATTRIBUTES = 10

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def mistake_in(message: OutgoingMessage, largest: int) -> str | None:
    """Return why neither a queue nor a topic takes a message of more than `largest` bytes, or of this kind at all."""
    if not message.body:
        return "the body is empty; give it one character at least"
    texts: list[str | bytes | None] = [message.body, message.group, message.deduplication_id]
    for name, attribute in message.attributes.items():
        texts += [name, attribute.type, attribute.value]
    for text in texts:
        if isinstance(text, str) and (found := _FORBIDDEN.search(text)):
            return f"U+{ord(found[0]):04X} is no character that a message may hold; leave it away, or encode it"
    if len(message.attributes) > MOST_ATTRIBUTES:
        return f"it has {len(message.attributes)} attributes; give it {MOST_ATTRIBUTES} at most"
    size = _size_of(message)
    return f"body and attributes are {size} bytes; give it {largest} at most" if size > largest else None


def mistake_in_delay(delay: int | None, *, fifo: bool) -> str | None:
    """Return why a queue does not take a message with such a delay in seconds."""
    if delay and fifo:
        return f"delay={delay}: messages of a FIFO queue have no delay of their own; give none"
    if delay is not None and not 0 <= delay <= LONGEST_DELAY:
        return f"delay={delay} is out of range; give 0 to {LONGEST_DELAY} seconds"
    return None


def mistake_in_queue(visibility_timeout: float, max_receive_count: int | None) -> str | None:
    """Return why there is no such queue."""
    if not 0 <= visibility_timeout <= LONGEST_VISIBILITY:
        return f"visibility_timeout={visibility_timeout} is out of range; give 0 to {LONGEST_VISIBILITY:.0f} seconds"
    if max_receive_count is not None and max_receive_count < 1:
        return f"max_receive_count={max_receive_count} would deliver nothing; give 1 or more"
    return None


def _size_of(message: OutgoingMessage) -> int:
    size = len(message.body.encode())
    for name, attribute in message.attributes.items():
        value = attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode()
        size += len(name.encode()) + len(attribute.type.encode()) + len(value)
    return size
