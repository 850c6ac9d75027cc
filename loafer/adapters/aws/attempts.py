"""Receives of a FIFO queue whose answers were lost: asked for again by the same id, they bring the same messages.

Without that their groups would stand still until the visibility timeout is over, one receive the poorer.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

import time
from collections.abc import Callable
from uuid import uuid4

import attrs

PARAMETER = "ReceiveRequestAttemptId"

LONGEST = 4 * 60.0
"""Seconds for which a receive is asked for again: SQS knows its id for five minutes."""


@attrs.frozen
class Attempt:
    """One receive, however often it is asked for.

    Attributes:
        id: What SQS knows it by.
        most: How many messages it asks for.
        until: When there is no use any more in asking for it again.

    """

    id: str
    most: int
    until: float


@attrs.define(eq=False)
class Attempts:
    """The receives of one FIFO queue that were not answered."""

    clock: Callable[[], float] = time.monotonic
    _lost: list[Attempt] = attrs.field(factory=list, init=False)

    def next(self, most: int, seconds: float) -> Attempt:
        """Return what to ask for: a receive that was lost, if that asked for no more messages, or a new one.

        Its own messages, if it is lost, are its for so many seconds at most.
        """
        now = self.clock()
        self._lost = [attempt for attempt in self._lost if now < attempt.until]
        for attempt in self._lost:
            if attempt.most <= most:
                self._lost.remove(attempt)
                return attempt
        return Attempt(uuid4().hex, most, now + min(seconds, LONGEST))

    def lost(self, attempt: Attempt) -> None:
        """Note that a receive had no answer."""
        self._lost.append(attempt)
