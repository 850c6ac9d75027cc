"""The limits over all routes: which waiting message starts next, and which route may receive how much."""

import asyncio
from collections import deque
from collections.abc import Callable

import attrs

from loafer.application.lane import Lane
from loafer.domain.demand import Pace, Room, demand, is_full
from loafer.domain.lease import Lease


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
    lanes: list[Lane]
    running: int = attrs.field(default=0, init=False)
    pace: Pace = attrs.field(factory=Pace, init=False)
    _turns: deque[Lane] = attrs.field(factory=deque, init=False)
    """The lanes that may start a message, in the order of their turns."""
    _hungry: "dict[Lane, list[asyncio.Future[int]]]" = attrs.field(factory=dict, init=False)
    """Receives that wait for places."""
    _next: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Hungry lanes that are not full, in the order of their turns."""
    _changed: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Lanes to be counted anew."""
    _waiting: int = attrs.field(default=0, init=False)
    _held: int = attrs.field(default=0, init=False)
    _will_feed: bool = attrs.field(default=False, init=False)

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
                lane.running += 1
                self._changed[lane] = None
                return lane, lease
            turns.popleft()
            lane.has_turn = False
        return None

    def ready(self, lane: Lane) -> None:
        """Note that a lane may have a message to start."""
        self._changed[lane] = None
        if lane.order.startable and not lane.has_turn:
            lane.has_turn = True
            self._turns.append(lane)

    def ended(self, lane: Lane, seconds: float, now: float) -> None:
        """Give a slot back, whose handler took so many seconds and has ended now."""
        self.pace.ended(seconds, now)
        self.free(lane)

    def free(self, lane: Lane) -> None:
        """Give a slot back."""
        self.running -= 1
        lane.running -= 1
        self.changed(lane)

    async def places(self, lane: Lane) -> int:
        """Take places for a receive on a lane and return how many; waits until there are some, and it is worthwhile."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hungry.setdefault(lane, []).append(turn)
        self._changed[lane] = None
        self.feed()
        return await turn

    def give_back(self, lane: Lane, places: int) -> None:
        """Give places back that a receive did not fill, or whose messages the lane holds by now."""
        lane.asked -= places
        self.changed(lane)

    def changed(self, lane: Lane) -> None:
        """Note that something became free: receives that wait look again, once for all that happens in this turn."""
        self._changed[lane] = None
        if not self._will_feed:
            self._will_feed = True
            asyncio.get_running_loop().call_soon(self.feed)

    def feed(self) -> None:
        """Let those receives go on for which there are places now."""
        self._will_feed = False
        if not self._changed:
            return
        self._count()
        startable = self.max_jobs - self.running - self._waiting
        startable += self.pace.starts_soon(self.max_jobs, self.clock())
        lanes = deque(self._next)
        while lanes and startable > 0 and (headroom := self._headroom) > 0:
            lane = lanes.popleft()
            room = Room(self.prefetch, lane.order.startable, lane.asked, startable, headroom)
            if places := demand(room, lane.batch_size):
                del self._next[lane]
                if self._feed_one(lane, places):
                    self._next[lane] = None
                    lanes.append(lane)
            elif is_full(room, lane.batch_size):
                del self._next[lane]

    def _feed_one(self, lane: Lane, places: int) -> bool:
        """Let one receive of a lane go on; tell whether there is another."""
        turns = self._hungry[lane]
        turn = turns.pop()  # the newest, which goes on without a turn of the event loop
        if not turn.done():  # which it is if it was cancelled
            lane.asked += places
            lane.counted_held += places
            self._held += places
            turn.set_result(places)
        if not turns:
            del self._hungry[lane]
        return bool(turns)

    @property
    def _headroom(self) -> int:
        return self.max_jobs + self.prefetch * len(self.lanes) - self._held

    def _count(self) -> None:
        """Count what waits and what is held where something has changed, and look at those lanes again."""
        for lane in self._changed:
            waiting, held = lane.order.startable, lane.held
            self._waiting += waiting - lane.counted_waiting
            self._held += held - lane.counted_held
            lane.counted_waiting, lane.counted_held = waiting, held
            if lane in self._hungry:
                self._next.setdefault(lane)
        self._changed.clear()
