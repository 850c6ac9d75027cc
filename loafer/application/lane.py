"""What a route holds while it runs; the one place that its polls, its jobs, its settlement and the heartbeat share."""

import asyncio
import logging
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import attrs

from loafer.application.attempts import check_attempts, most_attempts
from loafer.application.counts import Counts
from loafer.application.listeners import Guards, Listeners
from loafer.application.route import BatchCall, Route
from loafer.application.trouble import Trouble
from loafer.domain.collecting import BatchOrder
from loafer.domain.depth import Backlog
from loafer.domain.done_before import DoneBefore
from loafer.domain.lease import Lease, Leases
from loafer.domain.message import Message
from loafer.domain.ordering import ArrivalOrder, GroupOrder
from loafer.domain.retry import Retry
from loafer.domain.singles import Singles
from loafer.ports.consumer import Consumer, SourceInfo
from loafer.ports.observer import Cause, Observer, Operation

logger = logging.getLogger(__name__)

RECEIVED_ALONE = (
    "source %r: its redrive policy may not be read, so messages are received one at a time, that those of a group lose "
    "no receive by a failure; allow sqs:GetQueueAttributes"
)

UNKNOWN = SourceInfo(visibility_timeout=30)

RETURNED = 10_000
"""Messages of which is remembered that they come back: the latest."""


