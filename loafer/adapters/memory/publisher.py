"""The publisher to a queue or a topic in memory."""

from collections.abc import Sequence

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage
from loafer.domain.sending import NOT_SENT
from loafer.exceptions import PublisherError
from loafer.ports.publisher import Publisher


@attrs.define(eq=False)
class MemoryPublisher(Publisher):
    """Puts messages on a queue in memory, or sends them to a topic."""

    queue: MemoryQueue | MemoryTopic

    async def open(self) -> None:
        """Nothing is to be found."""

    async def publish(self, message: OutgoingMessage) -> str:
        """Put one message on the queue and return its id."""
        try:
            return self.queue.send(message)
        except ValueError as error:
            told = PublisherError(str(error))
        raise told

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Put many on the queue."""
        results: list[str | Failure] = []
        failed: set[str | None] = set()
        for message in messages:
            if self.queue.fifo and message.group in failed:
                results.append(NOT_SENT)
                continue
            try:
                results.append(await self.publish(message))
            except PublisherError as error:
                results.append(Failure(str(error), retryable=False))
                failed.add(message.group)
        return results

    async def close(self) -> None:
        """Nothing is to be closed."""
