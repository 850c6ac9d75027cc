"""How a queue in memory finds the next message: standard queues by visibility, FIFO queues by group."""

import heapq
from collections import deque
from typing import Protocol

import attrs

from loafer.domain.message import Message, OutgoingMessage


@attrs.define(eq=False)
class Entry:
    """A message on a queue.

    Attributes:
        id: The message id.
        sequence: Its place in the order of sending.
        message: What was sent.
        sent_at: When it was sent, as its messages say it.
        visible_at: When it can be received (again).
        received_at: When its newest delivery was received.
        origin: The name of the queue whose redrive policy moved it here; None: none did.
        receipt: The receipt handle of its newest delivery; empty before the first.
        receive_count: Deliveries so far.
        moves: How often it was laid down; tells its place on a shelf from earlier ones.
        deleted: True once it is no longer on the queue.

    """

    id: str
    sequence: int
    message: OutgoingMessage
    sent_at: float
    visible_at: float
    origin: str | None = None
    receipt: str = ""
    received_at: float = 0.0
    receive_count: int = 0
    moves: int = 0
    deleted: bool = False

    def deliver(self, now: float, hidden_for: float, source: str) -> Message:
        """Hide it, and return it as it is received from a queue of that name."""
        self.receive_count += 1
        self.receipt = f"{self.id}#{self.receive_count}"
        self.visible_at, self.received_at = now + hidden_for, now
        sent = self.message
        return Message(
            id=self.id,
            body=sent.body,
            receipt=self.receipt,
            receive_count=self.receive_count,
            group=sent.group,
            deduplication_id=sent.deduplication_id,
            sent_at=self.sent_at,
            attributes=sent.attributes,
            source=source,
            trace_header=sent.trace_header,
        )


def id_in(receipt: str) -> str:
    """Return the id of the message that a receipt is of."""
    return receipt.rpartition("#")[0]


class Shelf(Protocol):
    """Where the entries of a queue lie."""

    def put(self, entry: Entry, now: float) -> None:
        """Lay an entry down, new or with another `visible_at`."""
        ...

    def take(self, now: float, limit: int) -> list[Entry]:
        """Return visible entries that may be received together now; each is taken out until it is `put` again."""
        ...

    def remove(self, entry: Entry) -> None:
        """Let go of an entry for good."""
        ...

    def next_visible(self, now: float) -> float | None:
        """Return when an entry may become visible by itself; None: not before something else happens."""
        ...


@attrs.define
class StandardShelf:
    """Entries in the order in which they became visible."""

    _visible: deque[Entry] = attrs.field(factory=deque, init=False)
    _hidden: list[tuple[float, int, int, Entry]] = attrs.field(factory=list, init=False)

    def put(self, entry: Entry, now: float) -> None:
        """Lay an entry down."""
        entry.moves += 1
        if entry.visible_at <= now:
            self._visible.append(entry)
        else:
            heapq.heappush(self._hidden, (entry.visible_at, entry.sequence, entry.moves, entry))

    def take(self, now: float, limit: int) -> list[Entry]:
        """Return visible entries, the longest visible first."""
        while self._hidden and self._hidden[0][0] <= now:
            *_, move, entry = heapq.heappop(self._hidden)
            if not entry.deleted and entry.moves == move:
                self._visible.append(entry)
        taken: list[Entry] = []
        while self._visible and len(taken) < limit:
            entry = self._visible.popleft()
            if not entry.deleted:
                taken.append(entry)
        return taken

    def remove(self, entry: Entry) -> None:
        """Forget it when it turns up."""
        entry.deleted = True

    def next_visible(self, now: float) -> float | None:
        """Return when the next hidden entry becomes visible."""
        return now if self._visible else self._hidden[0][0] if self._hidden else None


@attrs.define
class FifoShelf:
    """Entries in the order of sending; a group gives nothing while one of its entries is in flight."""

    _groups: dict[str, deque[Entry]] = attrs.field(factory=dict, init=False)

    def put(self, entry: Entry, now: float) -> None:  # noqa: ARG002 - its place does not depend on the time
        """Lay a new entry behind its group; one that comes back never left its place."""
        group = self._groups.setdefault(entry.message.group or "", deque())
        if entry.receive_count == 0:
            group.append(entry)

    def take(self, now: float, limit: int) -> list[Entry]:
        """Return visible entries, each group in its order, groups that gave something going last."""
        taken: list[Entry] = []
        for name, group in list(self._groups.items()):
            if len(taken) >= limit:
                break
            given = self._from_group(group, now, limit - len(taken))
            if given:
                self._groups[name] = self._groups.pop(name)
                taken += given
        return taken

    @staticmethod
    def _from_group(group: deque[Entry], now: float, limit: int) -> list[Entry]:
        taken: list[Entry] = []
        for entry in group:
            if entry.visible_at > now and entry.receive_count:
                return []
            if entry.receive_count == 0 and (entry.visible_at > now or len(taken) >= limit):
                break
            if len(taken) < limit:
                taken.append(entry)
        return taken

    def remove(self, entry: Entry) -> None:
        """Take it out of its group; deletions are mostly at the head."""
        entry.deleted = True
        name = entry.message.group or ""
        group = self._groups[name]
        group.remove(entry)
        if not group:
            del self._groups[name]

    def next_visible(self, now: float) -> float | None:
        """Return when the next of the entries that are hidden now becomes visible."""
        return min((e.visible_at for group in self._groups.values() for e in group if e.visible_at > now), default=None)
