"""Messages that were done and could not be deleted: what comes again of them is deleted, and not handled once more."""

import attrs

from loafer.domain.message import Message

LATEST = 10_000
"""Messages that are remembered: the latest."""


@attrs.define
class Undeleted:
    """Messages of one source whose handling has ended for good, and whose deletion has not been confirmed in time."""

    _done: dict[str, tuple[int, float | None]] = attrs.field(factory=dict, init=False)
    """Of each, by its id, which receive brought it and when it was sent."""

    def __len__(self) -> int:
        """Count them."""
        return len(self._done)

    def add(self, message: Message) -> bool:
        """Remember a message; tell whether that is new."""
        new = message.id not in self._done
        self._done[message.id] = message.receive_count, message.sent_at
        if len(self._done) > LATEST:
            self._done.pop(next(iter(self._done)))
        return new

    def knows(self, message: Message) -> bool:
        """Tell whether a message is a later delivery of one of them, and not another one that has its id.

        Where no source says when a message was sent, nobody can tell.
        """
        receive_count, sent_at = self._done.get(message.id, (0, None))
        return sent_at is not None and message.sent_at == sent_at and message.receive_count > receive_count
