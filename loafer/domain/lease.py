"""How long a received message is ours, when to renew that, and when it is lost."""

import math
from collections.abc import Sequence

import attrs

from loafer.domain.limits import LARGEST_MESSAGE, LONGEST_LEASE, size_of
from loafer.domain.message import Message

FORGETTING = 0.95
"""What a receive leaves of the largest message before it."""

RETRY_AFTER = 1.0
"""Seconds until an extension that failed is tried again, at most."""


@attrs.define(eq=False)
class Lease:
    """A message that we hold: received, and not yet settled.

    Attributes:
        message: The newest delivery of the message; its receipt is the one that settles it.
        deadline: When the message becomes visible to others, unless the lease is renewed.
        renew_at: When the lease is due to be renewed.
        short_from: From when on only a third of it may be left.
        ends_at: When the queue stops extending it.
        size: Bytes of the message's body and attributes.
        runs: How often its handler was started under this lease.
        attempt: Which attempt the last of these is or was; 0 before the first.
        lost: True once the source refused to extend it.
        release_delay: Seconds after which the message is to be visible again, once it is to be given back; None before.
        failures: How often settling it has failed.
        extending: True while an extension is under way; a release waits for it, for the last call wins.
        settling: True once it is to be acknowledged, or was moved and is deleted by that: an extension that is refused
            then crossed the deletion.
        moving: True while it is moved to a dead-letter queue, and once its copy is there: a refused extension may have
            crossed its deletion.
        crossed: True if an extension was refused meanwhile: it may have crossed the deletion, or the lease is lost.
        kept_for: Why its last run keeps it, in a word; empty where it does not.
        no_attempt: True once what came of it was seen to count as none.
        overdue: True once its deadline has passed without an extension.
        not_before: When it is to run again, if it waits for that; given back, it comes back then.

    """

    message: Message
    deadline: float
    renew_at: float
    ends_at: float
    size: int = 0
    runs: int = 0
    attempt: int = 0
    lost: bool = False
    release_delay: float | None = None
    failures: int = 0
    extending: bool = False
    settling: bool = False
    moving: bool = False
    crossed: bool = False
    overdue: bool = False
    no_attempt: bool = False
    kept_for: str = ""
    not_before: float = 0.0
    short_from: float = math.inf

    def is_valid(self, now: float) -> bool:
        """Tell whether the message is still ours, as far as we can know."""
        return not self.lost and now < self.deadline

    def is_short(self, now: float) -> bool:
        """Tell whether so little is left of it that extensions could come too late for a handler that starts now."""
        return self.short_from <= now and self.is_valid(now)

    @property
    def received_at(self) -> float:
        """When it was received last, at the earliest."""
        return self.ends_at - LONGEST_LEASE

    @property
    def released(self) -> bool:
        """Tell whether it is given back: it is not extended again, and a new delivery is a new message."""
        return self.release_delay is not None

    @property
    def renewable(self) -> bool:
        """Tell whether the lease is one to be extended, and no extension is under way."""
        return not (self.lost or self.released or self.extending)

    def is_last_receive(self, last: int | None) -> bool:
        """Tell whether it is at its last receive, the `last`: received again, its source moves it on."""
        return last is not None and self.message.receive_count >= last

    def is_due(self, last: int | None) -> bool:
        """Tell whether it is at its last receive, the `last`, and has not run: given back, it would be moved unrun."""
        return self.runs == 0 and self.is_last_receive(last)

    def begin(self) -> None:
        """Note that a handler starts on it: a run in place is one attempt more, and so is a delivery, but not both."""
        self.runs += 1
        self.attempt = max(self.attempt + 1, self.message.receive_count)

    def not_begun(self) -> None:
        """Note that the handler that was to start did not."""
        self.runs -= 1
        self.attempt -= 1

    @property
    def attempts(self) -> int:
        """Deliveries of the message, with its further runs in place counted like deliveries.

        What was delivered again while it runs is no attempt of its own.
        """
        return self.attempt if self.runs else self.message.receive_count


