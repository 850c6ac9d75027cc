"""Seeded faults: what goes wrong between a worker and its queue, and when; the same seed, the same faults."""

import asyncio
import math
import os
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import attrs

from loafer.domain.batch import Failure
from loafer.domain.message import Message
from loafer.exceptions import ConsumerUnavailable
from loafer.ports.consumer import Consumer, SourceInfo
from loafer.testing.result import Journal

SEED = "LOAFER_TEST_SEED"
"""The environment variable that gives a seed again."""

_THROTTLED = "throttled, as the test asked for"
_SOONEST = 1e-6
"""Seconds after a receive that a crash comes at the earliest: the handler has just started."""


def seed_given() -> int:
    """Return the seed that the environment gives, or a new one.

    Raises:
        ValueError: what the environment gives is no whole number.

    """
    given = os.environ.get(SEED)
    if not given:
        return random.SystemRandom().randrange(2**32)
    try:
        return int(given)
    except ValueError as error:
        raise ValueError(f"{SEED}={given!r} is no seed; give a whole number") from error


def _rate() -> float:
    return attrs.field(default=0.0, validator=[attrs.validators.ge(0), attrs.validators.le(1)], kw_only=True)


@attrs.frozen
class Faults:
    """How often what goes wrong; rates are from 0, never, to 1, always.

    Attributes:
        seed: Decides when; None leaves it to LOAFER_TEST_SEED, or to chance.
        duplicates: Share of received messages that come once more, within a visibility timeout, deleted or not.
        reordering: Share of receives whose messages come in another order.
        partial_failures: Share of entries that fail in an acknowledgement, a release or an extension.
        throttling: Share of calls that the queue refuses for now.
        lost_acknowledgements: Share of acknowledged messages that the queue confirms and does not delete.
        crash: Share of receives, acknowledgements and releases at which, or some time after which, the worker dies.

    """

    seed: int | None = None
    duplicates: float = _rate()
    reordering: float = _rate()
    partial_failures: float = _rate()
    throttling: float = _rate()
    lost_acknowledgements: float = _rate()
    crash: float = _rate()


@attrs.define(eq=False)
class Chance:
    """Decides when a fault strikes, and holds what is to be delivered once more."""

    faults: Faults
    random: random.Random
    copies: dict[str, list[tuple[float, Message]]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """What comes once more, by source, each with when it does."""

    def strikes(self, rate: float) -> bool:
        """Tell whether a fault of such a rate strikes now; one that never does uses up no chance."""
        return rate > 0 and self.random.random() < rate

    def due(self, source: str, now: float, limit: int) -> list[Message]:
        """Take what is to be delivered once more by now."""
        taken = [copy for copy in self.copies[source] if copy[0] <= now][:limit]
        self.copies[source] = [copy for copy in self.copies[source] if copy not in taken]
        return [message for _, message in taken]

    @property
    def pending(self) -> bool:
        """Tell whether something is still to be delivered once more."""
        return any(self.copies.values())


@attrs.define(eq=False)
class Life:
    """The life of one worker; once it is over, nothing that the worker still does reaches a queue."""

    over: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def end(self) -> None:
        """Let the worker die."""
        self.over.set()

    async def gone(self) -> None:
        """Wait to be cancelled: a dead worker gets no answer."""
        await asyncio.get_running_loop().create_future()


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

    async def open(self) -> SourceInfo:
        """Open the consumer inside."""
        self._info = await self.inner.open()
        return self._info

    async def receive(self, limit: int) -> Sequence[Message]:
        """Receive: throttled, once more, in another order, or for the last time."""
        await self._alive()
        faults, chance = self.chance.faults, self.chance
        if chance.strikes(faults.throttling):
            raise ConsumerUnavailable(_THROTTLED)
        if again := chance.due(self.source, self.journal.clock(), limit):
            await asyncio.sleep(0)
            return again
        messages = list(await self.inner.receive(limit))
        if not self._info.ordered:
            if chance.strikes(faults.reordering):
                chance.random.shuffle(messages)
            chance.copies[self.source] += [
                (self.journal.clock() + chance.random.uniform(0, self._info.visibility_timeout), message)
                for message in messages
                if chance.strikes(faults.duplicates)
            ]
        if messages and chance.strikes(faults.crash):
            self._die_later()
        return messages

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        """Delete messages, but for those whose acknowledgement gets lost."""

        async def delete(some: Sequence[Message]) -> Sequence[Failure | None]:
            lost = [self.chance.strikes(self.chance.faults.lost_acknowledgements) for _ in some]
            done = iter(await self.inner.acknowledge([m for m, gone in zip(some, lost, strict=True) if not gone]))
            return [None if gone else next(done) for gone in lost]

        return await self._settle(messages, delete)

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
        await self._alive()
        faults, chance = self.chance.faults, self.chance
        dies = crash and chance.strikes(faults.crash)
        if dies and chance.random.random() < 1 / 2:
            self.life.end()
            await self.life.gone()
        if chance.strikes(faults.throttling):
            return [Failure(_THROTTLED)] * len(messages)
        failed = [chance.strikes(faults.partial_failures) for _ in messages]
        done = iter(await call([message for message, fails in zip(messages, failed, strict=True) if not fails]))
        if dies:
            self.life.end()
            await self.life.gone()
        self.journal.turn.set()
        return [Failure("failed, as the test asked for") if fails else next(done) for fails in failed]

    async def _alive(self) -> None:
        if self.life.over.is_set():
            await self.life.gone()

    def _die_later(self) -> None:
        """Let the worker die some time from now: while a handler runs, between two turns, or when all is done."""
        exponent = self.chance.random.uniform(math.log(_SOONEST), math.log(self._info.visibility_timeout))
        asyncio.get_running_loop().call_later(math.exp(exponent), self.life.end)
