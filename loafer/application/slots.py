"""The limits over all routes: which waiting message starts next, and which route may receive how much."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import attrs

from loafer.application.lane import Lane
from loafer.domain.demand import Pace, Room, demand, is_full
from loafer.domain.lease import Lease


@attrs.define(eq=False)
class Tally:
    """What Slots keep account of for one lane.

    Attributes:
        asked: Messages that running receives may still bring.
        running: Messages whose handler runs.
        has_turn: Whether the lane is among those that may start a message.
        waiting: What of its waiting messages the totals over all lanes know.
        held: What of its held messages they know.

    """

    asked: int = 0
    running: int = 0
    has_turn: bool = False
    waiting: int = 0
    held: int = 0


@attrs.define(eq=False)
class Slots:
    """At most `max_jobs` handlers run, and at most `max_jobs` + `prefetch` per route messages are held, at any moment.

    Routes take turns, both to start a message and to receive. Only lanes of which something has changed are looked
    at, however many routes there are.

    Attributes:
        running: Handlers that run.
        pace: How long handlers take.

    """

    max_jobs: int
    prefetch: int
    clock: Callable[[], float]
    lanes: Sequence[Lane]
    running: int = attrs.field(default=0, init=False)
    pace: Pace = attrs.field(factory=Pace, init=False)
    _tallies: dict[Lane, Tally] = attrs.field(init=False)
    _turns: deque[Lane] = attrs.field(factory=deque, init=False)
    """The lanes that may start a message, in the order of their turns."""
    _hungry: "dict[Lane, list[asyncio.Future[int]]]" = attrs.field(factory=dict, init=False)
    """Receives that wait for seats."""
    _next: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Hungry lanes that are not full, in the order of their turns."""
    _changed: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Lanes to be counted anew."""
    _waiting: int = attrs.field(default=0, init=False)
    _held: int = attrs.field(default=0, init=False)
    _will_feed: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing that is asked for, waits or runs."""
        self._tallies = {lane: Tally() for lane in self.lanes}

    def is_running(self, lane: Lane) -> bool:
        """Tell whether a handler of a lane runs."""
        return self._tallies[lane].running > 0

    def next(self) -> tuple[Lane, Lease] | None:
        """Take a slot and the message that it is for, of the lane whose turn it is; None if no message may start."""
        if self.running >= self.max_jobs:
            return None
        turns = self._turns
        while turns:
            lane = turns[0]
            lease = lane.order.next()
            if lease is not None:
                turns.rotate(-1)
                self.running += 1
                self._tallies[lane].running += 1
                self._changed[lane] = None
                return lane, lease
            turns.popleft()
            self._tallies[lane].has_turn = False
        return None

    def ready(self, lane: Lane) -> None:
        """Note that a lane may have a message to start."""
        self._changed[lane] = None
        if lane.order.startable and not (tally := self._tallies[lane]).has_turn:
            tally.has_turn = True
            self._turns.append(lane)

    def ended(self, lane: Lane, seconds: float, now: float) -> None:
        """Give a slot back: its handler has ended now, after so many seconds."""
        self.pace.ended(seconds, now)
        self.running -= 1
        self._tallies[lane].running -= 1
        self.changed(lane)

    def free(self, lane: Lane) -> None:
        """Give a slot back."""
        self.running -= 1
        self._tallies[lane].running -= 1
        self.changed(lane)

    async def seats(self, lane: Lane) -> int:
        """Take seats for a receive on a lane and return how many; waits until there are some, and it is worthwhile."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hungry.setdefault(lane, []).append(turn)
        self._changed[lane] = None
        self.feed()
        return await turn

    def vacate(self, lane: Lane, seats: int) -> None:
        """Give seats back that a receive did not fill, or whose messages the lane holds by now."""
        self._tallies[lane].asked -= seats
        self.changed(lane)

    def changed(self, lane: Lane) -> None:
        """Note that something became free: receives that wait look again, once for all that happens in this turn."""
        self._changed[lane] = None
        if not self._will_feed:
            self._will_feed = True
            asyncio.get_running_loop().call_soon(self.feed)

    def feed(self) -> None:
        """Let those receives go on for which there are seats now."""
        self._will_feed = False
        if not self._changed:
            return
        self._count()
        startable = self.max_jobs - self.running - self._waiting
        startable += self.pace.starts_soon(self.max_jobs, self.clock())
        lanes = deque(self._next)
        while lanes and startable > 0 and (headroom := self._headroom) > 0:
            lane = lanes.popleft()
            room = Room(self.prefetch, lane.order.startable, self._tallies[lane].asked, startable, headroom)
            if seats := demand(room, lane.batch_size):
                del self._next[lane]
                if self._feed_one(lane, seats):
                    self._next[lane] = None
                    lanes.append(lane)
            elif is_full(room, lane.batch_size):
                del self._next[lane]

    def _feed_one(self, lane: Lane, seats: int) -> bool:
        """Let one receive of a lane go on; tell whether there is another."""
        turns = self._hungry[lane]
        turn = turns.pop()  # the newest, which goes on without a turn of the event loop
        if not turn.done():  # which it is if it was cancelled
            tally = self._tallies[lane]
            tally.asked += seats
            tally.held += seats
            self._held += seats
            turn.set_result(seats)
        if not turns:
            del self._hungry[lane]
        return bool(turns)

    @property
    def _headroom(self) -> int:
        return self.max_jobs + self.prefetch * len(self.lanes) - self._held

    def _count(self) -> None:
        """Count what waits and what is held where something has changed, and look at those lanes again."""
        for lane in self._changed:
            tally = self._tallies[lane]
            waiting, held = lane.order.startable, len(lane.leases) + tally.asked
            self._waiting += waiting - tally.waiting
            self._held += held - tally.held
            tally.waiting, tally.held = waiting, held
            if lane in self._hungry:
                self._next.setdefault(lane)
        self._changed.clear()
