"""Messages that were done: what comes again of them is not handled once more."""

import attrs

from loafer.domain.message import Message

LATEST = 10_000
"""Messages that are remembered: the latest."""


@attrs.define
class DoneBefore:
    """Messages of one source whose handling has ended for good, and of which another delivery may come.

    Such are those whose deletion was not confirmed in time, and those that were received more than once: the answer to
    an earlier receive may be late.
    """

    _done: dict[str, tuple[int, float]] = attrs.field(factory=dict, init=False)
    """Of each, by its id, which receive brought it and when it was sent."""

    def __len__(self) -> int:
        """Count them."""
        return len(self._done)

    def add(self, message: Message) -> bool:
        """Remember a message; tell whether that is new. Where nobody says when it was sent, it could not be told."""
        if message.sent_at is None:
            return True
        new = self._done.pop(message.id, None) is None
        self._done[message.id] = message.receive_count, message.sent_at
        if len(self._done) > LATEST:
            self._done.pop(next(iter(self._done)))
        return new

    def knows(self, message: Message) -> bool:
        """Tell whether a message is a delivery of one of them, and not another one that has its id."""
        return message.sent_at is not None and self._done.get(message.id, (0, None))[1] == message.sent_at

    def is_newer(self, message: Message) -> bool:
        """Tell of one that is known whether it was not delivered before what was done: then it may be there still."""
        return message.receive_count >= self._done[message.id][0]
