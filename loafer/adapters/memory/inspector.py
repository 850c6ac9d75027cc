"""The inspector of a queue in memory."""

import asyncio
from collections.abc import Mapping, Sequence

import attrs

from loafer.adapters.memory.consumer import NOT_IN_FLIGHT
from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.batch import Failure
from loafer.domain.limits import LARGEST_BATCH
from loafer.domain.message import Message, OutgoingMessage
from loafer.ports.inspector import Inspector, Letter, QueueState, Unsure


@attrs.define(eq=False)
class MemoryInspector(Inspector):
    """Looks into a queue in memory.

    Attributes:
        queue: The queue.
        queues: The queues among which are those that it is the dead-letter queue of.

    """

    queue: MemoryQueue
    queues: Mapping[str, MemoryQueue] = attrs.field(factory=dict)

    async def open(self) -> QueueState:
        """Return what the queue says of itself."""
        return await self.look()

    async def look(self) -> QueueState:
        """Count what is there."""
        queue = self.queue
        visible, hidden = len(queue.visible), len(queue.in_flight)
        letters = None if queue.dead_letters is None else queue.dead_letters.name
        delayed = max(0, len(queue) - visible - hidden)
        return QueueState(queue.name, queue.name, queue.fifo, visible, hidden, delayed, dead_letters=letters)

    async def sources(self) -> Sequence[str]:
        """Return the names of those that are known."""
        return [queue.name for queue in self.queues.values() if queue.dead_letters is self.queue]

    async def browse(self, limit: int, hidden_for: float, wait: float) -> Sequence[Letter]:
        """Receive once; where nothing is visible, again after `wait` seconds."""
        await asyncio.sleep(0)
        messages = self.queue.receive(min(limit, LARGEST_BATCH), hidden_for)
        if not messages and wait:
            await asyncio.sleep(wait)
            messages = self.queue.receive(min(limit, LARGEST_BATCH), hidden_for)
        return [Letter(message, self.queue.origin_of(message.id)) for message in messages]

    async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Show them."""
        return await self.extend(messages, 0)

    async def extend(self, messages: Sequence[Message], hidden_for: float) -> Sequence[Failure | None]:
        """Hide them."""
        await asyncio.sleep(0)
        return [None if self.queue.change_visibility(m.receipt, hidden_for) else NOT_IN_FLIGHT for m in messages]

    async def send(self, message: OutgoingMessage) -> str | Failure | Unsure:
        """Put it on the queue."""
        await asyncio.sleep(0)
        try:
            return self.queue.send(message)
        except ValueError as error:
            return Failure(str(error), retryable=False)

    async def delete(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete them."""
        await asyncio.sleep(0)
        return [None if self.queue.delete(message.receipt) else NOT_IN_FLIGHT for message in messages]

    async def close(self) -> None:
        """Nothing is to be closed."""
