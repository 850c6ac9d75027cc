"""The limits over all routes: which waiting message starts next, and which route may receive how much."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import attrs

from loafer.application.lane import Lane
from loafer.domain.demand import Bounds, Pace, Room, demand, is_full
from loafer.domain.lease import Lease


@attrs.define(eq=False)
class Tally:
    """What Slots keep account of for one lane.

    Attributes:
        asked: Messages that running receives may still bring.
        running: Messages whose handler runs.
        has_turn: Whether the lane is among those that may start a message.
        barred: Whether nothing new may start or be received.
        waiting: Messages that could start; this and what follows is what the totals over all lanes know of it.
        seated: Messages with a seat.
        settling: Messages on their way to being settled.
        size: Characters of the bodies that are held or asked for.

    """

    asked: int = 0
    running: int = 0
    has_turn: bool = False
    barred: bool = False
    waiting: int = 0
    seated: int = 0
    settling: int = 0
    size: float = 0


@attrs.define(eq=False)
class Slots:
    """At most `max_jobs` handlers run, and no more is held than `bounds` say, at any moment.

    Routes take turns, both to start a message and to receive. Only lanes of which something has changed are looked
    at, however many routes there are.

    Attributes:
        max_jobs: Handlers that may run at once.
        prefetch: Seats in each lane's waiting room.
        bounds: What may be held.
        running: Handlers that run.
        pace: How long handlers take.

    """

    max_jobs: int
    prefetch: int
    bounds: Bounds
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
    _total: Tally = attrs.field(factory=Tally, init=False)
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
        if lane.order.startable and not ((tally := self._tallies[lane]).has_turn or tally.barred):
            tally.has_turn = True
            self._turns.append(lane)

    def is_barred(self, lane: Lane) -> bool:
        """Tell whether nothing of a lane may start."""
        return self._tallies[lane].barred

    def bar(self, lane: Lane) -> None:
        """Let nothing of a lane start or be received, until `unbar`."""
        tally = self._tallies[lane]
        tally.barred = True
        if tally.has_turn:
            tally.has_turn = False
            self._turns.remove(lane)

    def unbar(self, lane: Lane) -> None:
        """Let a lane go on."""
        self._tallies[lane].barred = False
        self.ready(lane)
        self.changed(lane)

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
        if not self._will_feed:
            self._will_feed = True
            asyncio.get_running_loop().call_soon(self.feed)

    def feed(self) -> None:
        """Let those receives go on for which there are seats now."""
        self._will_feed = False
        if not self._changed:
            return
        self._count()
        free = self.max_jobs - self.running - self._total.waiting
        soon = self.pace.starts_soon(self.max_jobs, self.clock())
        lanes = deque(self._next)
        while lanes and free + soon > 0 and self._total.seated < self.bounds.seats:
            lane = lanes.popleft()
            room = self._room(lane, free, soon)
            if seats := demand(room, lane.batch_size):
                del self._next[lane]
                if self._feed_one(lane, seats):
                    self._next[lane] = None
                    lanes.append(lane)
            elif self._tallies[lane].barred or is_full(room, lane.batch_size):
                del self._next[lane]

    def _room(self, lane: Lane, free: int, soon: int) -> Room:
        """Return what there is room for, seen from a lane, where so many slots are free, and so many will be soon."""
        tally, total, largest = self._tallies[lane], self._total, lane.leases.largest
        headroom = self.bounds.headroom(total.seated, total.settling, total.size, largest)
        if lane.info.ordered:
            followers = len(lane.order) - lane.order.startable
            headroom = min(headroom, self.bounds.followers - followers - tally.asked)
        if tally.barred:
            headroom = 0
        # What its queue moves away after one receive must not wait for a slot: a stop would have it moved unrun.
        startable = free if lane.info.max_receive_count == 1 else free + soon
        return Room(self.prefetch, lane.order.startable, tally.asked, startable, headroom)

    def _feed_one(self, lane: Lane, seats: int) -> bool:
        """Let one receive of a lane go on; tell whether there is another."""
        turns = self._hungry[lane]
        turn = turns.pop()  # the newest, which goes on without a turn of the event loop
        if not turn.done():  # which it is if it was cancelled
            self._tallies[lane].asked += seats
            self._count_one(lane)
            turn.set_result(seats)
        if not turns:
            del self._hungry[lane]
        return bool(turns)

    def _count(self) -> None:
        """Count what waits and what is held where something has changed, and look at those lanes again."""
        for lane in self._changed:
            self._count_one(lane)
            if lane in self._hungry and not self._tallies[lane].barred:
                self._next.setdefault(lane)
        self._changed.clear()

    def _count_one(self, lane: Lane) -> None:
        tally, total = self._tallies[lane], self._total
        waiting = lane.order.startable
        seated = waiting + tally.running + tally.asked
        settling = len(lane.leases) - tally.running - len(lane.order)
        size = lane.leases.size + tally.asked * lane.leases.largest
        total.waiting += waiting - tally.waiting
        total.seated += seated - tally.seated
        total.settling += settling - tally.settling
        total.size += size - tally.size
        tally.waiting, tally.seated, tally.settling, tally.size = waiting, seated, settling, size
