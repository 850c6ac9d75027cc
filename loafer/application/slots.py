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
    _turns: deque[Lane] = attrs.field(factory=deque, init=False)
    _hungry: deque[tuple[Lane, "asyncio.Future[int]"]] = attrs.field(factory=deque, init=False)
    _will_feed: bool = attrs.field(default=False, init=False)

    def next_lane(self) -> Lane | None:
        """Return the lane whose turn it is to start a message; None if no message may start now."""
        if self.running >= self.max_jobs:
            return None
        while self._turns:
            lane = self._turns.popleft()
            if lane.order.startable:
                if lane.order.startable > 1:
                    self._turns.append(lane)
                return lane
        return None

    def ready(self, lane: Lane) -> None:
        """Note that a lane has a message that may start."""
        if lane.order.startable and lane not in self._turns:
            self._turns.append(lane)

    def started(self, lane: Lane) -> None:
        """Take a slot."""
        self.running += 1
        lane.running += 1

    def ended(self, lane: Lane, seconds: float) -> None:
        """Give a slot back, whose handler took so many seconds."""
        self.running -= 1
        lane.running -= 1
        self.pace.ended(seconds, self.clock())

    async def places(self, lane: Lane) -> int:
        """Take places for a receive on a lane and return how many; waits until there are some, and it is worthwhile."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hungry.append((lane, turn))
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
        for _ in range(len(self._hungry)):
            startable, headroom = self._startable(), self._headroom()
            if startable <= 0 or headroom <= 0:
                return
            lane, turn = self._hungry.popleft()
            if turn.done():
                continue
            room = Room(self.prefetch, lane.order.startable, lane.asked, startable, headroom)
            if places := demand(room, lane.batch_size):
                lane.asked += places
                turn.set_result(places)
            else:
                self._hungry.append((lane, turn))

    def _startable(self) -> int:
        waiting = sum(lane.order.startable for lane in self.lanes)
        return self.max_jobs - self.running - waiting + self.pace.starts_soon(self.max_jobs, self.clock())

    def _headroom(self) -> int:
        return self.max_jobs + self.prefetch * len(self.lanes) - sum(lane.held for lane in self.lanes)
