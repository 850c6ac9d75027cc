"""Which held message may start next: in order of arrival, or one at a time within each FIFO group."""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from itertools import count, islice, takewhile
from typing import Protocol

import attrs

from loafer.domain.lease import Lease
from loafer.domain.message import Message


class Order(Protocol):
    """The waiting messages of one route, and what they wait for."""

    @property
    def startable(self) -> int:
        """How many could start now."""
        ...

    def __len__(self) -> int:
        """Count all that wait, for whatever."""
        ...

    def add(self, leases: Sequence[Lease]) -> None:
        """Let received messages wait for their turn."""
        ...

    def next(self) -> Lease | None:
        """Take the message that starts now; None: none may."""
        ...

    def put_back(self, lease: Lease) -> None:
        """Let a message that was taken to start wait in the first place again."""
        ...

    def finished(self, leases: Sequence[Lease]) -> None:
        """Note that started messages are confirmed as settled: what waited for them may start."""
        ...

    def followers(self, lease: Lease) -> list[Lease]:
        """Take those that wait for a started message."""
        ...

    def spare(self, last: int | None) -> list[Lease]:
        """Take all that wait, but those at their last receive, the `last`, and what has to start before them.

        None: there is no last one.
        """
        ...


@attrs.define
class ArrivalOrder:
    """The order of a standard queue: whoever came first starts first, and nobody waits for anybody."""

    _waiting: deque[Lease] = attrs.field(factory=deque, init=False)

    @property
    def startable(self) -> int:
        """How many could start now: all."""
        return len(self._waiting)

    def __len__(self) -> int:
        """Count all that wait."""
        return len(self._waiting)

    def add(self, leases: Sequence[Lease]) -> None:
        """Let received messages wait for their turn."""
        self._waiting.extend(leases)

    def next(self) -> Lease | None:
        """Take the message that starts now."""
        return self._waiting.popleft() if self._waiting else None

    def put_back(self, lease: Lease) -> None:
        """Let a message that was taken to start wait in the first place again."""
        self._waiting.appendleft(lease)

    def finished(self, leases: Sequence[Lease]) -> None:
        """Nobody waited for them."""

    def followers(self, lease: Lease) -> list[Lease]:  # noqa: ARG002 - nobody waits for anybody
        """Nobody waits for it."""
        return []

    def spare(self, last: int | None) -> list[Lease]:
        """Take all that wait, but those at their last receive, the `last`."""
        waiting = self.drain()
        self._waiting.extend(lease for lease in waiting if lease.is_due(last))
        return [lease for lease in waiting if not lease.is_due(last)]

    def drain(self) -> list[Lease]:
        """Take all that wait."""
        drained, self._waiting = list(self._waiting), deque()
        return drained


@attrs.define
class Group:
    """One message group: its head is the only message that may start, and only if it is not busy or backing off."""

    name: str
    waiting: deque[Lease] = attrs.field(factory=deque)
    started: Lease | None = None


@attrs.define
class GroupOrder:
    """The order of a FIFO queue: one message of a group at a time, in order; groups in parallel.

    A message without a group is a group of its own.
    """

    _groups: dict[str, Group] = attrs.field(factory=dict, init=False)
    _count: int = attrs.field(default=0, init=False)
    _ready: deque[Group] = attrs.field(factory=deque, init=False)
    _backing_off: list[tuple[float, int, Group]] = attrs.field(factory=list, init=False)
    _tie: "count[int]" = attrs.field(factory=count, init=False)

    @property
    def startable(self) -> int:
        """How many could start now: the heads of the groups that wait for nothing."""
        return len(self._ready)

    def __len__(self) -> int:
        """Count all that wait: for a slot, behind the head of their group, or for their next run."""
        return self._count

    def add(self, leases: Sequence[Lease]) -> None:
        """Let received messages wait, each behind the others of its group."""
        self._count += len(leases)
        for lease in leases:
            name = group_of(lease.message)
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = Group(name)
                self._ready.append(group)
            group.waiting.append(lease)

    def next(self) -> Lease | None:
        """Take the head of the group that has waited longest."""
        if not self._ready:
            return None
        group = self._ready.popleft()
        group.started = group.waiting.popleft()
        self._count -= 1
        return group.started

    def put_back(self, lease: Lease) -> None:
        """Let a message that was taken to start wait in the first place again; its followers wait for it."""
        group = self._groups[group_of(lease.message)]
        group.started = None
        group.waiting.appendleft(lease)
        self._count += 1
        self._ready.appendleft(group)

    def finished(self, leases: Sequence[Lease]) -> None:
        """Let the next of each group start, or forget the group."""
        for lease in leases:
            group = self._groups.get(group_of(lease.message))
            if group is None or group.started is not lease:
                continue
            group.started = None
            if group.waiting:
                self._ready.append(group)
            else:
                del self._groups[group.name]

    def retry(self, lease: Lease, at: float) -> None:
        """Put a started message back at the head of its group, to start again at the time `at`; its followers wait."""
        group = self._groups[group_of(lease.message)]
        group.started, lease.not_before = None, at
        group.waiting.appendleft(lease)
        self._count += 1
        heapq.heappush(self._backing_off, (at, next(self._tie), group))

    def wake(self, now: float) -> None:
        """Let the groups start again whose head has waited long enough."""
        while self._backing_off and self._backing_off[0][0] <= now:
            self._ready.append(heapq.heappop(self._backing_off)[2])

    def has_followers(self, lease: Lease) -> bool:
        """Tell whether messages wait behind a started one."""
        group = self._groups.get(group_of(lease.message))
        return group is not None and group.started is lease and bool(group.waiting)

    def is_overtaken(self, lease: Lease) -> bool:
        """Tell whether one of its group was received while a started message was ours: it is gone from its source.

        So it is where one was received after it was given back, whenever that was.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
        """
        group = self._groups.get(group_of(lease.message))
        if group is None or group.started is not lease:
            return False
        until = math.inf if lease.released else lease.deadline
        return any(lease.received_at < behind.received_at < until for behind in group.waiting)

    def has_group(self, message: Message) -> bool:
        """Tell whether messages of a message's group are here."""
        return group_of(message) in self._groups

    def followers(self, lease: Lease) -> list[Lease]:
        """Take those that wait behind a started message, until it comes again itself: it was given back before."""
        group = self._groups.get(group_of(lease.message))
        if group is None or group.started is not lease:
            return []
        taken = list(takewhile(lambda behind: behind.message.id != lease.message.id, group.waiting))
        group.waiting = deque(islice(group.waiting, len(taken), None))
        self._count -= len(taken)
        return taken

    def spare(self, last: int | None) -> list[Lease]:
        """Take all that wait, each group in its order, but for those at their last receive, and what is before them."""
        taken: list[Lease] = []
        for group in self._groups.values():
            kept = max((place for place, lease in enumerate(group.waiting, 1) if lease.is_due(last)), default=0)
            taken += islice(group.waiting, kept, None)
            group.waiting = deque(islice(group.waiting, kept))
        self._count -= len(taken)
        self._groups = {name: group for name, group in self._groups.items() if group.waiting or group.started}
        self._ready = deque(group for group in self._ready if group.waiting)
        self._backing_off = [entry for entry in self._backing_off if entry[2].waiting]
        heapq.heapify(self._backing_off)
        return taken


def group_of(message: Message) -> str:
    """Return what names the group of a message: without one it is a group of its own."""
    return message.id if message.group is None else message.group
