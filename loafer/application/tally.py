"""What the slots keep account of for one lane."""

import logging
import math

import attrs

from loafer.application.lane import Lane
from loafer.application.route import Route
from loafer.application.threads import Threads
from loafer.domain.demand import Bounds, Pace, Pipeline, Room
from loafer.domain.lease import Leases
from loafer.domain.ordering import Order
from loafer.domain.share import Bucket

logger = logging.getLogger(__name__)

LOOK = 0.01
"""Seconds at least between two looks at a lane that waits for its rate."""

TELLS_AGAIN = 5 * 60.0
"""Seconds after which it is said again that a lane is deaf."""

DEAF = (
    "source %r: nothing is received, though no handler runs: %d messages wait for their next runs or behind others of "
    "their groups, and %s allows no more"
)


@attrs.define(eq=False)
class Tally:
    """What Slots keep account of for one lane.

    Attributes:
        asked: Messages that running receives may still bring.
        running: Messages whose handler runs.
        has_turn: Whether the lane is among those that may start a message.
        barred: Whether nothing new may start or be received.
        paused: Whether nothing new may be received.
        batch: Messages that one job takes at most.
        more: Messages of running jobs beyond the first of each.
        limit: Handlers that may run; None: any number.
        threads: What its jobs, or some of them, run in: each takes a thread at its start; None: they need none.
        lines_up: Whether they may stand in the line before the threads.
        at_once: Its jobs that can run at once, by its limit and its threads; None: any number.
        bounded: Whether anything of its own may keep it from starting a message.
        pace: How long handlers take, where not any number of them can run.
        bucket: Keeps the rate; None where there is none.
        prefetch: Seats in its waiting room, at most.
        pipeline: How many of them are used, if nobody says; None: all.
        stride: How far a start brings it: less, the more it weighs. Whose way is shortest has the next turn.
        passed: How far it is.
        pauses: Whether it waits for its rate to let it start.
        will_look: Whether its rate will have it looked at again.
        waiting: Jobs that could start; this and what follows is what the totals over all lanes know of it.
        seated: Messages with a seat.
        settling: Messages on their way to being settled.
        tells_again: When to say again that it is deaf.
        size: Bytes of the messages that are held or asked for.
        shared: Those beyond what the lane has for itself.

    """

    asked: int = 0
    running: int = 0
    has_turn: bool = False
    barred: bool = False
    paused: bool = False
    batch: int = 1
    more: int = 0
    limit: int | None = None
    threads: Threads | None = None
    lines_up: bool = False
    at_once: int | None = None
    bounded: bool = False
    pace: Pace = attrs.field(factory=Pace)
    bucket: Bucket | None = None
    prefetch: int = 0
    pipeline: Pipeline | None = None
    stride: float = 1.0
    passed: float = 0.0
    pauses: bool = False
    will_look: bool = False
    waiting: int = 0
    seated: int = 0
    settling: int = 0
    tells_again: float = -math.inf
    size: float = 0
    shared: float = 0

    @classmethod
    def of(cls, route: Route, prefetch: int | None, lightest: float, now: float) -> "Tally":
        """Return the account of a route's lane; the weight of the route that weighs least is `lightest`."""
        threads = None if route.pool is None else route.pool.threads
        limits = (route.share.max_jobs, None if threads is None else threads.most)
        at_once = min((limit for limit in limits if limit is not None), default=None)
        bucket = route.share.bucket(now)
        return cls(
            batch=route.batch,
            limit=route.share.max_jobs,
            threads=threads,
            lines_up=route.lines_up,
            at_once=at_once,
            bounded=at_once is not None or bucket is not None,
            bucket=bucket,
            prefetch=route.seats(prefetch),
            pipeline=Pipeline() if route.is_measured(prefetch) else None,
            stride=lightest / route.share.weight,
        )

    def may_line_up(self, lane: Lane) -> bool:
        """Tell whether its jobs may be started a little before there are threads for them; nobody is to hear of it."""
        return self.lines_up and lane.info.max_receive_count != 1 and not lane.tell.started

    def take_turn(self) -> None:
        """Count a start."""
        self.running += 1
        self.passed += self.stride
        if self.threads is not None:
            self.threads.taken += 1

    def take_turn_back(self) -> None:
        """Let a start that came to nothing cost no turn; `free` counts its end."""
        self.passed -= self.stride
        if self.bucket is not None:
            self.bucket.owe(-1)

    def free(self, slots: int) -> None:
        """Count ends."""
        self.running -= slots
        if self.threads is not None:
            self.threads.taken -= slots

    def headroom(self, lane: Lane, total: "Tally", bounds: Bounds) -> int:
        """Return how many messages of its lane may still be held, where all lanes hold the total."""
        if self.barred or self.paused:
            return 0
        headroom = bounds.headroom(total.seated, total.settling)
        headroom = min(headroom, self._more_bodies(lane, total, bounds))
        if lane.info.ordered:
            headroom = min(headroom, self._more_followers(lane, bounds))
        return headroom

    def _more_bodies(self, lane: Lane, total: "Tally", bounds: Bounds) -> int:
        return bounds.bodies(self.size, total.shared, lane.leases.largest)

    def _more_followers(self, lane: Lane, bounds: Bounds) -> int:
        return bounds.followers - self._unstartable(lane) - self.asked

    @staticmethod
    def _unstartable(lane: Lane) -> int:
        """Return how many messages wait behind others of their groups, for next runs, or for a batch to be full."""
        return len(lane.order) - lane.order.startable

    def tell_if_deaf(self, lane: Lane, total: "Tally", bounds: Bounds, now: float) -> None:
        """Say that nothing is received though nothing runs: all that is held waits for next runs in FIFO groups."""
        idle = lane.info.ordered and not self.running and not lane.order.startable
        if not idle or now < self.tells_again:
            return
        if self._unstartable(lane) >= bounds.followers:
            bound = "LOAFER_FIFO_FOLLOWERS"
        elif not self.asked and len(lane.order) and self._more_bodies(lane, total, bounds) <= 0:
            bound = "LOAFER_HELD_BYTES"
        else:
            return
        self.tells_again = now + TELLS_AGAIN
        logger.warning(DEAF, lane.route.source, len(lane.order), bound)

    def room(self, lane: Lane, headroom: int, free: int, soon: int, now: float) -> Room:
        """Return what there is room for, seen from its lane, where so many slots are free, and so many will be soon."""
        # What its queue moves away after one receive must not wait for its start: a stop would have it moved unrun.
        once = lane.info.max_receive_count == 1
        waiting = lane.order.startable if self.batch == 1 else len(lane.order)
        seats = self.prefetch
        if self.pipeline is not None:
            seats = min(seats, max(1, free + waiting) + self.pipeline.ahead)
        startable = self.startable(free, 0 if once else soon, now)
        if once and self.batch > 1:  # what waits for its batch to be full is to start in those slots
            startable -= self._unstartable(lane)
        if self.bucket is not None:
            allowed = self.bucket.at_once(self.batch, now) if once else self.bucket.soon(now)
            startable = min(startable, allowed - waiting)
        return Room(seats, waiting, self.asked, startable, headroom)

    def startable(self, free: int, soon: int, now: float) -> int:
        """Return how many more could start by its handlers and threads, with so many slots free, and more soon."""
        startable = free + soon
        own = self.pace.starts_soon(self.at_once, now) if soon and self.at_once is not None else 0
        if self.limit is not None:
            startable = min(startable, self.limit - self.running - self.waiting + own)
        if self.threads is not None:
            shared = self.threads.pace.starts_soon(self.threads.most, now) if soon else 0  # whoever has them now
            startable = self.threads.startable(startable, max(own, shared))
        return startable * self.batch

    def next_look(self, now: float) -> float | None:
        """Return after how many seconds to look again whether its rate lets it receive; None: somebody will anyway."""
        if self.bucket is None or self.will_look:
            return None
        self.will_look = True
        return max(LOOK, min(self.bucket.wait(now), 1 / self.bucket.rate))  # a batch may have taken many in advance

    def count(self, order: Order, leases: Leases, total: "Tally", bounds: Bounds) -> None:
        """Count anew what waits and what is held, and let the total know."""
        waiting = order.startable
        handled = self.running + self.more
        if self.batch > 1:  # what waits for others has a seat too, and a whole batch wants one slot
            seated, waiting = len(order) + handled + self.asked, -(-waiting // self.batch)
        else:
            seated = waiting + handled + self.asked
        settling = len(leases) - handled - len(order)
        size = leases.size + self.asked * leases.largest
        if self.threads is not None:
            self.threads.waiting += waiting - self.waiting
        total.waiting += waiting - self.waiting
        total.seated += seated - self.seated
        total.settling += settling - self.settling
        own = max(bounds.part, leases.largest)
        shared = size - own if size > own else 0.0
        total.shared += shared - self.shared
        self.waiting, self.seated, self.settling, self.size, self.shared = waiting, seated, settling, size, shared
