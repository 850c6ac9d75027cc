"""Adapters that are wrong on purpose, each in one way that is easily overlooked."""

import asyncio
from collections.abc import Sequence

import attrs

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.shelves import StandardShelf
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage


@attrs.define(eq=False)
class AcknowledgesOnReceive(MemoryConsumer):
    """Deletes a message before anybody has done anything with it."""

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        await self.acknowledge(messages)
        return messages


@attrs.define(eq=False)
class LosesOnCancellation(MemoryConsumer):
    """Takes a message off its queue, and puts it back only if nothing interrupts it."""

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        for message in messages:
            self.queue.change_visibility(message.receipt, 1_000_000)
        await asyncio.sleep(0)
        for message in messages:
            self.queue.change_visibility(message.receipt, self.queue.visibility_timeout)
        return messages


@attrs.define(eq=False)
class DeliversTwiceAtOnce(MemoryConsumer):
    """Leaves visible what it delivers."""

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        for message in messages:
            self.queue.change_visibility(message.receipt, 0)
        return messages


@attrs.define(eq=False)
class SwallowsFailedEntries(MemoryConsumer):
    """Reports every entry of a batch as done."""

    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        results = await super().release(messages, delays)
        return [None] * len(results)


@attrs.define(eq=False)
class SwallowsRefusals(MemoryPublisher):
    """Gives an id to what was not sent."""

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        results = await super().publish_batch(messages)
        return [result if isinstance(result, str) else "sent" for result in results]


@attrs.define(eq=False)
class ForgetsOrder(MemoryQueue):
    """Calls itself a FIFO queue, and lays its messages down as a standard queue does."""

    def __attrs_post_init__(self) -> None:
        self._shelf = StandardShelf()