@attrs.define(eq=False)
class Lane:
    """The state of a running route. Its leases are shared with the heartbeat's thread, under `lock`.

    Attributes:
        wide_polls: Receives under way that may bring more than one message.
        observers: Whom to tell what happens here, beside the counts.
        retry: When a kept message comes back, where its route does not say.
        guards: Go on where an observer raises.
        by_place: The lanes of this process by the queue that they receive from, however they name it, if that is known.
        events: What happened so far.
        tell: Whom to tell of each event.
        heard: When a receive was answered last; None: none was.
        backlog: What was found out of its source in the last minute; None: nothing was, or nobody asks.
        troubles: What may not work: each is told of what it does.
        may_extend: Whether extensions are not denied, as far as is known; the heartbeat's thread says so.
        drained: Whether what waits in it is given back, and nothing is run again in its place.

    """

    route: Route
    consumer: Consumer
    clock: Callable[[], float]
    observers: Sequence[Observer] = ()
    retry: Retry = attrs.field(factory=Retry)
    guards: Guards = attrs.field(factory=Guards)
    by_place: "dict[str, list[Lane]]" = attrs.field(factory=dict)
    info: SourceInfo = attrs.field(default=UNKNOWN, init=False)
    leases: Leases = attrs.field(factory=lambda: Leases(UNKNOWN.visibility_timeout), init=False)
    place: str = attrs.field(init=False)
    """What names its queue, however its route does."""
    order: ArrivalOrder | GroupOrder | BatchOrder = attrs.field(init=False)
    singles: Singles = attrs.field(factory=Singles, init=False)
    done_before: DoneBefore = attrs.field(factory=DoneBefore, init=False)
    lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)
    wide_polls: int = attrs.field(default=0, init=False)
    answered: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    """Set once its source has answered for the first time."""
    events: Counts = attrs.field(factory=Counts, init=False)
    tell: Listeners = attrs.field(init=False)
    troubles: list[Trouble] = attrs.field(factory=list, init=False)
    may_extend: bool = attrs.field(default=True, init=False)
    drained: bool = attrs.field(default=False, init=False)
    heard: float | None = attrs.field(default=None, init=False)
    backlog: Backlog | None = attrs.field(default=None, init=False)
    _returned: dict[str, None] = attrs.field(factory=dict, init=False)
    """Messages that come back because of us."""

    def __attrs_post_init__(self) -> None:
        """Begin without an order of groups: whether there is one shows when the consumer opens."""
        self.place = self.route.source
        self.order = BatchOrder(self.route.batch) if isinstance(self.route.call, BatchCall) else ArrivalOrder()
        self.tell = Listeners.of((self.events,), self.observers, self.guards)

    def listen(self, observer: Observer) -> None:
        """Tell one of our own observers, who never raises, from now on."""
        self.tell = Listeners.of((self.events, observer), self.observers, self.guards)

    @property
    def counts(self) -> Counter[str]:
        """What happened so far, by name."""
        return self.events.by_name

    def trouble(self, what: str) -> Trouble:
        """Return what notes whether something works here."""
        trouble = Trouble(what, self.clock, self.route.source, self.tell.trouble)
        self.troubles.append(trouble)
        return trouble

    def opened(self, info: SourceInfo) -> None:
        """Take in what the consumer found out about its source.

        Raises:
            ConfigurationError: messages are to be moved to a dead-letter queue, and it has none that is known.

        """
        self.info = info
        if info.place is not None:
            self.place = info.place
            peers = self.by_place.setdefault(info.place, [])
            peers.append(self)
            self.singles, self.done_before = peers[0].singles, peers[0].done_before
        self.leases = Leases(info.visibility_timeout)
        if info.ordered:
            self.order = GroupOrder()
            if not info.redrive_known:
                logger.warning(RECEIVED_ALONE, self.route.source)
        for branch in self.route.branches:
            check_attempts(branch, branch.retry or self.retry, info)
        self._bound_attempts()
        self.answered.set()

    def looked(self, info: SourceInfo) -> None:
        """Take in what the source is by now."""
        with self.lock:
            self.info = info
            self.leases.visibility_timeout = info.visibility_timeout
        self._bound_attempts()

    def _bound_attempts(self) -> None:
        """Have handlers know how many attempts are left."""
        for branch in self.route.branches:
            branch.around.most_attempts = most_attempts(branch.retry or self.retry, self.info)

    @property
    def batch_size(self) -> int:
        """How many messages a receive is worth at most."""
        # A failure costs its followers a receive each where nobody knows how many there are: they could be moved unrun.
        alone = self.info.ordered and (self.info.max_receive_count == 1 or not self.info.redrive_known)
        return 1 if alone or self.singles.any(self.clock()) else self.consumer.batch_size

    @property
    def done(self) -> int:
        """How many messages were received and are held no longer."""
        return self.counts["received"] - self.counts["duplicates"] - len(self.leases)

    @property
    def peers(self) -> "Sequence[Lane]":
        """The lanes of this queue, itself among them."""
        return self.by_place.get(self.place) or (self,)

    def is_followed(self, lease: Lease) -> bool:
        """Tell whether messages wait behind a started one, in the order of its group."""
        return isinstance(self.order, GroupOrder) and self.order.has_followers(lease)

    def owners(self, messages: Sequence[Message]) -> "Iterable[tuple[Lane, Sequence[Message]]]":
        """Return of the lanes of this queue which messages are whose: where one, or its group, is held, it belongs."""
        lanes = self.peers
        if len(lanes) < 2:  # noqa: PLR2004 - only this one
            return ((self, messages),)
        owned: dict[Lane, list[Message]] = {}
        for message in messages:
            owned.setdefault(next((lane for lane in lanes if lane.has(message)), self), []).append(message)
        return owned.items()

    def has(self, message: Message) -> bool:
        """Tell whether a message, or one of its group where there is an order, is held here."""
        if isinstance(self.order, GroupOrder) and self.order.has_group(message):
            return True
        with self.lock:
            return self.leases.holds(message)

    def is_ours(self, message: Message) -> bool:
        """Tell whether a message is held here, and its lease has not ended."""
        return self.leases.is_ours(message, self.clock())

    def take(
        self, messages: Sequence[Message], since: float, hidden_for: float = math.inf, *, doubted: bool = False
    ) -> list[Lease]:
        """Hold messages that were received at the time `since` at the earliest, and are hidden for so many seconds.

        Those that are held already take over the newer receipt and are left out. Doubted is as in `Leases.take`.
        """
        with self.lock:
            leases = self.leases.take(messages, since, hidden_for, doubted=doubted)
        self.counts["duplicates"] += len(messages) - len(leases)
        for lease in leases:
            if lease.message.receive_count > 1 and self._returned.pop(lease.message.id, self) is self:
                self._tell_of(lease.message, Cause.ELSEWHERE)
        return leases

    def is_short(self, lease: Lease, now: float) -> bool:
        """Tell whether a message is to be extended before it starts, so that no other worker has it meanwhile."""
        return self.may_extend and lease.is_short(now)

    def called(self, operation: Operation, began: float, error: Exception | None) -> None:
        """Tell that a call to the source has ended that began then; may be called on any thread."""
        if self.tell.called:
            seconds = self.clock() - began
            for tell in self.tell.called:
                tell(operation, self.route.source, seconds, error)

    def settled(self, messages: Sequence[Message], operation: Operation) -> None:
        """Tell that messages were deleted, given back or moved."""
        for tell in self.tell.settled:
            tell(messages, operation)

    def comes_back(self, leases: Iterable[Lease], cause: Cause) -> None:
        """Tell that messages will be delivered again, unless that was told when their leases were lost.

        The cause is this one where the end of their handling has left none.
        """
        for lease in leases:
            if not (lease.lost or lease.overdue):
                self.lost(lease, Cause(lease.kept_for) if lease.kept_for and not lease.settling else cause)

    def refused(self, lease: Lease, reason: str) -> None:
        """Tell that a lease is lost, for its source has refused to extend it; may be called on any thread."""
        with self.lock:
            self.counts["leases_lost"] += 1
        logger.warning("message %s: its lease is lost: %s", lease.message.id, reason)
        self.lost(lease, Cause.LEASE_LOST)

    def lost(self, lease: Lease, cause: Cause) -> None:
        """Tell that a message will be delivered again; may be called on any thread."""
        self._returned[lease.message.id] = None
        if len(self._returned) > RETURNED:
            self._returned.pop(next(iter(self._returned)), None)
        self._tell_of(lease.message, cause)

    def _tell_of(self, message: Message, cause: Cause) -> None:
        for tell in self.tell.comes_back:
            tell(message, cause)

    def finished(self, leases: Sequence[Lease]) -> None:
        """Hold messages no longer, and let what waited for them start."""
        with self.lock:
            self.leases.drop(leases)
        self.singles.through(leases)
        self.order.finished(leases)
