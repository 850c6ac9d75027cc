"""What puts messages on a queue or a topic."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage


class Publisher(ABC):
    """Publishes to one destination. Whoever opened it closes it; open and close may be repeated."""

    @abstractmethod
    async def open(self) -> None:
        """Find the destination; needs to be awaited once before the rest.

        Raises:
            PublisherError: the destination does not exist, refuses us, or cannot be reached.

        """

    @abstractmethod
    async def publish(self, message: OutgoingMessage) -> str:
        """Send one message and return its id; nobody has looked before whether it is within the destination's limits.

        Raises:
            PublisherError: it failed, and was not sent unless the answer alone was lost; one sentence says why.

        """

    @abstractmethod
    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Send many, split as the destination demands; per message its id, or why that failed.

        Where messages are ordered, none of a group is sent after one of it has failed: what failed, and what was not
        sent for it, may be sent again as it is, in its order.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections; nothing may be called afterwards but `open`."""
