"""In which calls the messages of a batch go out to a FIFO destination, so that no group loses its order."""

from collections import deque
from collections.abc import Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.limits import LARGEST_BATCH, size_of
from loafer.domain.message import OutgoingMessage

NOT_SENT = Failure("not sent, for an earlier message of its group was not: send both again, in order")
"""What becomes of a message after one of its group has failed."""


@attrs.define(eq=False)
class GroupedSending:
    """Messages on their way to a FIFO destination, by their positions in a batch.

    A service may fail any entry of a call and take those behind it: a call has one message of a group at most, and the
    next one goes out when that is confirmed.

    Attributes:
        messages: The batch.
        largest: Bytes of all messages of a call.

    """

    messages: Sequence[OutgoingMessage]
    largest: int
    _groups: dict[str | None, deque[int]] = attrs.field(factory=dict, init=False)
    _ready: deque[str | None] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Let the first of each group be ready."""
        for position, message in enumerate(self.messages):
            self._groups.setdefault(message.group, deque()).append(position)
        self._ready = deque(self._groups)

    def next_call(self) -> list[int]:
        """Take the messages of the next call; none: all have been sent, or are not to be."""
        taken: list[int] = []
        size = 0
        while self._ready and len(taken) < LARGEST_BATCH:
            position = self._groups[self._ready[0]][0]
            size += size_of(self.messages[position])
            if taken and size > self.largest:
                break
            self._groups[self._ready.popleft()].popleft()
            taken.append(position)
        return taken

    def sent(self, position: int) -> None:
        """Note that a message that was taken is confirmed: the next of its group is ready."""
        group = self.messages[position].group
        if self._groups[group]:
            self._ready.append(group)

    def failed(self, position: int) -> None:
        """Note that a message that was taken was not sent: none of its group behind it is to be, either."""
        del self._groups[self.messages[position].group]
