"""The limits over all routes: which waiting message starts next, and which route may receive how much."""

import asyncio
from collections import deque
from collections.abc import Callable

import attrs

from loafer.application.lane import Lane
from loafer.domain.demand import Pace, Room, demand


@attrs.define(eq=False)
class Slots:
    """At most `max_jobs` handlers run, and at most `max_jobs` + `prefetch` per route messages are held, at any moment.

    Routes take turns, both to start a message and to receive.
    """

    max_jobs: int
    prefetch: int
    clock: Callable[[], float]
    lanes: list[Lane]
    running: int = attrs.field(default=0, init=False)
    pace: Pace = attrs.field(factory=Pace, init=False)
    _turns: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """The lanes that may start a message, in the order of their turns."""
    _hungry: "dict[Lane, deque[asyncio.Future[int]]]" = attrs.field(factory=dict, init=False)
    """Receives that wait for places, by lane; the lane that was fed last is the last one."""
    _will_feed: bool = attrs.field(default=False, init=False)

    def next_lane(self) -> Lane | None:
        """Return the lane whose turn it is to start a message; None if no message may start now."""
        if self.running >= self.max_jobs:
            return None
        while self._turns:
            lane = next(iter(self._turns))
            del self._turns[lane]
            startable = lane.order.startable
            if startable > 1:
                self._turns[lane] = None
            if startable:
                return lane
        return None

    def ready(self, lane: Lane) -> None:
        """Note that a lane has a message that may start."""
        if lane.order.startable:
            self._turns.setdefault(lane)

    def started(self, lane: Lane) -> None:
        """Take a slot."""
        self.running += 1
        lane.running += 1

    def ended(self, lane: Lane, seconds: float, now: float) -> None:
        """Give a slot back, whose handler took so many seconds and has ended now."""
        self.running -= 1
        lane.running -= 1
        self.pace.ended(seconds, now)

    async def places(self, lane: Lane) -> int:
        """Take places for a receive on a lane and return how many; waits until there are some, and it is worthwhile."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hungry.setdefault(lane, deque()).append(turn)
        self.feed()
        return await turn

    def give_back(self, lane: Lane, places: int) -> None:
        """Give places back that a receive did not fill, or whose messages the lane holds by now."""
        lane.asked -= places
        self.changed()

    def changed(self) -> None:
        """Note that something became free: receives that wait look again, once for all that happens in this turn."""
        if not self._will_feed:
            self._will_feed = True
            asyncio.get_running_loop().call_soon(self.feed)

    def feed(self) -> None:
        """Let those receives go on for which there are places now."""
        self._will_feed = False
        if not self._hungry:
            return
        startable, headroom = self._startable(), self._headroom()
        lanes = deque(self._hungry)
        while lanes and startable > 0 and headroom > 0:
            lane = lanes.popleft()
            turns = self._hungry.pop(lane)
            while turns and turns[0].done():  # cancelled
                turns.popleft()
            room = Room(self.prefetch, lane.order.startable, lane.asked, startable, headroom)
            places = demand(room, lane.batch_size) if turns else 0
            if places:
                lane.asked += places
                headroom -= places
                turns.popleft().set_result(places)
            if turns:
                self._hungry[lane] = turns
                if places:
                    lanes.append(lane)

    def _startable(self) -> int:
        waiting = sum(lane.order.startable for lane in self.lanes)
        return self.max_jobs - self.running - waiting + self.pace.starts_soon(self.max_jobs, self.clock())

    def _headroom(self) -> int:
        return self.max_jobs + self.prefetch * len(self.lanes) - sum(lane.held for lane in self.lanes)
