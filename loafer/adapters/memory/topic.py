"""A topic in memory that fans out as SNS does: an envelope or the raw message to each subscribed queue."""

import base64
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.limits import FIFO, TOPIC, mistake_in
from loafer.domain.message import Attribute, OutgoingMessage

ARN = "arn:aws:sns:memory:000000000000:"
"""What the ARN of every topic in memory begins with."""


@attrs.frozen
class Subscription:
    """A queue that gets what is published; `raw`: the message as it is, otherwise in an envelope."""

    queue: MemoryQueue
    raw: bool = False


@attrs.define(eq=False)
class MemoryTopic:
    """One topic; with the suffix `.fifo` its messages need a group.

    Attributes:
        name: Its name.
        clock: Seconds since the epoch, which envelopes are stamped with.
        queues: Those that can be subscribed by name.
        subscriptions: The queues it sends to.

    """

    name: str
    clock: Callable[[], float] = time.time
    queues: Mapping[str, MemoryQueue] = attrs.field(factory=dict, repr=False)
    subscriptions: list[Subscription] = attrs.field(factory=list, init=False)
    _numbers: "count[int]" = attrs.field(factory=lambda: count(1), init=False)

    @property
    def fifo(self) -> bool:
        """Tell whether its messages have groups."""
        return self.name.endswith(FIFO)

    def subscribe(self, queue: MemoryQueue | str, *, raw: bool = False) -> None:
        """Send what is published from now on to a queue, or to that of a name, too.

        Raises:
            LookupError: there is no queue of that name.
            ValueError: a FIFO queue cannot subscribe to a topic that is not FIFO.

        """
        if isinstance(queue, str):
            if queue not in self.queues:
                there = ", ".join(self.queues) or "none"
                raise LookupError(f"topic {self.name!r}: there is no queue {queue!r}, but {there}; create it first")
            queue = self.queues[queue]
        if queue.fifo and not self.fifo:
            raise ValueError(f"queue {queue.name!r} is FIFO and topic {self.name!r} is not; give it a FIFO topic")
        self.subscriptions.append(Subscription(queue, raw))

    def check(self, message: OutgoingMessage) -> None:
        """Raise ValueError, saying why, for a message that the topic does not take; topics know no delay."""
        mistake = mistake_in(message, TOPIC.of(self.name))
        if mistake is not None:
            raise ValueError(f"topic {self.name!r} does not take the message: {mistake}")

    def send(self, message: OutgoingMessage) -> str:
        """Send a message to every subscribed queue and return its id, which is the topic's, not a queue's.

        Raises:
            ValueError: the topic does not take it.

        """
        self.check(message)
        message_id = f"{self.name}-{next(self._numbers)}"
        wrapped = attrs.evolve(message, body=envelope(message, message_id, self.name, self.clock()), attributes={})
        for subscription in self.subscriptions:
            subscription.queue.send(message if subscription.raw else wrapped)
        return message_id


def envelope(message: OutgoingMessage, message_id: str, topic: str, published_at: float) -> str:
    """Return the body that SNS delivers for a message, as of the time in seconds since the epoch.

    https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
    """
    stamp = datetime.fromtimestamp(published_at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    said: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": message_id,
        "TopicArn": ARN + topic,
        "Message": message.body,
        "Timestamp": stamp,
    }
    if message.attributes:
        said["MessageAttributes"] = _attributes(message.attributes)
    return json.dumps(said)


def _attributes(attributes: Mapping[str, Attribute]) -> dict[str, dict[str, str]]:
    return {name: {"Type": attribute.type, "Value": _text(attribute.value)} for name, attribute in attributes.items()}


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).decode()
