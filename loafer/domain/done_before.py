"""Messages that were done: what comes again of them is not handled once more."""

import attrs

from loafer.domain.message import Message

LATEST = 10_000
"""Messages that are remembered: the latest."""

LATEST_DELETED = 5_000
"""So many at least are remembered of those that were deleted after their first receive, and twice as many at most."""


@attrs.define
class DoneBefore:
    """Messages of one source whose handling has ended for good, and of which another delivery may come.

    Such are those whose deletion was not confirmed in time, and those that were received more than once: the answer to
    an earlier receive may be late. Those that were deleted after their first receive are remembered too: a standard
    queue delivers a message twice at times, and an outdated receipt may delete nothing, whatever is answered.
    """

    _done: dict[str, tuple[int, float]] = attrs.field(factory=dict, init=False)
    """Of each, by its id, which receive brought it and when it was sent."""
    _deleted: dict[str, float | None] = attrs.field(factory=dict, init=False)
    """Of what was deleted after its first receive, by its id, when it was sent."""
    _deleted_before: dict[str, float | None] = attrs.field(factory=dict, init=False)

    def add_deleted(self, message: Message) -> None:
        """Remember a message that was deleted after its first receive; each one is, so this is to be cheap."""
        self._deleted[message.id] = message.sent_at
        if len(self._deleted) == LATEST_DELETED:
            self._deleted_before, self._deleted = self._deleted, {}

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
        sent_at = message.sent_at
        if sent_at is None:
            return False
        if self._done and self._done.get(message.id, (0, None))[1] == sent_at:
            return True
        return message.receive_count > 1 and sent_at == self._deleted.get(
            message.id, self._deleted_before.get(message.id)
        )

    def is_newer(self, message: Message) -> bool:
        """Tell of one that is known whether it was not delivered before what was done: then it may be there still."""
        count, sent_at = self._done.get(message.id, (0, None))
        return sent_at != message.sent_at or message.receive_count >= count
