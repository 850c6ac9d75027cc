"""The dead-letter queue of a redrive policy: where a message goes as it is."""

from collections.abc import Iterable
from typing import Any

import attrs

from loafer.adapters.aws.address import queue_address
from loafer.adapters.aws.checksums import confirms_body
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.wire import wire_attributes, wire_trace_header
from loafer.domain.message import Message
from loafer.exceptions import ConsumerUnavailable


@attrs.define
class DeadLetters:
    """Copies messages to one dead-letter queue, which is looked up when it is first needed.

    Attributes:
        arn: The ARN of the dead-letter queue.
        source: The queue that it belongs to; both are reached in the same way.
        copied: The ids of messages that are copied, and not yet deleted from their source.

    """

    arn: str
    source: Queue
    _queue: Queue | None = attrs.field(init=False, default=None)
    copied: set[str] = attrs.field(init=False, factory=set)

    async def copy(self, message: Message) -> None:
        """Send a message on as it is, unless that was done; raises as `Queue.call` does.

        The receive count starts anew there: only SQS itself can carry that over. On a FIFO queue the deduplication id
        is the message's id, as SQS's own redrive has it: what is taken there for a duplicate is then our own earlier
        copy, and with any other id might be another message, which would be lost.
        """
        if message.id in self.copied:
            return
        if self._queue is None:
            there = attrs.evolve(self.source, address=queue_address(self.arn), url="", noun="dead-letter queue")
            self._queue = await there.found()
        answer = await self._queue.call("send_message", **_parameters(message, ordered=self._queue.address.ordered))
        if not (answer.get("MessageId") and confirms_body(answer, message.body)):
            raise ConsumerUnavailable(f"{self._queue.place} did not confirm the message")
        self.copied.add(message.id)

    def forget(self, messages: Iterable[Message]) -> None:
        """Take note that messages are gone from their source, so that one may be copied again should it return."""
        self.copied.difference_update(message.id for message in messages)


def _parameters(message: Message, *, ordered: bool) -> dict[str, Any]:
    optional: dict[str, Any] = {
        "MessageAttributes": wire_attributes(message.attributes),
        "MessageSystemAttributes": wire_trace_header(message.trace_header),
        "MessageGroupId": message.group,
        "MessageDeduplicationId": message.id if ordered else None,
    }
    return {"MessageBody": message.body, **{name: value for name, value in optional.items() if value}}
