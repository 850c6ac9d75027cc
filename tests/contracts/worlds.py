"""What a contract needs from the place it is tested on: queues, a way to look into them, and time."""

from collections.abc import Mapping
from typing import Protocol

import pytest

from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.ports.consumer import Consumer
from loafer.ports.publisher import Publisher


class Queue(Protocol):
    """A queue of a test's own, with an open consumer of it."""

    @property
    def consumer(self) -> Consumer: ...

    async def send(self, message: OutgoingMessage) -> str:
        """Put a message on the queue, past the code under test, and return its id."""
        ...

    async def publisher(self) -> Publisher:
        """Return an open publisher to the queue."""
        ...

    async def counts(self) -> tuple[int, int]:
        """Return how many messages are visible, and how many are in flight."""
        ...

    async def dead_letters(self) -> list[Message]:
        """Return what is on the dead-letter queue."""
        ...


class World(Protocol):
    """A place with queues; what it cannot do is told by feature, with the reason."""

    inapplicable: Mapping[str, str]

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
    ) -> Queue:
        """Make a queue; with a `max_receive_count` it has a dead-letter queue."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        ...

    def now(self) -> float:
        """Return the time in seconds."""
        ...


def needs(world: World, feature: str) -> None:
    """Skip the test where the world lacks a feature."""
    if feature in world.inapplicable:
        pytest.skip(world.inapplicable[feature])


def in_group(body: str, group: str = "g") -> OutgoingMessage:
    """Return a message for a FIFO queue."""
    return OutgoingMessage(body, group=group, deduplication_id=f"{group}-{body}")


async def received(queue: Queue, number: int) -> list[Message]:
    """Receive so many messages, in as many receives as it takes."""
    messages: list[Message] = []
    while len(messages) < number and (found := await queue.consumer.receive(number - len(messages))):
        messages += found
    assert len(messages) == number
    return messages


def is_lost(result: Failure | None) -> bool:
    """Tell whether a result says that the lease is lost: nothing will make the same call succeed."""
    return result is not None and not result.retryable
