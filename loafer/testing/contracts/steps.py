"""The steps of a random schedule: each is done, and the model is told what came of it."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import attrs

from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.ports.consumer import Consumer
from loafer.ports.publisher import Publisher
from loafer.testing.contracts.features import Features
from loafer.testing.contracts.model import Model, Moment
from loafer.testing.contracts.world import Queue, World

WAIT_TIME = 1
"""Seconds that a receive waits."""


@attrs.define(eq=False)
class Steps:
    """A queue, two consumers and a publisher of it, and the model of what may be there.

    Attributes:
        sends: Messages that were sent so far.
        receiver: The number of the consumer that brought a delivery, by receipt: it settles it.

    """

    features: Features
    world: World
    queue: Queue
    model: Model
    sends: int = attrs.field(default=0, init=False)
    receiver: dict[str, int] = attrs.field(factory=dict, init=False)
    _consumers: list[Consumer] = attrs.field(factory=list, init=False)
    _publishers: list[Publisher] = attrs.field(factory=list, init=False)

    async def begin(self) -> None:
        """Open a second consumer."""
        self._consumers = [self.queue.consumer, await self.queue.another_consumer()]

    async def send(self, groups: Sequence[str], delay: int | None) -> None:
        """Send messages one by one, past the code under test."""
        for message in self._new(groups, delay):
            began = self.world.now()
            message_id = await self.queue.send(message)
            self.model.sent(message_id, message, Moment(began, self.world.now()))

    async def publish_batch(self, groups: Sequence[str], delay: int | None) -> None:
        """Publish messages at once."""
        if not self._publishers:
            self._publishers.append(await self.queue.publisher())
        messages, began = self._new(groups, delay), self.world.now()
        results = await self._publishers[0].publish_batch(messages)
        for message, result in zip(messages, results, strict=True):
            assert isinstance(result, str), "a message could not be published"
            self.model.sent(result, message, Moment(began, self.world.now()))

    async def receive(self, limit: int, consumer: int = 0) -> Sequence[Message]:
        """Receive, for as long as the wait time."""
        began = self.world.now()
        messages = await self._consumers[consumer].receive(limit)
        self._received(messages, limit, Moment(began, self.world.now()), WAIT_TIME, consumer)
        return messages

    async def receive_and_cancel(self, turns: int, limit: int, consumer: int) -> None:
        """Cancel a receive after some turns of the event loop."""
        began = self.world.now()
        receiving = asyncio.create_task(self._consumers[consumer].receive(limit))
        for _ in range(turns):
            await self.world.pass_time(0)
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            messages = await receiving
            self._received(messages, limit, Moment(began, self.world.now()), 0, consumer)
            return
        if self.features.abandoned_polls:
            await self.world.pass_time(WAIT_TIME + self.features.slack)
        self.model.cancelled(Moment(began, self.world.now()), limit)

    async def close_and_open(self, consumer: int) -> None:
        """Close a consumer and open it again, which changes nothing on the queue."""
        await self._consumers[consumer].close()
        await self._consumers[consumer].open()

    async def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge deliveries of one consumer."""
        began = self.world.now()
        results = await self._receiver_of(messages).acknowledge(messages)
        self.model.acknowledged(messages, results, Moment(began, self.world.now()))

    async def hide(self, messages: Sequence[Message], seconds: float, *, extending: bool) -> None:
        """Extend or release deliveries of one consumer."""
        began, delays, consumer = self.world.now(), [seconds] * len(messages), self._receiver_of(messages)
        results = await (consumer.extend(messages, seconds) if extending else consumer.release(messages, delays))
        self.model.hidden(messages, delays, results, Moment(began, self.world.now()))

    def leased(self) -> list[Message]:
        """Return the deliveries whose lease holds for certain."""
        return self.model.leased(self.world.now())

    async def dead_letter(self, message: Message) -> None:
        """Move a message to the dead-letter queue."""
        self.model.dead_lettered(message, await self._receiver_of([message]).dead_letter(message))

    async def drain(self) -> None:
        """Receive and acknowledge what is left, and see that nothing is lost."""
        latest = max((known.hidden.ended for known in self.model.known.values()), default=0)
        await self.world.pass_time(max(0.0, latest - self.world.now()) + 2 * self.features.slack)
        empty = 0
        while empty < (1 if self.model.max_receive_count is None else 2):
            messages = await self.receive(min(10, self.features.max_batch))
            if messages:
                await self.acknowledge(messages)
            empty = 0 if messages else empty + 1
        letters: list[Message] = []
        while self.model.max_receive_count is not None and (found := await self.queue.dead_letters()):
            letters += found
        self.model.drained([letter.body for letter in letters])

    def _new(self, groups: Sequence[str], delay: int | None) -> list[OutgoingMessage]:
        made = []
        for group in groups:
            self.sends += 1
            body, attributes = f" {self.sends} é😀\r\n", {"number": Attribute(str(self.sends), "Number")}
            fifo = {"group": group, "deduplication_id": str(self.sends)} if self.model.ordered else {}
            made.append(OutgoingMessage(body, attributes, delay, **fifo))
        return made

    def _received(self, messages: Sequence[Message], limit: int, at: Moment, wait_time: float, consumer: int) -> None:
        self.model.received(messages, limit, at, wait_time)
        self.receiver.update({message.receipt: consumer for message in messages})

    def _receiver_of(self, messages: Sequence[Message]) -> Consumer:
        return self._consumers[self.receiver[messages[0].receipt]]
