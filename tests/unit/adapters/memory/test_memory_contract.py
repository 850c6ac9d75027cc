"""The contracts, on the queue in memory and in virtual time."""

import asyncio
from collections.abc import Callable, Mapping

import attrs
import pytest
from consumer_contract import ConsumerContract
from publisher_contract import PublisherContract

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import Message, OutgoingMessage


@attrs.frozen(eq=False)
class QueueInMemory:
    """A queue in memory with its consumer."""

    queue: MemoryQueue
    consumer: MemoryConsumer

    async def send(self, message: OutgoingMessage) -> str:
        return self.queue.send(message)

    async def publisher(self) -> MemoryPublisher:
        return MemoryPublisher(self.queue)

    async def counts(self) -> tuple[int, int]:
        return len(self.queue.visible), len(self.queue.in_flight)

    async def dead_letters(self) -> list[Message]:
        assert self.queue.dead_letters is not None
        return self.queue.dead_letters.receive(10)


@attrs.define(eq=False)
class WorldInMemory:
    """Everything is possible here."""

    now: Callable[[], float]
    inapplicable: Mapping[str, str] = attrs.field(factory=dict)

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
    ) -> QueueInMemory:
        suffix = ".fifo" if fifo else ""
        letters = MemoryQueue(f"dead{suffix}", clock=self.now) if max_receive_count is not None else None
        queue = MemoryQueue(f"orders{suffix}", visibility_timeout, max_receive_count, letters, self.now)
        return QueueInMemory(queue, MemoryConsumer(queue, wait_time))

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
def world(clock: Callable[[], float]) -> WorldInMemory:
    return WorldInMemory(clock)


class TestMemoryConsumer(ConsumerContract):
    pass


class TestMemoryPublisher(PublisherContract):
    pass
