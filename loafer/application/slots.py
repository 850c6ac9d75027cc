"""The limits over all routes: which waiting message starts next, and which route may receive how much."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count

import attrs

from loafer.application.lane import Lane
from loafer.application.tally import Tally
from loafer.application.threads import Threads
from loafer.domain.demand import Bounds, Pace, demand, is_full
from loafer.domain.lease import Lease

CATCHING_UP = 1.0
"""How much a lane that had nothing to start may catch up: one message, times its weight."""

FEW = 20
"""Lanes that may be looked at in vain as often as anything changes."""

REST = 100e-6
"""Seconds of rest for each of more: some ten times what a look takes on a slow machine."""


@attrs.define(eq=False)
class Slots:
    """At most `max_jobs` handlers run, and no more is held than `bounds` say, at any moment.

    Routes take turns, both to start a message and to receive. Only lanes of which something has changed are looked
    at, however many routes there are.

    Attributes:
        max_jobs: Handlers that may run at once.
        prefetch: Seats in each lane's waiting room; None: as many as are found to be needed.
        bounds: What may be held.
        running: Handlers that run.
        pace: How long handlers take.

    """

    max_jobs: int
    prefetch: int | None
    bounds: Bounds
    clock: Callable[[], float]
    lanes: Sequence[Lane]
    running: int = attrs.field(default=0, init=False)
    pace: Pace = attrs.field(factory=Pace, init=False)
    pauses: dict[Lane, float] = attrs.field(factory=dict, init=False)
    """Lanes that may start a message again after so many seconds, by their rate."""
    _tallies: dict[Lane, Tally] = attrs.field(init=False)
    _threaded: list[Lane] = attrs.field(init=False)
    """The lanes whose jobs, or some of them, need a thread."""
    _turns: list[tuple[float, int, Lane]] = attrs.field(factory=list, init=False)
    """The lanes that may start a message, as a heap: first who has passed the least, then who has waited longest."""
    _tie: "count[int]" = attrs.field(factory=count, init=False)
    _passed: float = attrs.field(default=0.0, init=False)
    """What the lane had passed whose turn it was last."""
    _hungry: "dict[Lane, list[asyncio.Future[int]]]" = attrs.field(factory=dict, init=False)
    """Receives that wait for seats."""
    _next: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Hungry lanes that are not full, in the order of their turns."""
    _changed: dict[Lane, None] = attrs.field(factory=dict, init=False)
    """Lanes to be counted anew."""
    _total: Tally = attrs.field(factory=Tally, init=False)
    _will_feed: bool = attrs.field(default=False, init=False)
    _rests_until: float = attrs.field(default=0.0, init=False)
    """Until when no lanes are looked at, for many were in vain; 0: they may be."""

    def __attrs_post_init__(self) -> None:
        """Begin with nothing that is asked for, waits or runs."""
        self._threaded = [lane for lane in self.lanes if lane.route.pool is not None]
        for pool in {lane.route.pool for lane in self._threaded}:
            if pool is not None:
                pool.threads = Threads(pool.most)
        lightest = min((lane.route.share.weight for lane in self.lanes), default=1)
        now = self.clock()
        self._tallies = {lane: Tally.of(lane.route, self.prefetch, lightest, now) for lane in self.lanes}

    def tally(self, lane: Lane) -> Tally:
        """Return the account of a lane, to be read only."""
        return self._tallies[lane]

    def is_running(self, lane: Lane) -> bool:
        """Tell whether a handler of a lane runs."""
        return self._tallies[lane].running > 0

    def next(self) -> tuple[Lane, Lease] | None:
        """Take a slot and the message that it is for, of the lane whose turn it is; None if no message may start."""
        if self.running >= self.max_jobs:
            return None
        turns = self._turns
        while turns:
            lane = turns[0][2]
            tally = self._tallies[lane]
            lease = lane.order.next() if not tally.bounded or self._may_start(lane, tally) else None
            if lease is not None:
                self._passed = tally.passed
                tally.take_turn()
                if len(turns) > 1:  # a lane that is alone has every turn
                    heapq.heapreplace(turns, self._turn(lane, tally))
                self.running += 1
                self._changed[lane] = None
                return lane, lease
            heapq.heappop(turns)
            tally.has_turn = False
        return None

    def _may_start(self, lane: Lane, tally: Tally) -> bool:
        """Tell whether a lane's own limits let it start a message; where its rate does not, `pauses` gets it."""
        if tally.limit is not None and tally.running >= tally.limit:
            return False
        if tally.threads is not None and tally.threads.refuses(lines_up=tally.may_line_up(lane)):
            return False
        if tally.bucket is None or not lane.order.startable:
            return True
        now = self.clock()
        if tally.bucket.take(now):
            return True
        if not tally.pauses:
            tally.pauses = True
            self.pauses[lane] = tally.bucket.wait(now)
        return False

    def ready(self, lane: Lane) -> None:
        """Note that a lane may have a message to start."""
        self._changed[lane] = None
        if lane.order.startable and not ((tally := self._tallies[lane]).has_turn or tally.barred):
            tally.has_turn = True
            tally.passed = max(tally.passed, self._passed - CATCHING_UP)
            if len(self._turns) == 1:  # alone, its turn was not written down anew
                self._turns = [self._turn(other, self._tallies[other]) for _, _, other in self._turns]
            heapq.heappush(self._turns, self._turn(lane, tally))

    def _turn(self, lane: Lane, tally: Tally) -> tuple[float, int, Lane]:
        return tally.passed, next(self._tie), lane

    def pause_over(self, lane: Lane) -> None:
        """Note that a lane of `pauses` has waited for as long as it said."""
        self._tallies[lane].pauses = False

    def is_barred(self, lane: Lane) -> bool:
        """Tell whether nothing of a lane may start."""
        return self._tallies[lane].barred

    def bar(self, lane: Lane) -> None:
        """Let nothing of a lane start or be received, until `unbar`."""
        tally = self._tallies[lane]
        tally.barred = True
        if tally.has_turn:
            tally.has_turn = False
            self._turns = [turn for turn in self._turns if turn[2] is not lane]
            heapq.heapify(self._turns)
        self.take_back(lane)

    def unbar(self, lane: Lane) -> None:
        """Let a lane go on."""
        self._tallies[lane].barred = False
        self.ready(lane)
        self.changed(lane)

    def ended(self, lane: Lane, seconds: Sequence[float], now: float) -> None:
        """Give slots back whose handlers have ended now, after so many seconds each; `feed` says so to the receives."""
        self.pace.ended(seconds, now)
        tally = self._tallies[lane]
        if tally.at_once is not None:
            tally.pace.ended(seconds, now)
        if tally.threads is not None:
            tally.threads.learn(now)
        self._free(lane, tally, len(seconds))

    def take_back(self, lane: Lane) -> None:
        """Let what stands in the line before a lane's threads wait for its start again."""
        pool = lane.route.pool
        if pool is None:
            return
        pool.threads.line = 0
        for ticket in reversed(pool.take_back()):
            ticket.lease.runs -= 1
            ticket.lane.order.put_back(ticket.lease)
            self._tallies[ticket.lane].take_turn_back()
            self.free(ticket.lane)

    def more(self, lane: Lane, messages: int) -> None:
        """Note that running jobs of a lane have so many messages more."""
        tally = self._tallies[lane]
        tally.more += messages
        if tally.bucket is not None and messages > 0:
            tally.bucket.owe(messages)

    def free(self, lane: Lane) -> None:
        """Give a slot back."""
        self._free(lane, self._tallies[lane], 1)
        self.changed(lane)

    def _free(self, lane: Lane, tally: Tally, slots: int) -> None:
        self.running -= slots
        tally.free(slots)
        self._changed[lane] = None
        if tally.bounded:
            self._bounds_freed(lane, tally)

    def _bounds_freed(self, lane: Lane, tally: Tally) -> None:
        """Let those start whom the lane's own limits have kept from it, on other lanes too if a thread is free now."""
        if tally.at_once is not None:
            self.ready(lane)
        if tally.threads is not None and tally.threads.freed():
            for other in self._threaded:
                self.ready(other)
                self.changed(other)

    def pause(self, lane: Lane) -> None:
        """Let nothing more be received on a lane, until `resume`; what is held is handled."""
        self._tallies[lane].paused = True

    def resume(self, lane: Lane) -> None:
        """Let a lane receive again."""
        self._tallies[lane].paused = False
        self.changed(lane)

    def is_hungry(self, lane: Lane) -> bool:
        """Tell whether a receive of a lane waits for seats."""
        return lane in self._hungry

    def received(self, lane: Lane, asked: float) -> None:
        """Learn from a receive of a lane that has brought something now, asked for at the time `asked`."""
        pipeline = self._tallies[lane].pipeline
        if pipeline is not None:
            now = self.clock()
            pipeline.received(now - asked, lane.done, now, lane.consumer.batch_size)

    async def seats(self, lane: Lane) -> int:
        """Take seats for a receive on a lane and return how many; waits until there are some, and it is worthwhile."""
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hungry.setdefault(lane, []).append(turn)
        self._changed[lane] = None
        self.feed()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the seats were on their way
                self.vacate(lane, turn.result())
            raise

    def vacate(self, lane: Lane, seats: int) -> None:
        """Give seats back that a receive did not fill, or whose messages the lane holds by now."""
        self._tallies[lane].asked -= seats
        self.changed(lane)

    def changed(self, lane: Lane) -> None:
        """Note that something became free: receives that wait look again, once for all that happens in this turn."""
        self._changed[lane] = None
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
        if not (self._changed and self._hungry):
            return
        self._count()
        free = self.max_jobs - self.running - self._total.waiting
        now = self.clock()
        soon = self.pace.starts_soon(self.max_jobs, now)
        lanes, in_vain = deque(self._next), 0
        while lanes and free + soon > 0 and self._total.seated < self.bounds.seats:
            lane = lanes.popleft()
            tally = self._tallies[lane]
            room = tally.room(lane, tally.headroom(lane, self._total, self.bounds), free, soon, now)
            if seats := demand(room, lane.batch_size):
                del self._next[lane]
                if self._feed_one(lane, seats):
                    self._next[lane] = None
                    lanes.append(lane)
            elif tally.barred or is_full(room, lane.batch_size):
                del self._next[lane]
            else:
                in_vain += 1
                if (wait := tally.next_look(now)) is not None:
                    asyncio.get_running_loop().call_later(wait, self._looked, lane)
        self._rests_until = now + REST * in_vain if in_vain > FEW else 0.0

    def _looked(self, lane: Lane) -> None:
        self._tallies[lane].will_look = False
        self.changed(lane)

    def _feed_one(self, lane: Lane, seats: int) -> bool:
        """Let one receive of a lane go on; tell whether there is another."""
        turns = self._hungry[lane]
        turn = turns.pop()  # the newest, which goes on without a turn of the event loop
        if not turn.done():  # which it is if it was cancelled
            self._tallies[lane].asked += seats
            self._tallies[lane].count(lane.order, lane.leases, self._total, self.bounds)
            turn.set_result(seats)
        if not turns:
            del self._hungry[lane]
        return bool(turns)

    def _count(self) -> None:
        """Count what waits and what is held where something has changed, and look at those lanes again."""
        for lane in self._changed:
            self._tallies[lane].count(lane.order, lane.leases, self._total, self.bounds)
            if lane in self._hungry and not self._tallies[lane].barred:
                self._next.setdefault(lane)
        self._changed.clear()
