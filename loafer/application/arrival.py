"""When the messages of an answer were received at the earliest, by whatever is known of it."""

import attrs

from loafer.application.lookout import Lookout
from loafer.ports.consumer import ANSWER_AGE, ANSWER_BEGINS, ANSWER_DOUBTED

ON_THE_WAY = 1.0
"""Seconds that a receive may take to reach its source, which counts the wait time from then on."""


@attrs.define(eq=False)
class Arrival:
    """The answer to one receive; from when this is made, the consumer is listened to in this context.

    Attributes:
        lookout: Knows when the event loop has looked.
        asked: When it was asked for.
        until: Until when its receive waits.

    """

    lookout: Lookout
    asked: float
    until: float
    _since: list[float] = attrs.field(factory=list, init=False)
    _doubted: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Listen to what the consumer tells of the answer."""
        ANSWER_BEGINS.set(self._begins)
        ANSWER_AGE.set(self._is_old)
        ANSWER_DOUBTED.set(self._is_doubted)

    @property
    def earliest(self) -> float:
        """When its messages were received at the earliest, by what was told of it."""
        return min([self.lookout.earliest(self.asked), *self._since])

    def ours_for(self, hidden_for: float) -> float:
        """Return for how many seconds its messages, hidden for so many, are ours from `earliest` on.

        Where nobody can tell they are counted from when they were asked for, as long as enough is left of them then.
        """
        if self._is_unknown and not self.is_doubtful(hidden_for):
            return hidden_for - (self.earliest - self.asked)
        return hidden_for

    def is_doubtful(self, hidden_for: float) -> bool:
        """Tell whether little may be left, all the same, of the seconds for which its messages are hidden."""
        return self._is_unknown and self.lookout.clock() - self.asked >= hidden_for * 2 / 3

    @property
    def _is_unknown(self) -> bool:
        """Whether nobody can tell how old it is: what comes after its wait time is late, by whatever it may be."""
        return self._doubted or self.lookout.clock() > self.until + ON_THE_WAY

    def _begins(self) -> None:
        self._since.append(self.lookout.earliest(self.asked))

    def _is_old(self, seconds: float) -> None:
        self._since.append(max(self.asked, self.lookout.clock() - seconds))

    def _is_doubted(self) -> None:
        self._doubted = True
