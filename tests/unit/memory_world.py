"""The queue in memory as a world of the contracts, in virtual time, with any consumer and any publisher."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count

import attrs
from virtual_time import VirtualLoop

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.deduplication import Scope
from loafer.adapters.memory.inspector import MemoryInspector
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import Message, OutgoingMessage
from loafer.testing.contracts import Features, Queue

FEATURES = Features(loop=VirtualLoop)


@attrs.frozen(eq=False)
class QueueInMemory:
    """A queue in memory with its consumer."""

    world: "WorldInMemory"
    queue: MemoryQueue
    wait_time: int
    consumer: MemoryConsumer

    async def another_consumer(self) -> MemoryConsumer:
        return await self.world.opened(self.queue, self.wait_time)

    async def send(self, message: OutgoingMessage) -> str:
        return self.queue.send(message)

    async def inspector(self) -> MemoryInspector:
        return MemoryInspector(self.queue)

    async def publisher(self) -> MemoryPublisher:
        return self.world.publisher(self.queue)

    async def change(self, *, visibility_timeout: int) -> None:
        self.queue.visibility_timeout = visibility_timeout

    async def counts(self) -> tuple[int, int]:
        return len(self.queue.visible), len(self.queue.in_flight)

    async def dead_letters(self) -> list[Message]:
        assert self.queue.dead_letters is not None
        return self.queue.dead_letters.receive(10)


@attrs.frozen(eq=False)
class WorldInMemory:
    """Everything is possible here."""

    now: Callable[[], float]
    consumer: Callable[[MemoryQueue, float], MemoryConsumer] = MemoryConsumer
    publisher: Callable[[MemoryQueue], MemoryPublisher] = MemoryPublisher
    make_queue: Callable[..., MemoryQueue] = MemoryQueue
    numbers: Iterator[int] = attrs.field(factory=lambda: count(1))

    async def queue(
        self,
        *,
        visibility_timeout: int = 30,
        wait_time: int = 0,
        fifo: bool = False,
        max_receive_count: int | None = None,
        letters_of: Queue | None = None,
        deduplication_scope: Scope = "queue",
    ) -> QueueInMemory:
        suffix, letters = ".fifo" if fifo else "", None
        if isinstance(letters_of, QueueInMemory):
            letters = letters_of.queue.dead_letters
        elif max_receive_count is not None:
            letters = MemoryQueue(f"dead{suffix}", clock=self.now)
        queue = self.make_queue(
            f"orders-{next(self.numbers)}{suffix}",
            visibility_timeout,
            max_receive_count,
            letters,
            self.now,
            deduplication_scope,
        )
        return QueueInMemory(self, queue, wait_time, await self.opened(queue, wait_time))

    async def opened(self, queue: MemoryQueue, wait_time: float) -> MemoryConsumer:
        consumer = self.consumer(queue, wait_time)
        await consumer.open()
        return consumer

    async def pass_time(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@asynccontextmanager
async def in_memory(
    consumer: Callable[[MemoryQueue, float], MemoryConsumer] = MemoryConsumer,
    publisher: Callable[[MemoryQueue], MemoryPublisher] = MemoryPublisher,
    make_queue: Callable[..., MemoryQueue] = MemoryQueue,
) -> AsyncIterator[WorldInMemory]:
    yield WorldInMemory(asyncio.get_running_loop().time, consumer, publisher, make_queue)
