"""What looks at queues and topics from outside, and changes nothing."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from loafer.domain.checks.topic import Subscription
from loafer.domain.checks.worker import Probed
from loafer.domain.facts import Place, QueueFacts, TopicFacts


class Reader(ABC):
    """Reads what queues and topics are; it never receives a message, and nothing that it does costs one a receive.

    Everything raises `ConsumerError` for what will not pass, `AccessDenied` where permission lacks, and
    `ConsumerUnavailable` for what may.
    """

    @abstractmethod
    async def queue(self, place: Place) -> QueueFacts:
        """Return what a queue is; without its attributes where these may not be read."""

    @abstractmethod
    async def topic(self, place: Place) -> TopicFacts:
        """Return what a topic is; without its key where that may not be read."""

    @abstractmethod
    async def queues(self, prefix: str) -> Sequence[str]:
        """Return the URLs of the queues of the account and the region whose names begin so."""

    @abstractmethod
    async def ages(self, names: Sequence[str]) -> Mapping[str, float]:
        """Return how many seconds old the oldest messages of queues are, by name, as far as that was told."""

    @abstractmethod
    async def subscriptions(self, place: Place, queue: QueueFacts, topics: Sequence[str]) -> Sequence[Subscription]:
        """Return a queue's subscriptions to topics with these ARNs; without any, those to all topics of the account."""

    @abstractmethod
    async def probe(self, place: Place, queue: QueueFacts) -> Sequence[Probed]:
        """Find out whether messages may be deleted and their visibility changed, with a receipt that is nobody's."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections; may be repeated."""
