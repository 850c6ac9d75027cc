"""A queue from outside: what is on it, looked at, copied and deleted by a person's order, and not by a worker."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import ConsumerError


@attrs.frozen
class QueueState:
    """What a queue says of itself.

    Attributes:
        name: Its name.
        place: What tells it from every other queue: its URL, or its name in memory.
        ordered: True for FIFO.
        visible: About how many messages can be received.
        hidden: About how many are received and not settled.
        delayed: About how many are not yet to be seen.
        retention: Seconds after which a message is dropped, from its sending; None: never, or nobody knows.
        dead_letters: The name of its own dead-letter queue; None where it has none.
        arn: What the service's own moves call it; None where there are none.

    """

    name: str
    place: str
    ordered: bool = False
    visible: int = 0
    hidden: int = 0
    delayed: int = 0
    retention: float | None = None
    dead_letters: str | None = None
    arn: str | None = None

    @property
    def total(self) -> int:
        """About how many messages are on it."""
        return self.visible + self.hidden + self.delayed


@attrs.frozen
class Letter:
    """A message that was received to be looked at.

    Attributes:
        message: The message; its receipt releases or deletes it.
        origin: The name of the queue from which the service itself moved it here; None where it says none.

    """

    message: Message
    origin: str | None = None


@attrs.frozen
class Unsure:
    """What came of a send whose answer was lost: the copy may be there, or not.

    Attributes:
        reason: What happened, in one line.

    """

    reason: str


@attrs.frozen
class MoveTask:
    """A move of all that is on a dead-letter queue, which the service makes itself.

    Attributes:
        handle: What cancels it; empty once it has ended.
        status: `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
        moved: About how many messages were moved so far.
        total: About how many there were at its beginning.
        reason: Why it failed; empty where it did not.

    """

    handle: str
    status: str
    moved: int = 0
    total: int = 0
    reason: str = ""


class Inspector(ABC):
    """Looks into one queue, and moves what is on it when it is told to.

    Whoever opened it closes it; it belongs to the event loop that opened it. Every method that calls the queue raises
    `ConsumerError` for what will not pass (`AccessDenied` where permission lacks), and `ConsumerUnavailable` for what
    may. Batches are of any size, and results come in the order of the entries: None where it was done, a `Failure`
    where it was not, retryable after trouble that may pass.
    """

    @abstractmethod
    async def open(self) -> QueueState:
        """Find the queue and return what it says of itself; needs to be awaited once before the rest."""

    @abstractmethod
    async def look(self) -> QueueState:
        """Return what the queue says of itself now; the numbers of a distributed queue are approximate."""

    @abstractmethod
    async def sources(self) -> Sequence[str]:
        """Return the names of the queues whose dead-letter queue this is."""

    @abstractmethod
    async def browse(self, limit: int, hidden_for: float, wait: float) -> Sequence[Letter]:
        """Receive up to `limit` messages, at most ten, and hide them for so many seconds; none after `wait` seconds.

        It costs each of them a receive. On a FIFO queue what is hidden hides the rest of its group.
        """

    @abstractmethod
    async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Make received messages visible at once."""

    @abstractmethod
    async def extend(self, messages: Sequence[Message], hidden_for: float) -> Sequence[Failure | None]:
        """Keep received messages hidden for so many seconds from now."""

    @abstractmethod
    async def send(self, message: OutgoingMessage) -> str | Failure | Unsure:
        """Send a message, once, and return its id: the queue has confirmed it, and what it has is what was sent.

        A `Failure` says that it is certainly not there: retryable where it may be taken later, not retryable where the
        queue refuses this message. `Unsure`: nobody knows. ConsumerError: the queue takes none.
        """

    @abstractmethod
    async def delete(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete received messages."""

    async def start_move(self, to: QueueState, rate: int | None) -> None:
        """Let the service move all that is on this dead-letter queue, at so many messages a second at most (1 to 500).

        Raises:
            ConsumerError: it cannot: this is no dead-letter queue, or such a move is under way; or it never does.

        """
        raise ConsumerError(f"to {to.name} at {rate or 'any'} a second: this place has no moves of its own")

    async def last_move(self) -> MoveTask | None:
        """Return the newest move of this queue; None: there was none, or there are none here."""
        return None

    async def cancel_move(self, task: MoveTask) -> None:
        """End a move: what it has moved stays moved."""
        raise ConsumerError(f"{task.handle}: this place has no moves of its own")

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections; nothing may be called afterwards but `open`."""
