"""Adapters that are wrong on purpose, each in one way that is easily overlooked."""

import asyncio
from collections.abc import Sequence
from typing import Any

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
            self.queue.change_visibility(message.receipt, 40_000)
        await asyncio.sleep(0)
        for message in messages:
            self.queue.change_visibility(message.receipt, self._visibility_timeout or 0)
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


@attrs.define(eq=False)
class StripsBodies(MemoryConsumer):
    """Takes blanks and line ends off a body."""

    async def receive(self, limit: int) -> Sequence[Message]:
        return [attrs.evolve(message, body=message.body.strip()) for message in await super().receive(limit)]


@attrs.define(eq=False)
class MakesLinesEndInOneWay(MemoryConsumer):
    """Reads a body as text files are read."""

    async def receive(self, limit: int) -> Sequence[Message]:
        return [
            attrs.evolve(message, body=message.body.replace("\r\n", "\n")) for message in await super().receive(limit)
        ]


@attrs.define(eq=False)
class DropsBinaryAttributes(MemoryConsumer):
    """Knows only texts and numbers."""

    async def receive(self, limit: int) -> Sequence[Message]:
        return [
            attrs.evolve(
                message,
                attributes={name: found for name, found in message.attributes.items() if isinstance(found.value, str)},
            )
            for message in await super().receive(limit)
        ]


@attrs.define(eq=False)
class ShortensDelays(MemoryConsumer):
    """Hides no message for longer than 5 seconds when it gives it back."""

    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        return await super().release(messages, [min(delay, 5) for delay in delays])

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        return await super().release(messages, [seconds] * len(messages))


@attrs.define(eq=False)
class DeletesBeforeItMoves(MemoryConsumer):
    """Takes a dead letter off its queue before it is on the other one."""

    async def dead_letter(self, message: Message) -> Failure | None:
        assert self.queue.dead_letters is not None
        self.queue.delete(message.receipt)
        await asyncio.sleep(0)
        self.queue.dead_letters.send(OutgoingMessage(message.body, message.attributes, None, message.group), message.id)
        return None


@attrs.define(eq=False)
class MovesUnderTheDeduplicationIdOfTheSource(MemoryConsumer):
    """Takes a dead-letter queue's word that it has a copy, when it has another message of that deduplication id."""

    async def dead_letter(self, message: Message) -> Failure | None:
        assert self.queue.dead_letters is not None
        copy = OutgoingMessage(message.body, message.attributes, None, message.group, message.deduplication_id)
        self.queue.dead_letters.send(copy)
        self.queue.delete(message.receipt)
        return None


@attrs.define(eq=False)
class ForgetsItsPollWhenClosed(MemoryConsumer):
    """Throws away what a receive brings after it was closed."""

    closed: int = 0

    async def receive(self, limit: int) -> Sequence[Message]:
        closed = self.closed
        messages = await super().receive(limit)
        if closed == self.closed:
            return messages
        for message in messages:
            self.queue.delete(message.receipt)
        return []

    async def close(self) -> None:
        self.closed += 1


@attrs.define(eq=False)
class ReceivesOneAtATime(MemoryConsumer):
    """Says that ten receives may run at once, and lets each wait for the one before."""

    lock: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    async def receive(self, limit: int) -> Sequence[Message]:
        async with self.lock:
            return await super().receive(limit)


@attrs.define(eq=False)
class GivesBackWhenClosed(MemoryConsumer):
    """Shows everything that is in flight to others when it is closed, even what it still works on."""

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        self.received = [*self.received, *messages]
        return messages

    async def close(self) -> None:
        await self.release(self.received, [0] * len(self.received))

    received: list[Message] = attrs.field(factory=list)


@attrs.define(eq=False)
class ChangesBatches(MemoryPublisher):
    """Publishes one message as it is, and forgets something of each of many."""

    changes: dict[str, Any] = attrs.field(factory=dict)

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        return await super().publish_batch([attrs.evolve(message, **self.changes) for message in messages])


@attrs.define(eq=False)
class GoesOnAfterAFailure(MemoryPublisher):
    """Publishes what it can of a batch, in whatever order that leaves."""

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        return [(await super(GoesOnAfterAFailure, self).publish_batch([message]))[0] for message in messages]


@attrs.define(eq=False)
class StripsWhatItPublishes(MemoryPublisher):
    """Takes blanks and line ends off a body."""

    async def publish(self, message: OutgoingMessage) -> str:
        return await super().publish(attrs.evolve(message, body=message.body.strip()))
