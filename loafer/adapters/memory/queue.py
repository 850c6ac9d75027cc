"""A queue in memory that behaves as SQS does, so that what works on it works there."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from itertools import count

import attrs

from loafer.adapters.memory.clock import steady_time
from loafer.adapters.memory.deduplication import Deduplication, Scope
from loafer.adapters.memory.shelves import Entry, FifoShelf, Shelf, StandardShelf, id_in
from loafer.domain.limits import FIFO, LONGEST_VISIBILITY, QUEUE, mistake_in, mistake_in_queue
from loafer.domain.message import Message, OutgoingMessage


@attrs.define(eq=False)
class MemoryQueue:
    """One queue: visibility timeout, delay, receive counts, redelivery, redrive, FIFO groups, limits.

    Any thread may use it. ValueError: there is no such queue on SQS.

    Attributes:
        name: Its name; with the suffix `.fifo` it is a FIFO queue.
        visibility_timeout: Seconds that a received message stays invisible.
        max_receive_count: Deliveries after which a message goes to `dead_letters`; None: never.
        dead_letters: The dead-letter queue; without one a message stays, however often it is delivered.
        clock: Seconds; everything on the queue happens by this time.
        deduplication_scope: Within what a FIFO queue looks for a deduplication id: the `queue` or the `messageGroup`.
        ahead: Seconds by which time since the epoch, in which messages say when they were sent, is ahead of the clock.
        counts: What happened so far: `sent`, `received`, `deleted`, `released`, `dead_lettered`.
        changes: How often something was sent, released, deleted or extended.

    """

    name: str
    visibility_timeout: float = 30.0
    max_receive_count: int | None = None
    dead_letters: "MemoryQueue | None" = None
    clock: Callable[[], float] = steady_time
    deduplication_scope: Scope = "queue"
    ahead: float = attrs.field(default=0.0, init=False)
    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    changes: int = attrs.field(default=0, init=False)
    _shelf: Shelf = attrs.field(init=False)
    _entries: dict[str, Entry] = attrs.field(factory=dict, init=False)
    _numbers: "count[int]" = attrs.field(factory=lambda: count(1), init=False)
    _deduplication: Deduplication = attrs.field(
        default=attrs.Factory(lambda self: Deduplication(self.deduplication_scope), takes_self=True), init=False
    )
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)
    _waiting: "dict[asyncio.Future[None], None]" = attrs.field(factory=dict, init=False)
    """In the order in which they came: in that of a set, the same would not happen again."""

    def __attrs_post_init__(self) -> None:
        """Choose how messages are ordered."""
        mistake = mistake_in_queue(self.visibility_timeout, self.max_receive_count)
        if mistake is not None:
            raise ValueError(f"queue {self.name!r}: {mistake}")
        self._shelf = FifoShelf() if self.fifo else StandardShelf()

    @property
    def fifo(self) -> bool:
        """Tell whether messages of one group are received in order."""
        return self.name.endswith(FIFO)

    @property
    def messages(self) -> dict[str, OutgoingMessage]:
        """The messages on the queue by id, hidden ones too, in the order of sending."""
        with self._lock:
            return {entry.id: entry.message for entry in self._entries.values()}

    @property
    def visible(self) -> list[OutgoingMessage]:
        """The messages that are not hidden by a delay or a delivery now."""
        now = self.clock()
        with self._lock:
            return [entry.message for entry in self._entries.values() if entry.visible_at <= now]

    @property
    def in_flight(self) -> list[OutgoingMessage]:
        """The messages that were received and are neither deleted nor visible again."""
        now = self.clock()
        with self._lock:
            return [e.message for e in self._entries.values() if e.receive_count and e.visible_at > now]

    def __len__(self) -> int:
        """Count the messages on the queue, hidden ones too."""
        return len(self._entries)

    def check(self, message: OutgoingMessage) -> None:
        """Raise ValueError, saying why, for a message that the queue does not take."""
        mistake = mistake_in(message, QUEUE.of(self.name))
        if mistake is not None:
            raise ValueError(f"queue {self.name!r} does not take the message: {mistake}")

    def send(self, message: OutgoingMessage, message_id: str | None = None) -> str:
        """Put a message on the queue and return its id; one that moves here keeps its `message_id`, and is here once.

        Raises:
            ValueError: the queue does not take it.

        """
        if message_id is None:  # what moves here was taken before
            self.check(message)
        return self._put(message, message_id)

    def move(self, message: Message) -> bool:
        """Move a received message to the dead-letter queue as another consumer than SQS does.

        False: there is none, or the copy is there and it was too late to delete the message here. The copy has an id of
        its own; on a FIFO queue the message's id is its deduplication id, so that it is there once, however often it is
        moved.
        """
        if self.dead_letters is None:
            return False
        copy = OutgoingMessage(message.body, message.attributes, None, message.group, None, message.trace_header)
        self._put_letter(copy, message.id, None)
        return self.delete(message.receipt)

    def _put_letter(self, message: OutgoingMessage, source_id: str, letter_id: str | None) -> None:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
        assert self.dead_letters is not None  # noqa: S101 - whoever calls this has looked
        deduplication_id = source_id if self.fifo else None
        letter = attrs.evolve(message, delay=None, deduplication_id=deduplication_id)
        origin = self.name if letter_id is not None else None
        self.dead_letters._put(letter, letter_id, origin)  # noqa: SLF001 - a queue, too

    def _put(self, message: OutgoingMessage, message_id: str | None, origin: str | None = None) -> str:
        now = self.clock()
        with self._lock:
            if message_id is not None and message_id in self._entries:
                return message_id
            sequence = next(self._numbers)
            entry_id = message_id or f"{self.name}-{sequence}"
            if self.fifo and (first := self._deduplication.first_of(message, entry_id, now)) != entry_id:
                return first
            entry = Entry(entry_id, sequence, message, self.ahead + now, now + (message.delay or 0), origin)
            self._entries[entry.id] = entry
            self._shelf.put(entry, now)
            self.counts["sent"] += 1
            self._wake()
        return entry.id

    def receive(self, limit: int, visibility_timeout: float | None = None) -> list[Message]:
        """Deliver up to `limit` visible messages, and hide them for a visibility timeout; None: the queue's own."""
        now = self.clock()
        hidden_for = self.visibility_timeout if visibility_timeout is None else visibility_timeout
        messages: list[Message] = []
        with self._lock:
            while not messages and (taken := self._shelf.take(now, limit)):
                for entry in taken:
                    if not self._redriven(entry):
                        messages.append(entry.deliver(now, hidden_for, self.name))
                        self._shelf.put(entry, now)
            self.counts["received"] += len(messages)
        return messages

    def delete(self, receipt: str) -> bool:
        """Delete the message of a receipt; False: it is refused, by a FIFO queue once its lease has ended.

        As on SQS, an outdated receipt deletes nothing on a standard queue and is no error, and a message may be deleted
        again.
        """
        with self._lock:
            entry = self._entries.get(id_in(receipt))
            if entry is None:
                return True
            if self.fifo and not (entry.receipt == receipt and entry.visible_at > self.clock()):
                return False
            if entry.receipt == receipt:
                self._drop(entry)
                self.counts["deleted"] += 1
                self._wake()
        return True

    def change_visibility(self, receipt: str, seconds: float) -> bool:
        """Hide the message of a receipt for so many seconds from now (0: show it).

        False: it is refused, for it is not in flight, or that would be more than 12 hours from its receipt.
        """
        now = self.clock()
        with self._lock:
            entry = self._entries.get(id_in(receipt))
            if entry is None or entry.receipt != receipt or entry.visible_at <= now:
                return False
            if now + seconds > entry.received_at + LONGEST_VISIBILITY:
                return False
            entry.visible_at = now + seconds
            self._shelf.put(entry, now)
            if not seconds:
                self.counts["released"] += 1
            self._wake()
        return True

    def origin_of(self, message_id: str) -> str | None:
        """Return the name of the queue that moved a message here by its redrive policy; None: none did."""
        entry = self._entries.get(message_id)
        return None if entry is None else entry.origin

    def next_visible(self) -> float | None:
        """Return in how many seconds a message may become visible by itself; None: nothing waits for the time."""
        now = self.clock()
        with self._lock:
            at = self._shelf.next_visible(now)
        return None if at is None else max(0.0, at - now)

    async def changed(self, since: int) -> None:
        """Wait until there were more changes than the `since` that `changes` said before; none is missed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self.changes != since:
                return
            self._waiting[waiter] = None
        try:
            await waiter
        finally:
            with self._lock:
                self._waiting.pop(waiter, None)

    def _wake(self) -> None:
        self.changes += 1
        for waiter in self._waiting:
            waiter.get_loop().call_soon_threadsafe(_resolve, waiter)
        self._waiting.clear()

    def _redriven(self, entry: Entry) -> bool:
        limit, target = self.max_receive_count, self.dead_letters
        if limit is None or target is None or entry.receive_count < limit:
            return False
        self._drop(entry)
        self._put_letter(entry.message, entry.id, entry.id)
        self.counts["dead_lettered"] += 1
        return True

    def _drop(self, entry: Entry) -> None:
        self._shelf.remove(entry)
        del self._entries[entry.id]


def _resolve(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
