"""The consumer of a queue in memory."""

import asyncio
from collections.abc import Sequence

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.batch import Failure
from loafer.domain.depth import Depth
from loafer.domain.message import Message
from loafer.ports.consumer import Consumer, SourceInfo

NOT_IN_FLIGHT = Failure("the message is not in flight", retryable=False)


@attrs.define(eq=False)
class MemoryConsumer(Consumer):
    """Receives from a queue in memory, and settles there.

    Attributes:
        abandoned_polls: A cancelled receive is still served until its wait time is over, as SQS does it.

    """

    queue: MemoryQueue
    wait_time: float = 5.0
    batch_size: int = 10
    abandoned_polls: bool = attrs.field(default=False, kw_only=True)
    _asked_wait: float = attrs.field(init=False)
    _visibility_timeout: float | None = attrs.field(default=None, init=False)
    _polls: "set[asyncio.Task[Sequence[Message]]]" = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        """Remember how long receives are to wait."""
        self._asked_wait = self.wait_time

    def wait_at_most(self, seconds: float | None) -> None:
        """Let receives wait for so many seconds at most."""
        self.wait_time = self._asked_wait if seconds is None else min(self._asked_wait, seconds)

    async def open(self) -> SourceInfo:
        """Return what the queue is."""
        return self._look()

    async def look_again(self) -> SourceInfo:
        """Return what the queue is now."""
        return self._look()

    async def receive(self, limit: int) -> Sequence[Message]:
        """Return messages as soon as there are some; a cancelled receive has taken none, unless it is still served."""
        await asyncio.sleep(0)
        if not self.abandoned_polls:
            return await self._poll(limit)
        poll = asyncio.get_running_loop().create_task(self._poll(limit))
        self._polls.add(poll)
        poll.add_done_callback(self._polls.discard)
        return await asyncio.shield(poll)

    async def _poll(self, limit: int) -> Sequence[Message]:
        limit, hidden_for = min(limit, self.batch_size), self._visibility_timeout
        messages = self.queue.receive(limit, hidden_for)
        if messages or not self.wait_time:
            return messages
        try:
            async with asyncio.timeout(self.wait_time):
                changes = self.queue.changes
                while not (messages := self.queue.receive(limit, hidden_for)):
                    await self._something_visible(changes)
                    changes = self.queue.changes
        except TimeoutError:
            return []
        return messages

    async def depth(self) -> Depth:
        """Count the messages on the queue."""
        visible, in_flight = len(self.queue.visible), len(self.queue.in_flight)
        return Depth(visible, in_flight, len(self.queue) - visible - in_flight)

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete messages; a FIFO queue refuses those whose lease has ended."""
        return [None if self.queue.delete(message.receipt) else NOT_IN_FLIGHT for message in messages]

    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        """Make messages visible after their delays."""
        return [
            None if self.queue.change_visibility(message.receipt, delay) else NOT_IN_FLIGHT
            for message, delay in zip(messages, delays, strict=True)
        ]

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        """Keep messages invisible."""
        return await self.release(messages, [seconds] * len(messages))

    async def dead_letter(self, message: Message) -> Failure | None:
        """Move a message to the dead-letter queue, if there is one; as on SQS, it may be too late to delete it here."""
        if self.queue.dead_letters is None:
            return Failure(f"queue {self.queue.name!r} has no dead-letter queue", retryable=False)
        return None if self.queue.move(message) else attrs.evolve(NOT_IN_FLIGHT, copied=True)

    async def close(self) -> None:
        """Nothing is to be closed."""

    def _look(self) -> SourceInfo:
        queue = self.queue
        limit = queue.max_receive_count if queue.dead_letters is not None else None
        self._visibility_timeout = queue.visibility_timeout
        return SourceInfo(queue.visibility_timeout, queue.fifo, limit, place=f"memory {id(queue)}")

    async def _something_visible(self, changes: int) -> None:
        try:
            async with asyncio.timeout(self.queue.next_visible()):
                await self.queue.changed(changes)
        except TimeoutError:
            return
