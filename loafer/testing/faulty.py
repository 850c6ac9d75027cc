"""A consumer and a publisher on which things go wrong as the faults say."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.sending import NOT_SENT
from loafer.exceptions import ConsumerUnavailable, PublisherError
from loafer.ports.consumer import Consumer, SourceInfo
from loafer.ports.publisher import Publisher
from loafer.testing.faults import Chance, Life
from loafer.testing.result import Journal

_THROTTLED = "throttled, as the test asked for"


@attrs.define(eq=False)
class FaultyConsumer(Consumer):
    """A consumer between which and its source things go wrong as the faults say."""

    inner: Consumer
    source: str
    chance: Chance
    life: Life
    journal: Journal
    _info: SourceInfo = attrs.field(default=SourceInfo(30.0), init=False)

    def __attrs_post_init__(self) -> None:
        """Receive as the consumer inside does."""
        self.batch_size, self.max_polls = self.inner.batch_size, self.inner.max_polls
        self.wait_time = self.inner.wait_time

    def wait_at_most(self, seconds: float | None) -> None:
        """Let the consumer inside wait no longer."""
        self.inner.wait_at_most(seconds)
        self.wait_time = self.inner.wait_time

    async def open(self) -> SourceInfo:
        """Open the consumer inside."""
        self._info = await self.inner.open()
        return self._info

    async def look_again(self) -> SourceInfo | None:
        """Let the consumer inside look."""
        self._info = await self.inner.look_again() or self._info
        return self._info

    async def receive(self, limit: int) -> Sequence[Message]:
        """Receive: throttled, once more, in another order, or for the last time."""
        await self.life.goes_on()
        faults, chance = self.chance.faults, self.chance
        if chance.strikes(faults.throttling):
            raise ConsumerUnavailable(_THROTTLED)
        if again := chance.due(self.source, self.journal.clock(), limit):
            await asyncio.sleep(0)
            return again
        messages = [self._as_elsewhere(message) for message in await self.inner.receive(limit)]
        if not self._info.ordered:
            if chance.strikes(faults.reordering):
                chance.random.shuffle(messages)
            chance.copies[self.source] += [
                (self.journal.clock() + chance.random.uniform(0, self._info.visibility_timeout), message)
                for message in messages
                if chance.strikes(faults.duplicates)
            ]
        if messages:
            self.journal.turn.set()  # a queue without a visibility timeout may give for ever, in no time at all
            if chance.strikes(faults.crash):
                self.life.end_later(chance.random, self._info.visibility_timeout)
        return messages

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete messages, but for those whose acknowledgement gets lost."""

        async def delete(some: Sequence[Message]) -> Sequence[Failure | None]:
            lost = [self.chance.strikes(self.chance.faults.lost_acknowledgements) for _ in some]
            self.chance.lost.update(message.id for message, gone in zip(some, lost, strict=True) if gone)
            done = iter(await self.inner.acknowledge([m for m, gone in zip(some, lost, strict=True) if not gone]))
            return [None if gone else next(done) for gone in lost]

        return await self._settle(messages, delete)

    def _as_elsewhere(self, message: Message) -> Message:
        """Return a message that comes again though it was deleted, as if it came to another worker of many.

        The one that has deleted it would know it again, by when it was sent.
        """
        sent_at, lost = message.sent_at, self.chance.lost[message.id]
        if sent_at is None or not lost:
            return message
        for _ in range(lost):
            sent_at = math.nextafter(sent_at, math.inf)
        return attrs.evolve(message, sent_at=sent_at)

    async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
        """Give messages back."""
        delay_of = {message.receipt: delay for message, delay in zip(messages, delays, strict=True)}

        async def give_back(some: Sequence[Message]) -> Sequence[Failure | None]:
            results = await self.inner.release(some, [delay_of[message.receipt] for message in some])
            for message, failure in zip(some, results, strict=True):
                if failure is None:
                    self.journal.released(message, delay_of[message.receipt])
            return results

        return await self._settle(messages, give_back)

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        """Keep messages invisible."""
        return await self._settle(messages, lambda some: self.inner.extend(some, seconds), crash=False)

    async def dead_letter(self, message: Message) -> Failure | None:
        """Move a message to the dead-letter queue."""

        async def move(some: Sequence[Message]) -> Sequence[Failure | None]:
            return [await self.inner.dead_letter(one) for one in some]

        return (await self._settle([message], move))[0]

    async def close(self) -> None:
        """Close the consumer inside."""
        await self.inner.close()

    async def _settle(
        self,
        messages: Sequence[Message],
        call: Callable[[Sequence[Message]], Awaitable[Sequence[Failure | None]]],
        *,
        crash: bool = True,
    ) -> Sequence[Failure | None]:
        """Let entry by entry fail, or the worker die: before the call, or between the call and its answer."""
        await self.life.goes_on()
        faults, chance = self.chance.faults, self.chance
        dies = crash and chance.strikes(faults.crash)
        if dies and chance.random.random() < 1 / 2:
            await self.life.die()
        if chance.strikes(faults.throttling):
            return [Failure(_THROTTLED)] * len(messages)
        failed = [chance.strikes(faults.partial_failures) for _ in messages]
        done = iter(await call([message for message, fails in zip(messages, failed, strict=True) if not fails]))
        if dies:
            await self.life.die()
        self.journal.turn.set()
        return [Failure("failed, as the test asked for") if fails else next(done) for fails in failed]


@attrs.define(eq=False)
class CallingPublisher(Publisher):
    """A publisher that calls a function for each message, which returns its id or raises ValueError.

    Like a real one it waits before and after, and the worker may die meanwhile; a dead worker's messages are not sent.
    """

    send: Callable[[OutgoingMessage], str]
    chance: Chance
    ordered: bool = False
    """Whether it publishes to FIFO: nothing of a group goes out after one of it was refused."""

    async def open(self) -> None:
        """Nothing is to be found."""

    async def publish(self, message: OutgoingMessage) -> str:
        """Send one message and return its id."""
        (result,) = await self.publish_batch([message])
        if isinstance(result, Failure):
            raise PublisherError(result.reason)
        return result

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        """Send many."""
        for message in messages:
            if not isinstance(message, OutgoingMessage):
                raise TypeError(f"{message!r} is no OutgoingMessage; give what loafer.testing.outgoing returns")
        await asyncio.sleep(0)
        if self.chance.life is not None:
            await self.chance.life.goes_on()
        results: list[str | Failure] = []
        refused: set[str | None] = set()
        for message in messages:
            results.append(NOT_SENT if message.group in refused else self._result(message))
            if self.ordered and isinstance(results[-1], Failure):
                refused.add(message.group)
        await asyncio.sleep(0)
        return results

    async def close(self) -> None:
        """Nothing is to be closed."""

    def _result(self, message: OutgoingMessage) -> str | Failure:
        try:
            return self.send(message)
        except ValueError as error:
            return Failure(str(error), retryable=False)
