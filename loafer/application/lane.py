"""What a route holds while it runs; the one place that its polls, its jobs, its settlement and the heartbeat share."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from loafer.application.route import BatchCall, Route
from loafer.domain.collecting import BatchOrder
from loafer.domain.lease import Lease, Leases
from loafer.domain.message import Message
from loafer.domain.ordering import ArrivalOrder, GroupOrder, Singles
from loafer.ports.consumer import Consumer, SourceInfo

UNKNOWN = SourceInfo(visibility_timeout=30)


@attrs.define(eq=False)
class Lane:
    """The state of a running route. Its leases are shared with the heartbeat's thread, under `lock`.

    Attributes:
        wide_polls: Receives under way that may bring more than one message.
        counts: What happened so far: outcomes by name, `received`, `duplicates`, `leases_lost`, `stale`.

    """

    route: Route
    consumer: Consumer
    clock: Callable[[], float]
    info: SourceInfo = attrs.field(default=UNKNOWN, init=False)
    leases: Leases = attrs.field(factory=lambda: Leases(UNKNOWN.visibility_timeout), init=False)
    order: ArrivalOrder | GroupOrder | BatchOrder = attrs.field(init=False)
    singles: Singles = attrs.field(factory=Singles, init=False)
    lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    wide_polls: int = attrs.field(default=0, init=False)
    counts: Counter[str] = attrs.field(factory=Counter, init=False)
    answered: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    """Set once its source has answered for the first time."""

    def __attrs_post_init__(self) -> None:
        """Begin without an order of groups: whether there is one shows when the consumer opens."""
        self.order = BatchOrder(self.route.batch) if isinstance(self.route.call, BatchCall) else ArrivalOrder()

    def opened(self, info: SourceInfo) -> None:
        """Take in what the consumer found out about its source."""
        self.info = info
        self.leases = Leases(info.visibility_timeout)
        if info.ordered:
            self.order = GroupOrder()
        for branch in self.route.branches:
            branch.around.max_receive_count = info.max_receive_count
        self.answered.set()

    def looked(self, info: SourceInfo) -> None:
        """Take in what the source is by now."""
        with self.lock:
            self.info = info
            self.leases.visibility_timeout = info.visibility_timeout

    @property
    def batch_size(self) -> int:
        """How many messages a receive is worth at most."""
        alone = self.info.ordered and self.info.max_receive_count == 1  # or followers would be moved away unrun
        return 1 if alone or self.singles.any(self.clock()) else self.consumer.batch_size

    def take(self, messages: Sequence[Message], since: float) -> list[Lease]:
        """Hold messages that were received at the time `since` at the earliest.

        Those that are held already take over the newer receipt and are left out.
        """
        with self.lock:
            leases = self.leases.take(messages, since)
        self.counts["received"] += len(messages)
        self.counts["duplicates"] += len(messages) - len(leases)
        return leases

    def finished(self, leases: Sequence[Lease]) -> None:
        """Hold messages no longer, and let what waited for them start."""
        with self.lock:
            self.leases.drop(leases)
        self.singles.through(leases)
        self.order.finished(leases)
