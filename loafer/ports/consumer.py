"""Where messages come from and where they are settled."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextvars import ContextVar

import attrs

from loafer.domain.batch import Failure
from loafer.domain.depth import Depth
from loafer.domain.message import Message

ANSWER_BEGINS: "ContextVar[Callable[[], object] | None]" = ContextVar("loafer_answer_begins", default=None)
"""What `receive` calls, if it can, when it has read the first bytes of an answer: large ones come in many pieces."""

ANSWER_AGE: "ContextVar[Callable[[float], object] | None]" = ContextVar("loafer_answer_age", default=None)
"""What `receive` calls, if it can, with the seconds that its answer was on its way at most, if those are many."""

ANSWER_DOUBTED: "ContextVar[Callable[[], object] | None]" = ContextVar("loafer_answer_doubted", default=None)
"""What `receive` calls, if it can, where nobody can tell whether its answer was on its way for long."""

COPY_CONFIRMED: "ContextVar[Callable[[], object] | None]" = ContextVar("loafer_copy_confirmed", default=None)
"""What `dead_letter` calls, if it can, when the copy is confirmed: the lease may end before the deletion is."""


@attrs.frozen(slots=True)
class SourceInfo:
    """What a consumer found out about its source when it opened, or looked again.

    Attributes:
        visibility_timeout: Seconds that a received message stays invisible: what each receive from now on asks for.
        ordered: True if messages of one group must run one at a time, in order (FIFO); one without a group is alone.
        max_receive_count: After how many deliveries the source moves a message to its dead-letter queue; None: never,
            or nobody knows.
        redrive_known: False if that could not be found out: None then does not say that there is no limit.
        place: What names it and no other source, however it was named to the consumer: messages of one id are one
            there; None: nobody knows.

    """

    visibility_timeout: float
    ordered: bool = False
    max_receive_count: int | None = None
    redrive_known: bool = True
    place: str | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def last_receive(self) -> int | None:
        """Which delivery of a message may be its last; None: none is. Where nobody knows, the first one may be."""
        return self.max_receive_count if self.redrive_known else 1


class Consumer(ABC):
    """Receives from one source and settles what it received.

    Created as `Consumer(source, options)`. Whoever opened it closes it; it belongs to the event loop that opened it.
    Every method that calls the source raises `ConsumerError` for what will not pass (`AccessDenied` where permission
    lacks), and `open` and `receive` raise `ConsumerUnavailable` for what may (network, throttling, 5xx).
    Batches are of any size, and the source's own limit is the adapter's business; results come in the order of the
    entries: None where it was done, a `Failure` where it was not, retryable after trouble that may pass. Repeating a
    call for the same message is harmless. One that settles messages is cancelled where it takes longer than a minute,
    and made again; so is a receive that is not answered a minute after its wait time.

    A message is known by its id and when it was sent, where `sent_at` says so: one that comes again after it was done,
    with a `receive_count` of 2 or more, is deleted unrun. What is to run anew needs another id.
    """

    batch_size: int = 10
    """How many messages one `receive` brings at most."""

    max_polls: int = 10
    """How many `receive` calls may run at once without one waiting for another."""

    wait_time: float = 0
    """Seconds that `receive` waits for a first message; 0: it is asked again as soon as it has had none."""

    def wait_at_most(self, seconds: float | None) -> None:  # noqa: B027 - whoever cannot leaves it so
        """Let `receive` wait for so many seconds at most from now on, 1 or more; None: for as long as it was made to.

        `wait_time` says what has come of it.
        """

    def learn_from(self, other: "Consumer") -> None:  # noqa: B027 - whoever has nothing to ask leaves it so
        """Take over what another consumer of the same source has found, so that `open` need not ask again.

        The other one is not this thread's, and may be open or not. What extends leases must not depend on look-ups.
        """

    @abstractmethod
    async def open(self) -> SourceInfo:
        """Find the source and return what it is; needs to be awaited once before the rest."""

    async def look_again(self) -> SourceInfo | None:
        """Find out anew what the source is, for it may have changed; None: it cannot have, or nobody looks.

        A receive that begins afterwards asks for the visibility timeout that was returned; one that was under way, and
        any before, has asked for the earlier one, and what it brings is ours for no longer.
        """
        return None

    async def depth(self) -> Depth | None:
        """Find out how many messages the source has; None: nobody knows."""
        return None

    @abstractmethod
    async def receive(self, limit: int) -> Sequence[Message]:
        """Return 1 to `limit` messages, or none after `wait_time` seconds; always gives the event loop a turn.

        A cancelled receive loses nothing: what it may have taken becomes visible again by itself.
        """

    @abstractmethod
    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete messages from the source."""

    @abstractmethod
    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        """Give messages back: each is visible again after its delay in seconds (0: at once)."""

    @abstractmethod
    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        """Keep messages invisible for so many seconds from now; not retryable if the lease is lost."""

    @abstractmethod
    async def dead_letter(self, message: Message) -> Failure | None:
        """Move a message to the source's dead-letter queue as it is, confirmed there before it is deleted here.

        The copy has an id of its own; where there are deduplication ids, its is made from the message's id: what is
        taken there for a second copy then is one, and never another message.
        A `Failure` that is not retryable says that this is not allowed: only the source itself can move it. One that is
        `copied` says that it is confirmed there and only has to be deleted here, which is not this method's any more.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections; nothing may be called afterwards but `open`."""
