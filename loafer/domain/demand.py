"""How many messages to ask for: never more than can be held, and ahead of a free slot only what starts soon."""

import math
from collections.abc import Sequence

import attrs

SOON = 1.0
"""Seconds within which a message received ahead of a free slot is expected to start."""

WEIGHT = 0.1
"""Share of the newest handling time in the mean."""


@attrs.define
class Pace:
    """How long handlers take, measured."""

    mean: float = attrs.field(default=0.0, init=False)
    """Mean handling time in seconds, newer ones weighing more."""

    last_end: float | None = attrs.field(default=None, init=False)
    """When a handler last ended; None before the first."""

    def ended(self, seconds: Sequence[float], now: float) -> None:
        """Learn from handlers that have ended now and took so many seconds each; at least one."""
        kept = 0.0 if self.last_end is None else (1 - WEIGHT) ** len(seconds)
        self.mean += (sum(seconds) / len(seconds) - self.mean) * (1 - kept)
        self.last_end = now

    def starts_soon(self, slots: int, now: float) -> int:
        """Return how many messages so many slots are expected to start within a second; none while nobody can tell.

        Nobody can tell before a handler has ended, and when none has ended for a second: the mean is of other times.
        """
        if self.last_end is None or now - self.last_end > SOON:
            return 0
        return int(min(1e9, slots * SOON / max(self.mean, 1e-9)))


MOST_AHEAD = 500
"""Seats in a waiting room whose size follows from what is measured."""

RECENT = 0.25
"""Seconds after which what was measured weighs less than half."""


@attrs.define
class Pipeline:
    """How many messages of a route have to be on their way so that no slot waits for one, measured at its receives.

    That is the time that a receive takes, times the messages that are done in that time.

    Attributes:
        latency: Mean seconds from asking to the answer, of receives that brought something; no longer than SOON.
        pace: Messages that were done a second, of late.
        ahead: How many messages to hold or ask for beyond those that free slots wait for: those of two receives' time.
            Half of them are on their way, and the others wait for what comes late. A whole receive at least, and two
            where they are done in half a second: fewer would mean more calls. 0 before anything came.

    """

    latency: float = attrs.field(default=0.0, init=False)
    pace: float = attrs.field(default=0.0, init=False)
    ahead: int = attrs.field(default=0, init=False)
    _done: int = attrs.field(default=0, init=False)
    _seconds: float = attrs.field(default=0.0, init=False)
    """Seconds that the pace was measured for, older ones weighing less."""
    _at: float | None = attrs.field(default=None, init=False)

    def received(self, seconds: float, done: int, now: float, batch_size: int) -> None:
        """Learn from a receive that brought something after so many seconds; by now `done` messages are done.

        A receive brings `batch_size` messages at most.
        """
        seconds = min(seconds, SOON)
        if self._at is None:
            self.latency = seconds
        else:
            self.latency += (seconds - self.latency) * WEIGHT
            passed = max(now - self._at, 1e-9)
            kept = self._seconds * math.exp(-passed / RECENT)
            self.pace = (self.pace * kept + done - self._done) / (kept + passed)
            self._seconds = kept + passed
        self._done, self._at = done, now
        two_receives = self.pace * min(2 * self.latency, SOON)
        self.ahead = int(max(batch_size, min(2 * batch_size, self.pace * SOON / 2), two_receives))


FEWEST_SETTLING = 40
"""Messages that may always be on their way to being settled."""


@attrs.frozen(slots=True)
class Bounds:
    """What may be held by all routes together.

    A message that waits for a slot, runs, or is asked for has a seat. What waits behind the head of its FIFO group, or
    for its next run there, has none: the source gives it to nobody else anyway.

    Attributes:
        seats: Messages that may have a seat.
        size: Bytes of held messages.
        followers: Messages of one route that may wait without a seat.
        routes: How many routes there are.
        part: Bytes that each route has for itself: half of the size is divided among them.

    """

    seats: int
    size: int = 64 * 1024 * 1024
    followers: int = 1000
    routes: int = 1
    part: float = attrs.field(init=False)

    @part.default
    def _(self) -> float:
        return self.size / 2 / self.routes

    @property
    def settling(self) -> int:
        """How many messages may be on their way to being settled: twice as many as may have a seat."""
        return max(FEWEST_SETTLING, 2 * self.seats)

    def headroom(self, seated: int, settling: int) -> int:
        """Return how many messages may still have a seat.

        What has a seat may be settled next, so a backlog of settlements ends the asking before it reaches its bound.
        """
        return 0 if settling > self.settling - self.seats else self.seats - seated

    def bodies(self, size: float, shared: float, largest: float) -> int:
        """Return how many messages of `largest` bytes at most a route may still ask for; its part has room for one.

        It holds or has asked for `size`; of the half that nobody has for himself `shared` is taken. A route that holds
        nothing takes nothing of that: its poll may wait for long, and others have work.
        """
        left = max(self.part, largest) - size
        if size:
            left = max(0.0, left) + max(0.0, self.size / 2 - shared)
        return int(left / largest)


@attrs.frozen(slots=False)
class Room:
    """What there is room for, seen from one route.

    Attributes:
        prefetch: Seats in the route's waiting room, as large as it is now.
        waiting: Messages of the route that wait and could start.
        asked: Messages of the route that running receives may still bring.
        startable: Messages that could start at once or soon besides those that wait already, over all routes.
        headroom: Messages that may still be held before the limit over all routes is reached.

    """

    prefetch: int
    waiting: int
    asked: int
    startable: int
    headroom: int


def demand(room: Room, batch_size: int) -> int:
    """Return for how many messages to ask the source now; 0: wait.

    While others wait or are on their way, a receive is put off until it can bring half of what there is room for:
    more messages a call.
    """
    capacity = max(0, min(room.prefetch, room.waiting + room.startable))
    wanted = min(capacity - room.waiting - room.asked, room.headroom, batch_size)
    return wanted if wanted >= _worthwhile(room, capacity, batch_size) else 0


def is_full(room: Room, batch_size: int) -> bool:
    """Tell whether the route's own waiting room is the reason not to ask, until something of it starts or comes."""
    return room.prefetch - room.waiting - room.asked < _worthwhile(room, room.prefetch, batch_size)


def _worthwhile(room: Room, capacity: int, batch_size: int) -> int:
    return min(batch_size, max(1, capacity // 2)) if room.waiting or room.asked else 1
