"""How a FIFO queue in memory takes a second message of a deduplication id for the first one, as SQS does."""

from collections import OrderedDict
from typing import Literal, TypeAlias

import attrs

from loafer.domain.limits import DEDUPLICATION_INTERVAL
from loafer.domain.message import OutgoingMessage

Scope: TypeAlias = Literal["queue", "messageGroup"]
"""Within what an id is looked for; the second one is what high throughput needs."""


@attrs.define
class Deduplication:
    """The deduplication ids that a queue has seen within the last five minutes, each with its first message's id."""

    scope: Scope = "queue"
    _seen: OrderedDict[tuple[str | None, str], tuple[float, str]] = attrs.field(factory=OrderedDict, init=False)

    def first_of(self, message: OutgoingMessage, message_id: str, now: float) -> str:
        """Return the id of the first message of a deduplication id: this one's own if there was none before."""
        if message.deduplication_id is None:
            return message_id
        while self._seen and now - next(iter(self._seen.values()))[0] >= DEDUPLICATION_INTERVAL:
            self._seen.popitem(last=False)
        group = message.group if self.scope == "messageGroup" else None
        return self._seen.setdefault((group, message.deduplication_id), (now, message_id))[1]
