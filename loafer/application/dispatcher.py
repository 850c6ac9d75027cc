"""A message's way: received, started, translated, handled, settled; in one direction, each step in one place."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import attrs

from loafer.application.clock import lease_clock
from loafer.application.delivery import Delivery, ignore
from loafer.application.depths import sampled
from loafer.application.drains import Drains
from loafer.application.heartbeat import Heartbeat, beating, beating_on_a_thread
from loafer.application.intake import Intake
from loafer.application.jobs import Jobs
from loafer.application.lane import Lane
from loafer.application.listeners import Guards
from loafer.application.lookout import Lookout
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.application.shutdown import Left, Shutdown, longest_wait
from loafer.application.slots import Slots
from loafer.application.status import Status, View
from loafer.application.stop import Stop, nothing
from loafer.application.stuck import Stuck
from loafer.application.summary import summaries_of, summarized
from loafer.application.watchdog import Watchdog
from loafer.ports.observer import Observer


@attrs.define(eq=False)
class Dispatcher:
    """Runs routes until it is asked to stop; can run once.

    Intake receives into a lane, Jobs take what may start from there and deliver it, Settlement acts upon the outcome,
    and the heartbeat keeps what is held meanwhile.

    Attributes:
        routes: What to run.
        options: The limits and delays.
        observers: Whom to tell what happens.
        observe: Told of every delivery when it has ended; must neither raise nor block.
        stopping: Called once, when a stop is first asked for or something fails for good.
        clock: Seconds that never go back; the event loop's clock must go at the same pace.
        threaded_heartbeat: False runs the heartbeat on the same event loop, where a blocked loop stops it.
        new_loop: Creates the event loop of a heartbeat that has a thread.

    """

    routes: Sequence[Route]
    options: Options = attrs.field(factory=Options)
    observe: Callable[[Delivery], None] = ignore
    clock: Callable[[], float] = lease_clock
    threaded_heartbeat: bool = True
    new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    stopping: Callable[[], None] = nothing
    observers: Sequence[Observer] = ()
    left: Left = attrs.field(factory=Left, init=False)
    """What had not ended when the dispatcher stopped."""
    stopped_at: float | None = attrs.field(default=None, init=False)
    """When its stop began, by `clock`; None before."""
    view: View | None = attrs.field(default=None, init=False)
    """Sees what runs; None before `run`."""
    _stop: Stop = attrs.field(default=attrs.Factory(lambda self: Stop(self.stopping), takes_self=True), init=False)
    _lanes: list[Lane] = attrs.field(factory=list, init=False)
    _slots: Slots = attrs.field(init=False)
    _drains: Drains = attrs.field(init=False)
    _paused: set[str] = attrs.field(factory=set, init=False)
    _begun: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)

    def status(self) -> Status:
        """Return how it is now; on any thread, and without routes before it runs."""
        return Status(stopping=self._stop.requested.is_set()) if self.view is None else self.view.status()

    def stop(self) -> None:
        """Ask to stop: no new work, running handlers get the grace period; asked twice, they are cancelled at once."""
        self._stop.request()

    def fail(self, cause: BaseException) -> None:
        """Stop because of an error, with the grace period for what runs; `run` raises the first one in the end."""
        self._stop.fail(cause)

    @property
    def cause(self) -> BaseException | None:
        """Why it stops, or has stopped; None: nobody asked for it, or it was an ordinary request."""
        return self._stop.cause

    @property
    def stop_asked(self) -> asyncio.Event:
        """What is set once it stops, for whatever reason."""
        return self._stop.requested

    @property
    def stop_wanted(self) -> bool:
        """Whether somebody has asked it to stop: neither an error nor whoever cancels it has."""
        return self._stop.asked

    @property
    def haste(self) -> asyncio.Event:
        """What is set once it is asked to stop at once."""
        return self._stop.hurried

    def pause(self, route: str) -> None:
        """Receive nothing more on a route, until `resume`; what is held is handled. Said before `run`, it counts too.

        Raises:
            LookupError: there is no such route.

        """
        self._paused.add(self._known(route))
        if self._lanes:
            self._slots.seats.pause(self._lane(route))

    def resume(self, route: str) -> None:
        """Receive on a route again; LookupError: there is no such route."""
        self._paused.discard(self._known(route))
        if self._lanes:
            self._drains.end(self._lane(route))
            self._slots.seats.resume(self._lane(route))

    def drain(self, route: str) -> None:
        """Pause a route, and give back what waits for a handler; what a handler has is handled. LookupError: as above.

        What waits goes back once no receive is under way any more, which may take as long as one waits. Messages at
        their last receive stay and are handled, for given back they would be dead-lettered unrun.
        """
        self.pause(route)
        if self._lanes and not self._stop.requested.is_set():
            self._drains.begin(self._lane(route))

    def _known(self, route: str) -> str:
        names = [name for each in self.routes for name in _names(each)]
        if route not in names:
            raise LookupError(f"there is no route {route!r}, but {', '.join(names)}")
        return route

    def _lane(self, route: str) -> Lane:
        return next(lane for lane in self._lanes if route in _names(lane.route))

    async def opened(self) -> None:
        """Return once `run` has begun and every source has answered."""
        await self._begun.wait()
        for lane in self._lanes:
            await lane.answered.wait()

    @property
    def counts(self) -> Counter[str]:
        """What happened so far, over all routes: outcomes by name, `received`, `duplicates`, `stale`, `leases_lost`."""
        return sum((lane.counts for lane in self._lanes), Counter())

    @property
    def abandoned(self) -> int:
        """Handlers that had not ended when the dispatcher stopped."""
        return self.left.handlers

    @property
    def held(self) -> int:
        """How many messages are held now: received, and not yet settled."""
        return sum(len(lane.leases) for lane in self._lanes)

    async def run(self) -> None:
        """Dispatch messages until asked to stop, and stop cleanly.

        Raises:
            ConsumerError: a source failed for good.
            ConfigurationError: a consumer's options cannot work, or a dead-letter queue is wanted and there is none.
            BaseException: what a handler raised that is no `Exception` (SystemExit, for one).

        """
        retry, guards, places = self.options.retry_delay, Guards(), dict[str, list[Lane]]()
        self._lanes = [
            Lane(route, route.consumer(), self.clock, self.observers, retry, guards, places) for route in self.routes
        ]
        summaries = summaries_of(self._lanes, self.clock())
        slots = self._slots = Slots(
            self.options.max_jobs,
            self.options.prefetch,
            self.options.bounds(self.routes),
            self.clock,
            self._lanes,
        )
        for route in self._paused:
            slots.seats.pause(self._lane(route))
        self._begun.set()
        lookout = Lookout(self.clock)
        watchdog = Watchdog(self.clock, lookout) if self.threaded_heartbeat else None
        jobs = Jobs(slots, self._stop, self.options, self.observe)
        intakes = self._intakes(jobs, watchdog, lookout)
        self._drains = Drains(jobs, intakes)
        heartbeat = self._heartbeat(watchdog, lookout)
        self.view = View(slots, jobs.running, intakes, heartbeat, watchdog, self._stop, self.clock, self.clock())
        depths = sampled(self._lanes, wanted=self.options.depth)
        async with summarized(summaries, self.clock), depths, self._beating(heartbeat):
            await self._dispatch(jobs, intakes)
        if self._stop.cause is not None:
            raise self._stop.cause

    def _intakes(self, jobs: Jobs, watchdog: Watchdog | None, lookout: Lookout) -> list[Intake]:
        admit = jobs.admit if watchdog is None else watchdog.giving_way(jobs.admit)
        stop, longest = self._stop, longest_wait(self.options)
        return [
            Intake(lane, jobs.slots, stop, lane.trouble(f"source {lane.route.source!r}"), lookout, admit, longest)
            for lane in self._lanes
        ]

    async def _dispatch(self, jobs: Jobs, intakes: Sequence[Intake]) -> None:
        """Receive until asked to stop, and stop cleanly."""
        try:
            for intake in intakes:
                intake.start()
            await self._stop.requested.wait()
        finally:  # a cancelled run stops cleanly too
            self._drains.end_all()
            self._stop.begin()
            self.stopped_at = self.clock()
            shutdown = Shutdown(self._stop, jobs, intakes, self.options, self.clock)
            try:
                await shutdown.run()
            finally:
                self.left = shutdown.left
            for each in self.routes:
                if each.branching is not None:
                    each.branching.ended()

    def _heartbeat(self, watchdog: Watchdog | None, lookout: Lookout) -> Heartbeat:
        blocked, loop = lookout.look if watchdog is None else watchdog.blocked_for, asyncio.get_running_loop()
        stuck = Stuck(lambda: self.view)

        def look() -> float:
            stuck.look()
            return blocked()

        def fail(cause: BaseException) -> None:
            loop.call_soon_threadsafe(self._stop.fail, cause)

        return Heartbeat(self._lanes, self.clock, self.options.stall_limit, look, fail)

    def _beating(self, heartbeat: Heartbeat) -> AbstractAsyncContextManager[object]:
        return beating_on_a_thread(heartbeat, self.new_loop) if self.threaded_heartbeat else beating(heartbeat)


def _names(route: Route) -> list[str]:
    """Return the names of a route, and of those that it receives for."""
    return list(dict.fromkeys((route.name, *(branch.name for branch in route.branches))))
