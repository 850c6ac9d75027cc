"""What travels: a message as it was received, and a message as it is to be published."""

from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType

import attrs

from loafer.domain.shown import printable


@attrs.frozen(slots=True)
class Attribute:
    """A message attribute: its value, and its SQS data type (`String`, `Number`, `Binary`, or one with a `.suffix`)."""

    value: str | bytes
    type: str = "String"


NO_ATTRIBUTES: Mapping[str, Attribute] = MappingProxyType({})


@attrs.frozen(slots=True)
class Notification:
    """What a topic says of a message that came through it; a translator has checked as much of it as it was told to.

    Attributes:
        topic: The ARN of the topic.
        id: The id that the topic gave the message; on each queue it has another one.
        subject: The subject that it was published with; None where there is none.
        type: What kind of notice it is: `Notification`.
        attributes: The message attributes that it was published with, by name; SNS does not sign them.

    """

    topic: str
    id: str
    subject: str | None = None
    type: str = "Notification"
    attributes: Mapping[str, Attribute] = NO_ATTRIBUTES


@attrs.frozen(slots=False)  # which makes one in half the time, and one is made for each that comes
class Message:
    """A message as a consumer received it.

    Attributes:
        id: The message id; the same on every delivery. What is not printable in it is escaped: it is shown in logs.
        body: The body as it was sent.
        receipt: The receipt handle of this one delivery: what acknowledges, releases or extends it.
        receive_count: How often the queue has delivered the message, this delivery included; 1 or more.
        group: The message group id: on a FIFO queue what is delivered in order; None where there is none.
        deduplication_id: The deduplication id of a FIFO queue's message.
        sent_at: When it was sent, in seconds since the epoch; None where the source does not say.
        attributes: The message attributes by name.
        source: The source it came from, as the route names it.
        notification: What the topic says of it; None until its translator has said so, and where there is no topic.
        runs_before: How often its handler ran before since this delivery: on a FIFO queue it runs again in its place.
        trace_header: What AWS X-Ray's tracing header says of where it was sent; None where it has none.

    """

    id: str = attrs.field(converter=printable)
    body: str
    receipt: str
    receive_count: int = 1
    group: str | None = None
    deduplication_id: str | None = None
    sent_at: float | None = None
    attributes: Mapping[str, Attribute] = NO_ATTRIBUTES
    source: str = ""
    notification: Notification | None = None
    runs_before: int = 0
    trace_header: str | None = None

    @property
    def attempt(self) -> int:
        """Which attempt at the message this is: the deliveries so far, and the earlier runs since the last one."""
        return self.receive_count + self.runs_before


@attrs.frozen(slots=False)
class OutgoingMessage:
    """A message to be published.

    Attributes:
        body: The body.
        attributes: The message attributes by name.
        delay: Seconds until the queue shows it (0 to 900); None leaves it to the queue.
        group: The message group id; needed by FIFO queues.
        deduplication_id: The deduplication id of a FIFO queue's message.
        trace_header: AWS X-Ray's tracing header, which is no attribute of its own and takes no place; for queues alone.

    """

    body: str
    attributes: Mapping[str, Attribute] = NO_ATTRIBUTES
    delay: int | None = None
    group: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None

    @cached_property
    def is_plain(self) -> bool:
        """True if there is nothing but a printable body, as in most; it is asked on the way more than once."""
        more = self.attributes or self.group or self.deduplication_id or self.trace_header
        return not more and self.delay is None and _is_printable(self.body)


_PRINTABLE_ASCII = bytes(range(0x20, 0x7F))


def _is_printable(text: str) -> bool:
    """Tell whether a text is printable, as `isprintable` does, in a half to a seventh of its time."""
    return not text.encode().translate(None, _PRINTABLE_ASCII) if text.isascii() else text.isprintable()
