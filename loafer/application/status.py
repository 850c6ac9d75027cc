"""How a running dispatcher is: a value that any thread may ask for, also while the event loop is blocked."""

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from loafer.application.heartbeat import Heartbeat
from loafer.application.intake import Intake
from loafer.application.lane import Lane
from loafer.application.running import Running
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.summary import percentile
from loafer.application.watchdog import Watchdog
from loafer.domain.depth import Backlog
from loafer.domain.lease import Lease


@attrs.frozen(kw_only=True)
class Handling:
    """A message that a handler has.

    Attributes:
        id: Its id.
        attempt: The number of this attempt, from 1.
        seconds: Since when its handler has it.
        lease_left: Seconds that it stays ours, if its lease is not renewed.

    """

    id: str
    attempt: int
    seconds: float
    lease_left: float


@attrs.frozen(kw_only=True)
class RouteStatus:
    """How a route is; ages and waits are in seconds.

    Attributes:
        name: Its name; of several routes of one source, that of the source.
        source: Where it receives from.
        jobs: Handlers that run.
        limit: How many may.
        held: Messages that are received and not yet settled.
        waiting: Those of them that wait for a handler.
        oldest: What a handler has had for longest; None: none runs.
        last_receive: How long ago a receive was answered; None: none was.
        overdue: For how long a receive has been under way beyond the time that it waits; None: none is.
        trouble: What does not work; None: all does.
        trouble_for: Since when.
        paused: Whether nothing is received.
        counts: What happened so far, by name.
        causes: Messages that came back or will, by cause.
        calls: Calls to the source, by operation.
        p50: What half of the handlings of late took at most; None: there were none.
        p99: What all but one in a hundred of them took at most.
        backlog: How much is on the source, and how long that will take; None: nobody asks, or it cannot be known.

    """

    name: str
    source: str
    jobs: int
    limit: int
    held: int
    waiting: int
    oldest: Handling | None
    last_receive: float | None
    overdue: float | None
    trouble: str | None
    trouble_for: float
    paused: bool
    counts: Mapping[str, int]
    causes: Mapping[str, int]
    calls: Mapping[str, int] = attrs.field(factory=dict)
    p50: float | None
    p99: float | None
    backlog: Backlog | None = None


@attrs.frozen(kw_only=True)
class Status:
    """How a dispatcher is; ages are in seconds.

    Attributes:
        pid: Its process.
        at: When this was so, in seconds since the epoch.
        up: For how long it has run.
        stopping: Whether it is asked to stop.
        blocked: For how long the event loop has not answered.
        latency: How long it took to answer last.
        heartbeat: How long ago the heartbeat ticked.
        tick: How often it does.
        routes: Its routes; none before it begins to receive.

    """

    pid: int = attrs.field(factory=os.getpid)
    at: float = attrs.field(factory=time.time)
    up: float = 0.0
    stopping: bool = False
    blocked: float = 0.0
    latency: float = 0.0
    heartbeat: float = 0.0
    tick: float = 1.0
    routes: tuple[RouteStatus, ...] = ()


@attrs.frozen(eq=False)
class View:
    """Sees everything that runs, and changes nothing; on any thread, so it copies what it looks through at once."""

    slots: Slots
    running: Running
    intakes: Sequence[Intake]
    heartbeat: Heartbeat
    watchdog: Watchdog | None
    stop: Stop
    clock: Callable[[], float]
    began: float
    loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop)
    """The event loop on which it runs."""

    def status(self) -> Status:
        """Return how it is now."""
        now = self.clock()
        blocked = self.watchdog.silence(now) if self.watchdog is not None else 0.0
        return Status(
            up=now - self.began,
            stopping=self.stop.requested.is_set(),
            blocked=blocked,
            latency=self.watchdog.latency if self.watchdog is not None else 0.0,
            heartbeat=max(0.0, now - self.heartbeat.beaten),
            tick=self.heartbeat.tick,
            routes=tuple(self._route(intake, now, blocked) for intake in self.intakes),
        )

    def handled(self) -> Iterator[tuple[asyncio.Task[None] | None, Lane, Lease, Handling]]:
        """Yield what handlers have, each with its task, its lane and its lease; None: a task that is being started."""
        now = self.clock()
        for task, (lane, leases, began) in self.running.now():
            for lease in leases:
                yield task, lane, lease, _handling(lease, now, began)

    def held(self) -> Iterator[tuple[Lane, Lease]]:
        """Yield everything that is held."""
        for intake in self.intakes:
            with intake.lane.lock:
                leases = intake.lane.leases.all()
            yield from ((intake.lane, lease) for lease in leases)

    @property
    def loop_thread(self) -> int | None:
        """The thread of the event loop; None where nobody watches it."""
        return None if self.watchdog is None else self.watchdog.thread

    def _route(self, intake: Intake, now: float, blocked: float) -> RouteStatus:
        lane = intake.lane
        tally = self.slots.tally(lane)
        handled = [each for _, other, _, each in self.handled() if other is lane]
        troubles = [trouble for trouble in list(lane.troubles) if trouble.error is not None]
        took = sorted(lane.events.took.copy())
        heard, asked, lined_up = lane.heard, intake.asked, self.running.lined_up(lane)
        return RouteStatus(
            name=lane.route.name,
            source=lane.route.source,
            jobs=max(0, tally.running - lined_up - self.running.over(lane)),
            limit=self.slots.max_jobs if tally.limit is None else min(tally.limit, self.slots.max_jobs),
            held=len(lane.leases),
            waiting=len(lane.order) + lined_up,
            oldest=max(handled, key=lambda each: each.seconds, default=None),
            last_receive=None if heard is None else now - heard,
            overdue=None if asked is None else max(0.0, now - asked - lane.consumer.wait_time - blocked),
            trouble="; ".join(f"{trouble.what}: {trouble.error}" for trouble in troubles) or None,
            trouble_for=max((now - trouble.since for trouble in troubles), default=0.0),
            paused=tally.paused,
            counts=dict(lane.counts.copy()),
            causes={str(cause): count for cause, count in lane.events.causes.copy().items()},
            calls={str(operation): count for operation, count in lane.events.calls.copy().items()},
            p50=percentile(took, 0.5) if took else None,
            p99=percentile(took, 0.99) if took else None,
            backlog=lane.backlog,
        )


def _handling(lease: Lease, now: float, began: float) -> Handling:
    left = lease.deadline - now
    return Handling(id=lease.message.id, attempt=lease.attempts, seconds=now - began, lease_left=left)