@attrs.define
class Leases:
    """The leases on one source, by message id."""

    visibility_timeout: float
    size: int = attrs.field(default=0, init=False)
    """Bytes of the bodies and attributes of all held messages."""
    largest: float = attrs.field(default=LARGEST_MESSAGE, init=False)
    """Bytes that the next messages are taken to have at most: those of the largest of late, at first the most."""
    _seen: float = attrs.field(default=1, init=False)
    """Bytes of the largest message of late."""
    _assumed: float = attrs.field(default=LARGEST_MESSAGE, init=False)
    """Bytes of a message that is only feared: half as many with each receive that brought none like it."""
    _held: dict[str, Lease] = attrs.field(factory=dict, init=False)

    def __len__(self) -> int:
        """Count the held messages."""
        return len(self._held)

    @property
    def interval(self) -> float:
        """Seconds between two renewals: one may fail, and there is still time for another."""
        return self.visibility_timeout / 3

    def holds(self, message: Message) -> bool:
        """Tell whether a message is held, and a newer delivery only brings a newer receipt."""
        held = self._held.get(message.id)
        return held is not None and not held.released

    def is_ours(self, message: Message, now: float) -> bool:
        """Tell whether a message is held, and is still ours, as far as we can know."""
        held = self._held.get(message.id)
        return held is not None and held.is_valid(now)

    def come_again(self, messages: Sequence[Message], now: float) -> list[Message]:
        """Return those that are done, held to be deleted, and come again after their leases have ended."""
        found = []
        for message in messages:
            held = self._held.get(message.id)
            if (
                held is not None
                and held.settling
                and held.message.sent_at == message.sent_at
                and not held.is_valid(now)
            ):
                found.append(message)
        return found

    def take(
        self, messages: Sequence[Message], since: float, hidden_for: float = math.inf, *, doubted: bool = False
    ) -> list[Lease]:
        """Hold messages received at the time `since`, and return the new leases.

        What is held already only takes the newer receipt over; another message that has its id is not held. They are
        ours for `hidden_for` seconds only, where their receive asked for less than the visibility timeout of now. Where
        it is doubted that they were not received before, they are to be renewed at once, and count as short until then.
        """
        lasts = min(self.visibility_timeout, hidden_for)
        deadline, renew_at, short_from = since + lasts, since + lasts / 3, since + lasts * 2 / 3
        if doubted:
            renew_at = short_from = since
        ends_at = since + LONGEST_LEASE
        taken, largest = [], 1
        for message in messages:
            size = size_of(message)
            largest = max(largest, size)
            held = self._held.get(message.id)
            if held is None or held.released:
                lease = self._held[message.id] = Lease(message, deadline, renew_at, ends_at, size)
                lease.short_from = short_from
                self.size += size if held is None else size - held.size
                taken.append(lease)
            elif message.sent_at != held.message.sent_at:
                continue  # another one that has its id: it is left to its visibility
            elif message.receive_count >= held.message.receive_count:  # or else an older delivery, by a slower receive
                held.message, held.lost, held.overdue, held.crossed = message, False, False, False
                held.deadline, held.renew_at, held.ends_at, held.short_from = deadline, renew_at, ends_at, short_from
        if messages:
            self._seen = max(largest, self._seen * FORGETTING)
            self._assumed /= 2
            self.largest = max(self._seen, self._assumed)
        return taken

    def drop(self, leases: Sequence[Lease]) -> None:
        """Hold messages no longer."""
        for lease in leases:
            identity = lease.message.id
            if self._held.get(identity) is lease:
                del self._held[identity]
                self.size -= lease.size

    def all(self) -> list[Lease]:
        """Return all leases, the oldest first."""
        return list(self._held.values())

    def due(self, now: float) -> list[Lease]:
        """Take the leases that are to be renewed now; each is being extended until its result is told."""
        due = [x for x in self._held.values() if x.renew_at <= now and x.renewable]
        for lease in due:
            lease.extending = True
            lease.renew_at = now + self.interval
        return due

    def extension(self, now: float, lease: Lease) -> float:
        """Return for how many seconds a lease can be extended; 0 or less: the source would refuse."""
        return min(self.visibility_timeout, lease.ends_at - now)

    def extended(self, lease: Lease, message: Message, until: float) -> None:
        """Note that the delivery `message` of a lease was extended; a newer delivery knows better."""
        lease.extending = False
        if lease.message is message:
            lease.deadline, lease.short_from, lease.overdue = until, until - self.interval, False

    def refused(self, lease: Lease, message: Message) -> bool:
        """Note that the source refused to extend the delivery `message`; tell whether the lease is lost by that.

        It is not if a newer delivery was taken over, or if the message is being settled: the two calls crossed. Of one
        that is being moved the end of that tells, see `moved`.
        """
        lease.extending = False
        if lease.message is not message or lease.settling or lease.released or not self._holds(lease):
            return False
        lease.crossed, lease.lost = lease.moving, not lease.moving
        return lease.lost

    def moved(self, lease: Lease, *, copied: bool) -> bool:
        """Note that a move has ended, in a copy or not; tell whether the lease was lost meanwhile."""
        lost = lease.crossed and not copied and self._holds(lease)
        lease.moving, lease.crossed, lease.lost = copied, False, lease.lost or lost  # a copy is deleted from here on
        return lost

    def not_extended(self, lease: Lease, now: float) -> None:
        """Note that an extension failed and may be tried again soon, at the next look where leases are short."""
        lease.extending = False
        lease.renew_at = min(lease.renew_at, now + min(RETRY_AFTER, self.interval / 8))

    def ended(self, now: float) -> list[Lease]:
        """Take note of the leases that have ended without an extension, and return them, each once."""
        held = (x for x in self._held.values() if x.deadline <= now)
        ended = [x for x in held if not (x.overdue or x.lost or x.released or x.settling)]
        for lease in ended:
            lease.overdue = True
        return ended

    def _holds(self, lease: Lease) -> bool:
        return self._held.get(lease.message.id) is lease
