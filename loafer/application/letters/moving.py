"""Moving dead letters to where they are to be handled again, so that nothing is lost whatever happens meanwhile.

Each message is noted whole, sent, its copy confirmed and noted, then deleted, and that noted. Whoever goes on with the
journal sends nothing again that was confirmed. What was sent, and its answer lost, is nobody's guess: on a FIFO queue
it can be sent again within five minutes, for its deduplication id makes a second copy the first one; elsewhere a
person has to say.
"""

import asyncio
import random
from collections.abc import Callable, Sequence

import attrs

from loafer.application.letters.browsing import Browsing
from loafer.application.letters.order import Moved, Order
from loafer.application.letters.reasons import ids_of
from loafer.domain.batch import Failure
from loafer.domain.failure import without_reason
from loafer.domain.limits import STILL_KNOWN
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.retry import backoff
from loafer.exceptions import ConsumerError
from loafer.ports.inspector import Inspector, Letter, Unsure
from loafer.ports.journal import Journal, Noted, Step

TRIES = 8
"""How often something that may succeed later is tried."""

FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Bounds of the wait between, in seconds."""

REFUSED_IN_A_ROW = 10
"""After so many messages that a queue has refused one after another, it is the queue."""

LOOK = 5.0
"""Seconds between two looks whether the queue grows."""


@attrs.define(eq=False)
class Moving:
    """Moves what a look at a queue brings.

    Attributes:
        look: The look at the queue.
        to: The open inspector of the queue where copies go.
        journal: What was done, and is.
        order: What is to be done.
        ordered: Whether both are FIFO queues.
        clock: Seconds, for waits.
        now: Seconds since the epoch.
        told: Called with what came of it so far, again and again.
        done: What came of it so far.

    """

    look: Browsing
    to: Inspector
    journal: Journal
    order: Order
    ordered: bool
    clock: Callable[[], float]
    now: Callable[[], float]
    told: Callable[[Moved], None] = lambda _: None
    done: Moved = attrs.field(factory=Moved, init=False)
    _closed: set[str | None] = attrs.field(factory=set, init=False)
    """Groups of which nothing more is moved."""
    _copies: set[str] = attrs.field(factory=set, init=False)
    """The ids of this run's copies: what comes back bears one. Who goes on with a journal has mended what failed."""
    _due: dict[str, None] = attrs.field(factory=dict, init=False)
    """The ids of those whose copies are confirmed, and which are still to be deleted here."""
    _next: float = attrs.field(default=0.0, init=False)
    _refused: int = attrs.field(default=0, init=False)
    _looked: float = attrs.field(default=0.0, init=False)
    _most: float = attrs.field(default=0.0, init=False)

    async def run(self) -> Moved:
        """Move everything that is wanted, and return what came of it.

        Raises:
            ConsumerError, ConsumerUnavailable: one of the queues fails; what is done until then is noted.
            OSError: the journal cannot be written; nothing more was done.

        """
        total = (await self.look.inspector.look()).total
        self._most, self._looked = total + max(10.0, total / 10), self.clock()
        try:
            async for letters in self.look:
                await self._take(letters)
                self.told(self.done)
                if self.done.stopped is not None or self.look.stopped():
                    break
                await self._watch()
            if self.done.stopped is None and self.look.stopped():
                self.done.stopped = "it was stopped"
            if self.done.stopped is None:
                await self._miss()
                self.done.hidden = max(0, await self.look.unseen(total) - len(self.done.unseen))
        finally:
            self.done.kept += self._due
        return self.done

    async def _take(self, letters: Sequence[Letter]) -> None:
        """Move those of one receive, in their order."""
        gone: list[Message] = []
        for letter in letters:
            message = letter.message
            if not self._copies.isdisjoint(ids_of(message)):
                self.done.stopped = f"what was sent comes back: {message.id}"
            if self.done.stopped is not None or self.look.stopped():
                break
            if self.ordered and message.group in self._closed:
                continue
            if await self._moved(letter):
                gone.append(message)
            if self.order.rate is not None:  # nothing that was sent waits for what may come much later
                await self._delete(gone)
                gone = []
        await self._delete(gone)

    async def _moved(self, letter: Letter) -> bool:
        """Send one letter on, unless that was done; tell whether it is to be deleted here."""
        message = letter.message
        noted = self.journal.noted.get(message.id)
        begun = noted is not None and noted.step in (Step.SENT, Step.DELETED)
        if not begun and not self.order.wanted(letter):
            self._close(message, unless=self.order.out_of_order)
            return False
        self.done.wanted += 1
        if begun:
            self._due[message.id] = None
            return True
        await self._pace()
        if not self.look.is_valid(message) or self.look.stopped():
            self.done.waiting += 1
            self._close(message)
            return False
        if noted is not None and not self._may_send_again(noted):
            self.done.unsure.append(message.id)
            self._close(message)
            return False
        return await self._send(message)

    def _may_send_again(self, noted: Noted) -> bool:
        return noted.step is Step.REFUSED or bool(self.order.unsure) or self._is_known(noted.at)

    def _is_known(self, at: float) -> bool:
        """Tell whether a FIFO queue takes a copy for the one of that time; a clock that went back tells nothing."""
        return self.ordered and 0 <= self.now() - at < STILL_KNOWN

    async def _send(self, message: Message) -> bool:
        self.journal.sending([message], self.now())
        outgoing = OutgoingMessage(
            message.body,
            without_reason(message.attributes),
            group=message.group,
            deduplication_id=message.id if self.ordered else None,
        )
        for attempt in range(1, TRIES + 1):
            try:
                result = await self.to.send(outgoing)
            except ConsumerError as error:  # it is certainly not there
                self.journal.came([(message.id, Step.REFUSED, str(error))])
                raise
            passing = isinstance(result, Failure) and result.retryable
            again = passing or (isinstance(result, Unsure) and self._is_known(self.journal.noted[message.id].at))
            if not again or attempt == TRIES or self.look.stopped() or not self.look.is_valid(message):
                break
            await asyncio.sleep(backoff(attempt, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
        return self._note(message, result)

    def _note(self, message: Message, result: str | Failure | Unsure) -> bool:
        """Note what came of a send; tell whether its copy is confirmed."""
        if isinstance(result, str):
            self._came(message, Step.SENT, result)
            self._copies.add(result)
            self._due[message.id] = None
            self.done.sent += 1
            self._refused = 0
            return True
        self._close(message)
        if isinstance(result, Unsure):
            self._came(message, Step.UNSURE, result.reason)
            self.done.unsure.append(message.id)
            return False
        self._came(message, Step.REFUSED, result.reason)
        self.done.refused[message.id] = result.reason
        self._refused += 1
        if result.retryable or self._refused == REFUSED_IN_A_ROW:
            self.done.stopped = f"the destination takes nothing: {result.reason}"
        return False

    def _came(self, message: Message, step: Step, detail: str) -> None:
        try:
            self.journal.came([(message.id, step, detail)])
        except OSError:  # whoever reads the journal does not know what came of it
            self.done.unsure.append(message.id)
            raise

    async def _delete(self, messages: Sequence[Message]) -> None:
        left = list(messages)
        for attempt in range(1, TRIES + 1):
            if not left:
                break
            results = await self.look.inspector.delete(left)
            gone = [message for message, result in zip(left, results, strict=True) if result is None]
            self.done.deleted += len(gone)
            self.look.drop(gone)
            for message in gone:
                self._due.pop(message.id, None)
            if gone:
                self.journal.came([(message.id, Step.DELETED, "") for message in gone])
            left = [m for m, r in zip(left, results, strict=True) if r is not None and r.retryable]
            if left and attempt < TRIES:
                await asyncio.sleep(backoff(attempt, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
        for message in messages:
            self._close(message, unless=message.id not in self._due)

    def _close(self, message: Message, *, unless: bool = False) -> None:
        """Move nothing more of a message's group, for it would overtake this one."""
        if self.ordered and not unless:
            self._closed.add(message.group)

    async def _pace(self) -> None:
        await self.look.keep()
        if self.order.rate is None:
            return
        now = self.clock()
        await self.look.wait(max(0.0, self._next - now))
        self._next = max(now, self._next) + 1 / self.order.rate

    async def _miss(self) -> None:
        """Tell of those that the journal knows to be unfinished, and that somebody else hides."""
        ended = (Step.DELETED, *((Step.SENDING, Step.UNSURE) if self.order.unsure is False else ()))
        names = [n for n, said in self.journal.noted.items() if said.step not in ended and not self.look.has_seen(n)]
        if names and (await self.look.inspector.look()).total > self.look.holds:
            self.done.unseen = names
        elif gone := [name for name in names if self.journal.noted[name].step is Step.SENT]:
            self.journal.came([(name, Step.DELETED, "") for name in gone])

    async def _watch(self) -> None:
        """Stop where more is on the queue than there can be: what is sent may come back at once."""
        if self.clock() < self._looked + LOOK:
            return
        state = await self.look.inspector.look()
        self._looked = self.clock()
        if state.total > self._most - self.done.deleted:
            self.done.stopped = f"the queue grows: ~{state.total} messages are on it, more than before"
