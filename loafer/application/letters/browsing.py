"""Looking at what is on a queue: receiving, holding for as long as that takes, and giving everything back at once."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Self

import attrs

from loafer.domain.limits import LARGEST_BATCH, LONGEST_LEASE
from loafer.domain.message import NO_ATTRIBUTES, Message
from loafer.domain.retry import backoff
from loafer.exceptions import ConsumerError, ConsumerUnavailable
from loafer.ports.inspector import Inspector, Letter

SHORTEST = 60.0
"""Seconds that messages are hidden at least: who dies has hidden them for no longer."""

A_SECOND = 50
"""Messages that are looked at within a second, at a guess that is rather too low."""

MARGIN = 10.0
"""Seconds before the end of its time in which nothing is begun with a message any more."""

WAIT = 2.0
"""Seconds that a receive waits; one that brings nothing ends the look."""

SAME = 5
"""How often a receive may bring nothing but what is held already: then nothing is to be found behind it."""

RELEASES = 4
"""How often a message is tried to be given back."""

AT_ONCE = 100
"""How many messages are extended or released before anything else is looked at."""


def hidden_for(total: int) -> float:
    """Return for how many seconds so many messages are to be hidden while they are looked at."""
    return min(max(SHORTEST, float(-(-total // A_SECOND))), LONGEST_LEASE)


@attrs.define
class _Hold:
    """A message that is hidden from others: without its body, for there may be many."""

    message: Message
    until: float


@attrs.define(eq=False)
class Browsing:
    """One look at a queue; see `browsing`.

    Attributes:
        inspector: The open inspector of the queue.
        seconds: For how long each message is hidden, unless that is extended.
        clock: Seconds.
        stopped: Tells whether somebody has asked for the end.
        seen: How many messages came, each counted once.
        left_hidden: How many could not be given back: they stay hidden for their time.
        why_hidden: Why, where the queue says so.

    """

    inspector: Inspector
    seconds: float
    clock: Callable[[], float]
    stopped: Callable[[], bool] = lambda: False
    seen: int = attrs.field(default=0, init=False)
    left_hidden: int = attrs.field(default=0, init=False)
    why_hidden: str = attrs.field(default="", init=False)
    _held: dict[str, _Hold] = attrs.field(factory=dict, init=False)
    _known: set[str] = attrs.field(factory=set, init=False)
    _next: float = attrs.field(default=-math.inf, init=False)
    """When what is held is looked through again: there may be much of it."""

    async def more(self) -> Sequence[Letter]:
        """Return letters that are not held already; none once the queue shows nothing more, or somebody has stopped it.

        Raises:
            ConsumerError, ConsumerUnavailable: as the inspector's `browse`.

        """
        for _ in range(SAME):
            if self.stopped():
                break
            await self.keep()
            began = self.clock()
            letters = await self.inspector.browse(LARGEST_BATCH, self.seconds, WAIT)
            newest = {letter.message.id: letter for letter in letters}  # a receive may bring one twice
            fresh = [letter for name, letter in newest.items() if name not in self._held]
            for name, letter in newest.items():
                bare = attrs.evolve(letter.message, body="", attributes=NO_ATTRIBUTES)
                self._held[name] = _Hold(bare, began + self.seconds)
            self._known.update(letter.message.id for letter in fresh)
            self.seen = len(self._known)
            if fresh or not letters:
                return fresh
        return []

    def __aiter__(self) -> Self:
        """Go through all letters, as they come."""
        return self

    async def __anext__(self) -> Sequence[Letter]:
        """Return the next of `more`."""
        letters = await self.more()
        if not letters:
            raise StopAsyncIteration
        return letters

    def is_valid(self, message: Message) -> bool:
        """Tell whether a message is hidden from others for long enough for anything to be begun with it."""
        held = self._held.get(message.id)
        return held is not None and held.message.receipt == message.receipt and self.clock() < held.until - MARGIN

    def drop(self, messages: Sequence[Message]) -> None:
        """Hold messages no longer: they are deleted."""
        for message in messages:
            self._held.pop(message.id, None)

    def has_seen(self, name: str) -> bool:
        """Tell whether the message of an id came."""
        return name in self._known

    @property
    def holds(self) -> int:
        """How many are hidden by this look."""
        return len(self._held)

    async def unseen(self, total: int) -> int:
        """Count roughly what is on the queue, of `total` at first, and did not come: somebody else hides it.

        On a FIFO queue others may be behind what this look hides itself: only what somebody else hides is counted then.
        """
        if self.seen >= total:
            return 0
        state = await self.inspector.look()
        there = state.hidden if state.ordered and self._held else state.total
        return min(max(0, there - len(self._held)), total - self.seen)

    async def give_back(self) -> None:
        """Make everything visible that is held; what that fails for is counted, and raised it is not."""
        held = [hold.message for hold in self._held.values() if self.clock() < hold.until]
        self._held.clear()
        self.left_hidden = len(held)
        try:
            for start in range(0, len(held), AT_ONCE):
                await self._release(held[start : start + AT_ONCE])
        except (ConsumerError, ConsumerUnavailable) as error:
            self.why_hidden = str(error)

    async def _release(self, left: Sequence[Message]) -> None:
        for attempt in range(1, RELEASES + 1):
            results = await self.inspector.release(left)
            failed = [pair for pair in zip(left, results, strict=True) if pair[1] is not None and pair[1].retryable]
            self.left_hidden -= len(left) - len(failed)
            if not failed:
                return
            left, self.why_hidden = [message for message, _ in failed], str(failed[0][1] and failed[0][1].reason)
            if attempt < RELEASES:
                await asyncio.sleep(backoff(attempt, first=0.1, longest=1.0, jitter=random.random()))

    async def wait(self, seconds: float) -> None:
        """Let so many seconds pass, and keep hidden what is held meanwhile."""
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0 and not self.stopped():
            await self.keep()
            await asyncio.sleep(min(left, self.seconds / 4))

    async def keep(self) -> None:
        """Keep hidden what would show itself soon, and come again."""
        now = self.clock()
        if now < self._next:
            return
        self._next, soon = now + self.seconds / 4, now + self.seconds / 2
        due = [hold for hold in self._held.values() if hold.until < soon]
        for start in range(0, len(due), AT_ONCE):
            some, until = due[start : start + AT_ONCE], self.clock() + self.seconds
            results = await self.inspector.extend([hold.message for hold in some], self.seconds)
            for hold, result in zip(some, results, strict=True):
                if result is None:
                    hold.until = until


@asynccontextmanager
async def browsing(
    inspector: Inspector, seconds: float, clock: Callable[[], float], stopped: Callable[[], bool] = lambda: False
) -> AsyncIterator[Browsing]:
    """Look at a queue, and give back at the end, however it comes, what was not deleted."""
    look = Browsing(inspector, seconds, clock, stopped)
    try:
        yield look
    finally:
        await asyncio.shield(asyncio.ensure_future(look.give_back()))
