"""Deleting dead letters, each of which is kept somewhere else first."""

import asyncio
import random
from collections.abc import Callable, Sequence

import attrs

from loafer.application.letters.browsing import Browsing
from loafer.application.letters.moving import FIRST_WAIT, LONGEST_WAIT, TRIES
from loafer.domain.message import Message
from loafer.domain.retry import backoff
from loafer.ports.inspector import Letter


@attrs.define
class Purged:
    """What came of it.

    Attributes:
        wanted: How many were to be deleted.
        deleted: How many are gone.
        left: The ids of those that could not be deleted.
        hidden: About how many more somebody hides.
        stopped: Whether somebody has asked for the end before it.

    """

    wanted: int = 0
    deleted: int = 0
    left: list[str] = attrs.field(factory=list)
    hidden: int = 0
    stopped: bool = False

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be done."""
        return not (self.left or self.hidden or self.stopped)


@attrs.define(eq=False)
class Purging:
    """Deletes what a look at a queue brings.

    Attributes:
        look: The look.
        wanted: Tells whether a letter is to be deleted.
        keep: Keeps letters; when it returns, they survive whatever comes. OSError: they do not, and nothing is deleted.
        told: Called with what came of it so far.
        done: What came of it so far.

    """

    look: Browsing
    wanted: Callable[[Letter], bool]
    keep: Callable[[Sequence[Letter]], None]
    told: Callable[[Purged], None] = lambda _: None
    done: Purged = attrs.field(factory=Purged, init=False)

    async def run(self) -> Purged:
        """Delete everything that is wanted, and return what came of it.

        Raises:
            ConsumerError, ConsumerUnavailable: the queue fails.
            OSError: what is to be deleted cannot be kept; nothing more was deleted.

        """
        total = (await self.look.inspector.look()).total
        async for letters in self.look:
            wanted = [letter for letter in letters if self.wanted(letter)]
            mine = [letter for letter in wanted if self.look.is_valid(letter.message)]
            self.done.wanted += len(wanted)
            self.done.left += [letter.message.id for letter in wanted if letter not in mine]
            if mine:
                self.keep(mine)
                await self._delete([letter.message for letter in mine])
            self.told(self.done)
        self.done.stopped = self.look.stopped()
        if not self.done.stopped:
            self.done.hidden = await self.look.unseen(total)
        return self.done

    async def _delete(self, messages: Sequence[Message]) -> None:
        left = list(messages)
        for attempt in range(1, TRIES + 1):
            results = await self.look.inspector.delete(left)
            gone = [message for message, result in zip(left, results, strict=True) if result is None]
            self.look.drop(gone)
            self.done.deleted += len(gone)
            lost = [m.id for m, r in zip(left, results, strict=True) if r is not None and not r.retryable]
            self.done.left += lost
            left = [m for m, r in zip(left, results, strict=True) if r is not None and r.retryable]
            if not left:
                return
            if attempt < TRIES:
                await asyncio.sleep(backoff(attempt, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
        self.done.left += [message.id for message in left]
