"""What a handler may know besides the content: the message, its attempt, and what the application shares."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic

import attrs

from loafer.domain.message import Message

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    State_co = TypeVar("State_co", covariant=True, default=Any)
else:
    from typing import TypeVar

    State_co = TypeVar("State_co", covariant=True)


_OF_A_BATCH = "the context of a batch has no message of its own: each item has one, with its attempt; see item.message"
_BY_HAND = "this context was made without a message; give it one: Context(state, message)"


@attrs.frozen
class Context(Generic[State_co]):
    """What surrounds the content that a handler is called with; a test makes one by hand: `Context(state, message)`.

    Attributes:
        state: What the application's lifespan has given; None without one.
        messages: The messages of a batch; otherwise the one.
        route: The name of the route.

    """

    state: State_co
    _message: Message | None = None
    messages: Sequence[Message] = attrs.field(
        default=attrs.Factory(lambda self: self._only_one(), takes_self=True), kw_only=True
    )
    route: str = attrs.field(default="", kw_only=True)
    _attempts_left: int | None = attrs.field(default=None, kw_only=True)

    @property
    def message(self) -> Message:
        """The message; RuntimeError in a batch, where each item has its own, and where none was given by hand."""
        if self._message is None:
            raise RuntimeError(_OF_A_BATCH if self.messages else _BY_HAND)
        return self._message

    @property
    def attempt(self) -> int:
        """How often the message has been tried, this time included; RuntimeError in a batch."""
        return self.message.attempt

    @property
    def attempts_left(self) -> int | None:
        """How many attempts are left before a dead-letter queue gets the message; None: no end is set.

        RuntimeError in a batch.
        """
        if self._message is None:
            raise RuntimeError(_OF_A_BATCH if self.messages else _BY_HAND)
        return self._attempts_left

    def _only_one(self) -> Sequence[Message]:
        return () if self._message is None else (self._message,)
