"""What a queue of the strict endpoint stores, refuses and remembers."""

from typing import Any

import attrs

Answer = dict[str, Any]
INVALID = "InvalidParameterValue"
NOT_IN_FLIGHT = "AWS.SimpleQueueService.MessageNotInflight"


class Refusal(Exception):
    """An answer that is an error: its code, its message, its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code, self.message, self.status = code, message, status


@attrs.frozen
class Event:
    """Something that happened to a message.

    Attributes:
        at: When, in seconds since the epoch.
        what: `sent`, `repeated` (a send that deduplication swallowed), `received`, `extended`, `released`, `expired`,
            `deleted`, `refused`, `moved`, `purged`, or `received again` by the same attempt.
        id: The message id.
        worker: Who called, by its access key; the queue itself where nobody did.
        receives: How often the message had been received by then.
        detail: The body of what was sent; the seconds of an extension; why something was refused; where it moved;
            `unanswered` for a receive whose caller was gone.

    """

    at: float
    what: str
    id: str
    worker: str = ""
    receives: int = 0
    detail: str = ""


@attrs.frozen
class Attempt:
    """A receive that has an id: when it was first made, the receipts that it brought, and until when they hold."""

    at: float
    taken: dict[str, tuple[str, float]]


@attrs.define(eq=False)
class Stored:
    """A message on a queue.

    Attributes:
        receipt: The newest receipt handle; empty before the first receive.
        visible_at: When it can be received (again).
        received_at: When it was received last: the 12 hours are counted from it.

    """

    id: str
    body: str
    md5: str
    sequence: int
    sent_at: float
    visible_at: float
    group: str | None = None
    deduplication_id: str | None = None
    attributes: dict[str, Any] = attrs.field(factory=dict)
    trace_header: str | None = None
    receives: int = 0
    receipt: str = ""
    received_at: float = 0.0
    first_received_at: float = 0.0
    dead_letter_source: str = ""
    noticed: bool = True
    """False while it is in flight: its end by itself is still to be noted."""

    def in_flight(self, now: float) -> bool:
        return bool(self.receipt) and self.visible_at > now

    def as_received(self, system_names: list[str], attribute_names: list[str]) -> Answer:
        """Return what ReceiveMessage says of it: of its attributes those that were asked for."""
        known = {
            "ApproximateReceiveCount": str(self.receives),
            "ApproximateFirstReceiveTimestamp": str(int(self.first_received_at * 1000)),
            "SentTimestamp": str(int(self.sent_at * 1000)),
            "SenderId": "AIDAEXAMPLE",
            "MessageGroupId": self.group,
            "MessageDeduplicationId": self.deduplication_id,
            "SequenceNumber": str(self.sequence) if self.deduplication_id else None,
            "AWSTraceHeader": self.trace_header,
            "DeadLetterQueueSourceArn": self.dead_letter_source or None,
        }
        everything = "All" in system_names
        system = {name: value for name, value in known.items() if value and (everything or name in system_names)}
        answer: Answer = {"MessageId": self.id, "ReceiptHandle": self.receipt, "MD5OfBody": self.md5, "Body": self.body}
        asked = {name: value for name, value in self.attributes.items() if _asked(name, attribute_names)}
        return answer | ({"Attributes": system} if system else {}) | ({"MessageAttributes": asked} if asked else {})


def _asked(name: str, asked: list[str]) -> bool:
    return any(
        pattern in ("All", ".*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1]))
        for pattern in asked
    )
