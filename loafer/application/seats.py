"""The bounds over all routes: which receive may ask for how much."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

import attrs

from loafer.application.lane import Lane
from loafer.application.tally import Tally
from loafer.domain.demand import Bounds, Pace, demand, is_full

FEW = 20
"""Lanes that may be looked at in vain as often as anything changes."""

REST = 100e-6
"""Seconds of rest for each of more: some ten times what a look takes on a slow machine."""


@attrs.define(eq=False)
class Seats:
    """No more is held than `bounds` say, at any moment: receives wait for seats, and routes take turns.

    Attributes:
        max_jobs: Handlers that may run at once.
        bounds: What may be held.
        pace: How long handlers take.
        tallies: The account of each lane.
        total: That of all of them.
        news: Lanes to be counted anew.

    """

    max_jobs: int
    bounds: Bounds
    clock: Callable[[], float]
    pace: Pace
    tallies: Mapping[Lane, Tally]
    total: Tally = attrs.field(factory=Tally, init=False)
    news: dict[Lane, None] = attrs.field(factory=dict, init=False)
    _hungry: "dict[Lane, list[asyncio.Future[int]]]" = attrs.field(factory=dict, init=False)
    """Receives that wait for seats."""
    _next: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Hungry lanes that are not full, in the order of their turns."""
    _will_feed: bool = attrs.field(default=False, init=False)
    _rests_until: float = attrs.field(default=0.0, init=False)
    """Until when no lanes are looked at, for many were in vain; 0: they may be."""

    def pause(self, lane: Lane) -> None:
        """Let nothing more be received on a lane, until `resume`; what is held is handled."""
        self.tallies[lane].paused = True

    def resume(self, lane: Lane) -> None:
        """Let a lane receive again."""
        self.tallies[lane].paused = False
        self.changed(lane)

    def is_hungry(self, lane: Lane) -> bool:
        """Tell whether a receive of a lane waits for seats."""
        return lane in self._hungry

    def received(self, lane: Lane, asked: float) -> None:
        """Learn from a receive of a lane that has brought something now, asked for at the time `asked`."""
        pipeline = self.tallies[lane].pipeline
        if pipeline is not None:
            now = self.clock()
            pipeline.received(now - asked, lane.done, now, lane.consumer.batch_size)

    async def take(self, lane: Lane) -> int:
        """Take seats for a receive on a lane and return how many; waits until there are some, and it is worthwhile."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hungry.setdefault(lane, []).append(turn)
        self.news[lane] = None
        self.feed()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the seats were on their way
                self.vacate(lane, turn.result())
            raise

    def vacate(self, lane: Lane, seats: int) -> None:
        """Give seats back that a receive did not fill, or whose messages the lane holds by now."""
        self.tallies[lane].asked -= seats
        self.changed(lane)

    def changed(self, lane: Lane) -> None:
        """Note that something became free: receives that wait look again, once for all that happens in this turn."""
        self.news[lane] = None
        self._feed_later()

    def _feed_later(self) -> None:
        if not self._will_feed:
            self._will_feed = True
            loop = asyncio.get_running_loop()
            if self._rests_until and (rest := self._rests_until - self.clock()) > 0:
                loop.call_later(rest, self._feed)
            else:
                loop.call_soon(self._feed)

    def feed(self) -> None:
        """Let those receives go on for which there are seats now; a little later where many were just refused.

        Where many lanes that are not full want what all of them share, slots or bytes, each change would have all of
        them looked at in vain.
        """
        if self._rests_until:
            self._feed_later()
        else:
            self._feed()

    def _feed(self) -> None:
        self._will_feed = False
        if not (self.news and self._hungry):
            return
        self._count()
        free = self.max_jobs - self.total.running - self.total.waiting
        now = self.clock()
        soon = self.pace.starts_soon(self.max_jobs, now)
        lanes, in_vain = deque(self._next), 0
        while lanes and free + soon > 0 and self.total.seated < self.bounds.seats:
            lane = lanes.popleft()
            tally = self.tallies[lane]
            room = tally.room(lane, tally.headroom(lane, self.total, self.bounds), free, soon, now)
            if seats := demand(room, lane.batch_size):
                del self._next[lane]
                if self._feed_one(lane, seats):
                    self._next[lane] = None
                    lanes.append(lane)
            elif tally.barred or is_full(room, lane.batch_size):
                del self._next[lane]
            else:
                in_vain += 1
                tally.tell_if_deaf(lane, self.total, self.bounds, now)
                if (wait := tally.next_look(now)) is not None:
                    asyncio.get_running_loop().call_later(wait, self._looked, lane)
        self._rests_until = now + REST * in_vain if in_vain > FEW else 0.0

    def _looked(self, lane: Lane) -> None:
        self.tallies[lane].will_look = False
        self.changed(lane)

    def _feed_one(self, lane: Lane, seats: int) -> bool:
        """Let one receive of a lane go on; tell whether there is another."""
        turns = self._hungry[lane]
        turn = turns.pop()  # the newest, which goes on without a turn of the event loop
        if not turn.done():  # which it is if it was cancelled
            self.tallies[lane].asked += seats
            self.tallies[lane].count(lane.order, lane.leases, self.total, self.bounds)
            turn.set_result(seats)
        if not turns:
            del self._hungry[lane]
        return bool(turns)

    def _count(self) -> None:
        """Count what waits and what is held where something has changed, and look at those lanes again."""
        for lane in self.news:
            self.tallies[lane].count(lane.order, lane.leases, self.total, self.bounds)
            if lane in self._hungry and not self.tallies[lane].barred:
                self._next.setdefault(lane)
        self.news.clear()
