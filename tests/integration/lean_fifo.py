"""A FIFO queue in memory: the messages of a group in their order, none while earlier ones of it are in flight."""

from bisect import insort
from collections import Counter, deque
from typing import Any

import attrs
from lean_queue import Answer, LeanQueue, StoredMessage


def number_of(message: StoredMessage) -> int:
    return int(message.id.rpartition("-")[2])


@attrs.define(eq=False)
class LeanFifo(LeanQueue):
    """A queue with groups; it deduplicates nothing."""

    groups: dict[str, list[StoredMessage]] = attrs.field(factory=dict)
    busy: Counter[str] = attrs.field(factory=Counter)
    """How many messages of a group are in flight; one that has some is locked."""
    open: deque[str] = attrs.field(factory=deque)
    """The groups that have messages and are not locked."""

    def put(self, body: str, attributes: dict[str, Any] | None = None, group: str | None = None) -> StoredMessage:
        return super().put(body, attributes, group or "0")

    def delete(self, receipt: str) -> Answer:
        lease, before = self.in_flight.get(receipt), self.deleted
        answer = super().delete(receipt)
        if lease is not None and self.deleted > before:
            self._unlock(lease.message.group or "0")
        return answer

    def stats(self) -> dict[str, float | str]:
        return super().stats() | {"ready": sum(map(len, self.groups.values()))}

    def _show(self, message: StoredMessage) -> None:
        group = message.group or "0"
        insort(self.groups.setdefault(group, []), message, key=number_of)
        if message.receive_count:  # it comes back
            self._unlock(group)
        elif not self.busy[group] and len(self.groups[group]) == 1:
            self._open(group)

    def _unlock(self, group: str) -> None:
        self.busy[group] -= 1
        if not self.busy[group] and self.groups.get(group):
            self._open(group)

    def _open(self, group: str) -> None:
        self.open.append(group)
        self._wake()

    def _next(self) -> StoredMessage | None:
        while self.open:
            group = self.open[0]
            if self.groups[group]:
                self.busy[group] += 1
                return self.groups[group].pop(0)
            self.open.popleft()
        return None

    def _taken(self) -> None:
        """Lock the group of which something was taken last."""
        if self.open:
            self.open.popleft()
