"""The limits over all routes: which waiting message starts next."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import attrs

from loafer.application.lane import Lane
from loafer.application.seats import Seats
from loafer.application.tally import Tally
from loafer.application.threads import Threads
from loafer.domain.demand import Bounds, Pace
from loafer.domain.lease import Lease
from loafer.domain.limits import LARGEST_BATCH

CATCHING_UP = 1.0
"""How much a lane that had nothing to start may catch up: one message, times its weight."""

QUICK = 0.001
"""Seconds that handlers take at most, as a mean, where a lane starts several messages in a row."""

IN_A_ROW = LARGEST_BATCH
"""Messages that it starts then: so they end together, and are deleted in one call. No other waits longer for that."""


@attrs.define(eq=False)
class Slots:
    """At most `max_jobs` handlers run at any moment, and routes take turns to start a message.

    Only lanes of which something has changed are looked at, however many routes there are.

    Attributes:
        max_jobs: Handlers that may run at once.
        prefetch: Seats in each lane's waiting room; None: as many as are found to be needed.
        bounds: What may be held.
        pace: How long handlers take.
        seats: Says how much may be received; told of whatever changes.

    """

    max_jobs: int
    prefetch: int | None
    bounds: Bounds
    clock: Callable[[], float]
    lanes: Sequence[Lane]
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
    _row: int = attrs.field(default=0, init=False)
    """Messages that it has started since."""
    seats: Seats = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Begin with nothing that is asked for, waits or runs."""
        self._threaded = [lane for lane in self.lanes if lane.route.pool is not None]
        for pool in {lane.route.pool for lane in self._threaded}:
            if pool is not None:
                pool.threads = Threads(pool.most)
        lightest = min((lane.route.share.weight for lane in self.lanes), default=1)
        now = self.clock()
        self._tallies = {lane: Tally.of(lane.route, self.prefetch, lightest, now) for lane in self.lanes}
        self.seats = Seats(self.max_jobs, self.bounds, self.clock, self.pace, self._tallies)

    def tally(self, lane: Lane) -> Tally:
        """Return the account of a lane, to be read only."""
        return self._tallies[lane]

    @property
    def running(self) -> int:
        """How many handlers run."""
        return self.seats.total.running

    def is_running(self, lane: Lane) -> bool:
        """Tell whether a handler of a lane runs."""
        return self._tallies[lane].running > 0

    def next(self) -> tuple[Lane, Lease] | None:
        """Take a slot and the message that it is for, of the lane whose turn it is; None if no message may start."""
        total = self.seats.total
        if total.running >= self.max_jobs:
            return None
        turns = self._turns
        while turns:
            lane = turns[0][2]
            tally = self._tallies[lane]
            lease = lane.order.next() if not tally.bounded or self._may_start(lane, tally) else None
            if lease is not None:
                if not self._row:
                    self._passed = tally.passed
                tally.take_turn()
                if len(turns) > 1 and self._row_ends():  # a lane that is alone has every turn
                    heapq.heapreplace(turns, self._turn(lane, tally))
                total.running += 1
                self.seats.news[lane] = None
                return lane, lease
            heapq.heappop(turns)
            tally.has_turn = False
            self._row = 0
        return None

    def _row_ends(self) -> bool:
        """Count a start, and tell whether it is another lane's turn now."""
        self._row += 1
        quick = self.pace.last_end is not None and self.pace.mean <= QUICK
        if quick and self._row < IN_A_ROW:
            return False
        self._row = 0
        return True

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
        self.seats.news[lane] = None
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
            tally.has_turn, self._row = False, 0
            self._turns = [turn for turn in self._turns if turn[2] is not lane]
            heapq.heapify(self._turns)
        self.take_back(lane)

    def unbar(self, lane: Lane) -> None:
        """Let a lane go on."""
        self._tallies[lane].barred = False
        self.ready(lane)
        self.seats.changed(lane)

    def ended(self, lane: Lane, seconds: Sequence[float], now: float) -> None:
        """Give slots back whose handlers have ended now, after so many seconds each; `seats` is fed afterwards."""
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
            ticket.lease.not_begun()
            self.put_back(ticket.lane, (ticket.lease,))

    def put_back(self, lane: Lane, leases: Sequence[Lease]) -> None:
        """Let what was to start in one slot wait for its start again."""
        for lease in reversed(leases):
            lane.order.put_back(lease)
        self.more(lane, 1 - len(leases))
        self.unused(lane)

    def unused(self, lane: Lane) -> None:
        """Give a slot back in which nothing has started."""
        self._tallies[lane].take_turn_back()
        self.free(lane)

    def more(self, lane: Lane, messages: int) -> None:
        """Note that running jobs of a lane have so many messages more."""
        tally = self._tallies[lane]
        tally.more += messages
        if tally.bucket is not None and messages > 0:
            tally.bucket.owe(messages)

    def free(self, lane: Lane) -> None:
        """Give a slot back."""
        self._free(lane, self._tallies[lane], 1)
        self.seats.changed(lane)

    def _free(self, lane: Lane, tally: Tally, slots: int) -> None:
        self.seats.total.running -= slots
        tally.free(slots)
        self.seats.news[lane] = None
        if tally.bounded:
            self._bounds_freed(lane, tally)

    def _bounds_freed(self, lane: Lane, tally: Tally) -> None:
        """Let those start whom the lane's own limits have kept from it, on other lanes too if a thread is free now."""
        if tally.at_once is not None:
            self.ready(lane)
        if tally.threads is not None:
            self._thread_freed(tally.threads)

    def _thread_freed(self, threads: Threads) -> None:
        if threads.freed():
            for other in self._threaded:
                self.ready(other)
                self.seats.changed(other)

    @contextmanager
    def threadless(self, lane: Lane) -> Iterator[None]:
        """Let others have the thread that a job of a lane took at its start, while it needs none."""
        threads = self._tallies[lane].threads
        if threads is None:
            yield
            return
        threads.taken -= 1
        self.seats.changed(lane)
        self._thread_freed(threads)
        try:
            yield
        finally:
            threads.taken += 1
