"""One message of a batch, as its handler sees it."""

from typing import TYPE_CHECKING, Any, Generic

import attrs

from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import IgnoreMessage, RejectMessage

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Content_co = TypeVar("Content_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    Content_co = TypeVar("Content_co", covariant=True)

MADE_UP = Message("item", "", "item")
"""The message of an item that a test made without one."""


@attrs.define(eq=False)
class Item(Generic[Content_co]):
    """A message of a batch; its handler may end it alone, and it is done with the batch otherwise.

    A test makes one by hand, `Item(content, message=…)`, and looks at its `outcome`. The last word counts.

    Attributes:
        content: The content, of the type that the handler asks for.
        message: The message.
        attempts_left: How many attempts are left before a dead-letter queue gets the message; None: no end is set.
        error: What became of it alone, as if the handler had raised it; None: it ends with the batch.
        lost: Whether it is ours no longer, and its handler was not given it: it is kept, whatever the others come to.

    """

    content: Content_co = attrs.field(on_setattr=attrs.setters.frozen)
    message: Message = attrs.field(default=MADE_UP, kw_only=True, on_setattr=attrs.setters.frozen)
    attempts_left: int | None = attrs.field(default=None, kw_only=True)
    error: RejectMessage | IgnoreMessage | None = attrs.field(default=None, init=False)
    lost: bool = attrs.field(default=False, init=False, repr=False)

    @property
    def attempt(self) -> int:
        """How often the message has been tried, this time included."""
        return self.message.attempt

    @property
    def outcome(self) -> Outcome:
        """What becomes of the message if the handler returns now."""
        match self.error:
            case None:
                return Outcome.SUCCEEDED
            case RejectMessage():
                return Outcome.REJECTED
            case _:
                return Outcome.IGNORED

    def reject(self, reason: str = "") -> None:
        """Be rid of this message: it is deleted, whatever becomes of the others."""
        self.error = RejectMessage(reason)

    def ignore(self, reason: str = "", *, delay: float | None = None) -> None:
        """Keep this message on the queue, and ask for it back after `delay` seconds (None: as its route's Retry says).

        Raises:
            InvalidDelay: the delay is no number of seconds.

        """
        self.error = IgnoreMessage(reason, delay=delay)
