"""The whole application under random schedules and faults, in virtual time: what must hold whatever happens."""

import asyncio
import logging
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import cycle
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from virtual_time import VirtualLoop
from world import Faults, NoAnswer, World, now

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.dispatcher import Dispatcher
from loafer.application.heartbeat import SHORTEST_CALL
from loafer.application.options import Options
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import RetryDelay, retry_of
from loafer.exceptions import AccessDenied, ConsumerUnavailable, IgnoreMessage, RejectMessage

LOST = Failure("the receipt is no longer valid", retryable=False)
AGAIN = Failure("throttled")
GRACE, POLL_GRACE = 5, 5


@attrs.frozen
class Plan:
    """One random world: what is on the queue, how handlers behave, what fails, when workers are stopped or crash.

    `restarts` are stops while messages wait in a worker. A disturbance is a kind, when it begins, and how many seconds
    it lasts: the process stands `still`, calls are `denied`, credentials are `slow`, answers come `late`, or those of a
    standard queue that brings messages `twice`. So many `workers` share the queue, and all of them stop or crash. Of
    calls that are served some have their answers lost.
    """

    seed: int
    fifo: bool
    messages: int
    groups: int
    max_jobs: int
    prefetch: int | None
    batch_size: int
    retry_delay: RetryDelay
    visibility: int
    trouble: float
    slowness: float
    stops: tuple[float, ...]
    restarts: int
    wait_time: float
    crashes: tuple[int, ...]
    disturbances: tuple[tuple[str, float, float], ...]
    max_receive_count: int | None
    workers: int = 1
    lost_answers: float = 0.0
    gives_up_after: int | None = None

    @property
    def undisturbed(self) -> bool:
        """Whether nothing goes wrong but what handlers raise; workers may be stopped."""
        return not (self.trouble or self.lost_answers or self.crashes or self.disturbances)


plans = st.builds(
    Plan,
    seed=st.integers(0, 2**32),
    fifo=st.booleans(),
    messages=st.integers(1, 40),
    groups=st.integers(1, 6),
    max_jobs=st.integers(1, 12),
    prefetch=st.one_of(st.none(), st.integers(1, 12)),
    batch_size=st.integers(1, 10),
    retry_delay=st.sampled_from([None, 0.0, 0.5, 3.0, "exponential"]),
    visibility=st.integers(2, 30),
    trouble=st.floats(0, 0.3),
    slowness=st.floats(0, 10),
    stops=st.lists(st.integers(0, 300).map(lambda tenths: tenths / 10), max_size=3).map(tuple),
    restarts=st.integers(0, 3),
    wait_time=st.sampled_from([1.0, 1.0, 5.0, 20.0]),
    crashes=st.lists(st.integers(1, 60), max_size=3).map(tuple),
    disturbances=st.lists(
        st.tuples(st.sampled_from(["still", "denied", "slow", "late", "twice"]), st.floats(0, 60), st.floats(0.1, 60)),
        max_size=4,
    ).map(tuple),
    max_receive_count=st.one_of(st.none(), st.integers(2, 5)),
)


@attrs.define(eq=False, repr=False)  # a runner asks for that of its result, which took nearly all of the time
class Simulation:
    """Runs a plan: workers on one queue, one after another or several at once, until it is empty."""

    plan: Plan
    chance: random.Random = attrs.field(init=False)
    queue: MemoryQueue = attrs.field(init=False)
    dead: MemoryQueue = attrs.field(init=False)
    workers: list[World] = attrs.field(init=False, factory=list)
    succeeded: Counter[str] = attrs.field(factory=Counter)
    started: dict[str, list[int]] = attrs.field(factory=lambda: defaultdict(list))
    running: Counter[str] = attrs.field(factory=Counter)
    runs: Counter[str] = attrs.field(factory=Counter)
    kept: set[str] = attrs.field(factory=set)
    most_seated: int = 0
    most_settling: int = 0

    def __attrs_post_init__(self) -> None:
        suffix = ".fifo" if self.plan.fifo else ""
        self.chance = random.Random(self.plan.seed)
        self.dead = MemoryQueue("dead" + suffix, clock=now)
        self.queue = MemoryQueue(
            "orders" + suffix, float(self.plan.visibility), self.plan.max_receive_count, self.dead, clock=now
        )
        for number in range(self.plan.messages):
            group = f"g{number % self.plan.groups}"
            self.queue.send(OutgoingMessage(f"{group}:{number}", group=group))

    @property
    def leases_may_end(self) -> bool:
        """Whether one worker may get a message that another one still runs."""
        return self.plan.workers > 1 and not self.plan.undisturbed

    @property
    def others_may_have_it(self) -> bool:
        """Whether the queue may give a message to two workers at once, or move it for it has given it too often."""
        twice = any(kind == "twice" for kind, *_ in self.plan.disturbances)
        return twice and (self.plan.workers > 1 or self.plan.max_receive_count is not None)

    def begin(self, done: set[str], content: str) -> None:
        """Check that a message may be handled now; what is raised here fails that message alone."""
        assert content not in done, "what was done ran again in the same worker"
        group, _, number = content.partition(":")
        self.started[group].append(int(number))
        assert self.leases_may_end or not self.running[content], "a message runs twice at once"
        left = {message.body for message in self.queue.messages.values()}
        assert self.others_may_have_it or content in left, "it was deleted before it started"
        self.runs[content] += 1
        self.running[content] += 1
        self.kept.discard(content)
        if self.plan.fifo:
            at_once = sum(n for what, n in self.running.items() if what.startswith(group + ":"))
            assert self.leases_may_end or at_once == 1, "two messages of a group run at once"
            self.check_order(group, int(number))
        self.count()

    async def handle(self, done: set[str], content: str) -> None:
        """Handle a message in a worker by which others are `done` already."""
        self.begin(done, content)
        try:
            await asyncio.sleep(self.chance.random() * self.plan.slowness)
        finally:
            self.running[content] -= 1
        try:
            self.end(content)
        finally:
            if content not in self.kept:
                done.add(content)

    def count(self) -> None:
        """Remember the most that was held, with and without a seat."""
        for dispatcher in (worker.dispatcher for worker in self.workers):
            for lane in dispatcher._lanes:
                running = dispatcher._slots._tallies[lane].running
                self.most_seated = max(self.most_seated, running + lane.order.startable)
                self.most_settling = max(self.most_settling, len(lane.leases) - running - len(lane.order))

    def check_order(self, group: str, number: int) -> None:
        """Check that each message before one of its group has succeeded or is dead, and is on the queue no more."""
        left, dead = ({message.body for message in queue.messages.values()} for queue in (self.queue, self.dead))
        for earlier in range(number % self.plan.groups, number, self.plan.groups):
            content = f"{group}:{earlier}"
            assert content not in left, "a message overtook another one of its group"
            assert self.succeeded[content] or content in dead, "a message came after one of its group that is lost"

    def end(self, content: str) -> None:
        match self.chance.random():
            case x if x < 0.1:
                self.kept.add(content)
                raise ValueError
            case x if x < 0.15:
                self.kept.add(content)
                raise IgnoreMessage(delay=self.chance.random() * 5)
            case x if x < 0.2:
                self.succeeded[content] += 1
                raise RejectMessage
        self.succeeded[content] += 1

    def faults(self, steps_to_crash: int | None = None) -> Faults:
        def some(*kinds: Any, number: int = 300) -> list[Any]:
            return [one(kinds) for _ in range(number)]

        def one(kinds: tuple[Any, ...]) -> Any:
            if self.chance.random() < self.plan.trouble:
                return self.chance.choice(kinds)
            return unanswered if self.chance.random() < self.plan.lost_answers else None

        unanswered = NoAnswer("its answer was lost")
        gone = ConsumerUnavailable("gone")
        return Faults(
            receiving=[None, *some(gone, AccessDenied("no"))],
            settling=some(gone, AGAIN),
            extending=some(gone, AGAIN, LOST, number=30),
            dead_lettering=some(AGAIN, LOST),
            # Longer, and no extension gets through in time: the heartbeat gives a call a sixth of the lease.
            delay=min(self.chance.choice([0.0, 0.0, 0.1, 1.0]), self.plan.visibility / 8),
            steps_to_crash=steps_to_crash,
        )

    async def run(self) -> None:
        for steps in self.plan.crashes:
            await self.work(100, steps_to_crash=steps)
        for _ in range(self.plan.restarts):
            await self.work(100, restart=True)
        if self.plan.disturbances:
            await self.work(200, self.plan.disturbances)
        for seconds in (*self.plan.stops, 3_000):
            await self.work(seconds)
            for dispatcher in (worker.dispatcher for worker in self.workers):
                self.check_stopped(dispatcher)
            if self.plan.undisturbed and self.plan.wait_time <= POLL_GRACE:
                self.check_left()

    def check_left(self) -> None:
        in_flight = {message.body for message in self.queue.in_flight}
        assert in_flight <= self.kept, "a stop left hidden what no handler wanted to come back later"

    def check_stopped(self, dispatcher: Dispatcher) -> None:
        """Check that a worker that has stopped holds nothing.

        Where its last calls fail too, a stop leaves behind what it could not settle in its time, and says so.
        """
        assert dispatcher.held == 0 or self.plan.trouble or self.plan.lost_answers
        left = [lease for lane in dispatcher._slots.lanes for lease in lane.leases.all()]
        assert all(lease.settling or lease.release_delay is not None for lease in left)
        tallies = dispatcher._slots._tallies.values()
        assert all(tally.asked == 0 and tally.running == 0 for tally in tallies)

    async def work(
        self,
        seconds: float,
        disturbances: tuple[tuple[str, float, float], ...] = (),
        *,
        steps_to_crash: int | None = None,
        restart: bool = False,
    ) -> None:
        """Let workers work until the queue is empty, the time is over, or one of them crashes; each ends in time.

        Those that are to be restarted end as soon as messages wait in one.
        """
        runs = Counter(self.runs)
        # The first one crashes.
        faults = [self.faults(None if number else steps_to_crash) for number in range(self.plan.workers)]
        self.workers = [self.new_worker(each) for each in faults]
        timers = [
            timer for each in faults for disturbance in disturbances for timer in self.disturb(each, *disturbance)
        ]
        async with AsyncExitStack() as stack:
            for worker in self.workers:
                await stack.enter_async_context(self.ending(worker, disturbances))
            began = now()
            while now() - began < seconds and len(self.queue) and not faults[0].crashed.is_set():
                if restart and sum(worker.dispatcher.held for worker in self.workers) > self.running.total():
                    break
                await asyncio.sleep(0.1 if seconds < 100 or restart else 1)
                self.count()
            if self.plan.seed % 2:  # or they stop one after another
                for worker in self.workers:
                    worker.dispatcher.stop()
        for timer in timers:
            timer.cancel()
        if self.plan.workers == 1 and self.plan.undisturbed and faults[0].delay < SHORTEST_CALL:
            await self.check_receives(faults[0], runs)

    def new_worker(self, faults: Faults) -> World:
        plan = self.plan
        retry = attrs.evolve(retry_of(plan.retry_delay), dead_letter_after=plan.gives_up_after)
        return World(
            self.queue,
            partial(self.handle, set()),
            Options(plan.max_jobs, plan.prefetch, GRACE, retry, poll_grace=POLL_GRACE),
            faults,
            wait_time=plan.wait_time,
            batch_size=plan.batch_size,
            abandoned_polls=True,
        )

    async def check_receives(self, faults: Faults, runs: Counter[str]) -> None:
        """Check that a stop had no message received again that it gave back; what an aborted poll takes counts too.

        What is kept comes back when its time has come, and what follows in its group with it; an aborted poll may take
        it then, as the page says.
        """
        await asyncio.sleep(self.plan.wait_time)
        received = faults.received - (self.runs - runs)
        back = {content.partition(":")[0] for content in self.kept} if self.plan.fifo else self.kept
        added = {number for content, number in received.items() if not {content, content.partition(":")[0]} & back}
        assert added <= {1}, "a stop added a receive to the one that brought a message"

    @asynccontextmanager
    async def ending(self, worker: World, disturbances: tuple[tuple[str, float, float], ...]) -> AsyncIterator[None]:
        """Run a worker meanwhile, which ends in time; where calls are denied it may end by itself."""
        try:
            async with worker:
                yield
                asked = now()
        except AccessDenied:
            assert any(kind == "denied" for kind, *_ in disturbances)
        else:
            assert disturbances or now() - asked < GRACE + 8

    def disturb(self, faults: Faults, kind: str, at: float, seconds: float) -> Iterator[asyncio.TimerHandle]:
        """Let a disturbance begin and end; yield the timers for that."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        virtual, look = loop.virtual, self.plan.visibility / 12

        def stand_still() -> None:
            virtual.now += seconds  # no timer runs meanwhile

        def give_twice() -> None:
            faults.late, faults.twice = min(seconds, look), cycle([True, False])

        begin = {
            "still": stand_still,
            "denied": lambda: setattr(faults, "denied", True),
            "slow": lambda: setattr(faults, "extension_delay", seconds),
            "late": lambda: setattr(faults, "late", min(seconds, look)),
            "twice": give_twice,
        }

        def end() -> None:
            faults.denied, faults.extension_delay, faults.late, faults.twice = False, 0.0, 0.0, None

        yield loop.call_later(at, begin[kind])
        yield loop.call_later(at + seconds, end)


def run(make: Callable[[], Simulation], *, to_its_end: bool = True) -> tuple[Simulation, set[str]]:
    """Run a simulation, and check that nothing is lost; return it, and what is on the dead-letter queue.

    Unless it runs `to_its_end`, something may be left on its queue.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:

        async def simulate() -> Simulation:
            simulation = make()
            await simulation.run()
            return simulation

        runner.get_loop().set_exception_handler(lambda *_: None)  # which would tell of tasks that nobody listens to
        simulation = runner.run(simulate())
    plan = simulation.plan
    everything = {f"g{number % plan.groups}:{number}" for number in range(plan.messages)}
    dead = {entry.message.body for entry in simulation.dead._entries.values()}
    left = {message.body for message in simulation.queue.messages.values()}
    assert not (to_its_end and left)
    assert set(simulation.succeeded) | dead | left == everything, "a message was lost"
    assert simulation.queue.counts["deleted"] <= simulation.succeeded.total() + len(dead)
    return simulation, dead


def check(plan: Plan) -> None:
    """Run a plan, and check what must hold in the end."""
    simulation, dead = run(partial(Simulation, plan))
    bounds = Options(plan.max_jobs, plan.prefetch).bounds([simulation.workers[0].route()])
    # A group's next message, and a head whose retry has come, may start without having been asked for anew.
    assert simulation.most_seated <= bounds.seats + plan.groups * plan.fifo
    assert simulation.most_settling <= bounds.settling
    if plan.undisturbed:
        assert not dead & set(simulation.succeeded), "what had succeeded was dead-lettered"
    if plan.undisturbed and not (plan.stops or plan.restarts):
        assert dead <= set(simulation.runs), "what had never run was dead-lettered"
        assert set(simulation.succeeded.values()) <= {1}, "a success ran twice without a fault"
        if plan.fifo:
            for numbers in simulation.started.values():
                assert numbers == sorted(numbers), "a message overtook another one of its group"


@given(plans)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_nothing_is_lost_and_no_limit_is_passed(plan: Plan) -> None:
    check(plan)


@given(plans.map(lambda plan: attrs.evolve(plan, trouble=0.0, stops=(), restarts=0, crashes=(), disturbances=())))
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_without_faults_nothing_that_succeeded_runs_again_and_groups_keep_their_order(plan: Plan) -> None:
    check(plan)


crowds = st.builds(
    lambda plan, workers, lost_answers, redrive: attrs.evolve(
        plan, workers=workers, lost_answers=lost_answers, max_receive_count=redrive[0], gives_up_after=redrive[1]
    ),
    plans,
    workers=st.integers(1, 3),
    lost_answers=st.sampled_from([0.0, 0.05, 0.3]),
    redrive=st.one_of(st.just((None, None)), st.tuples(st.integers(1, 5), st.one_of(st.none(), st.integers(1, 2)))),
)


@given(crowds)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_to_several_workers_and_to_answers_nothing_is_lost(plan: Plan) -> None:
    check(plan)


@pytest.fixture
def unlogged() -> Iterator[None]:
    """What thousands of schedules log would be held in memory, and take longer than they do."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.usefixtures("unlogged")
@pytest.mark.timeout(2400)
@given(plans)
@settings(max_examples=5000, deadline=None, suppress_health_check=list(HealthCheck))
def test_thousands_of_schedules(plan: Plan) -> None:
    check(plan)


@pytest.mark.slow
@pytest.mark.usefixtures("unlogged")
@pytest.mark.timeout(2400)
@given(crowds)
@settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck))
def test_thousands_of_schedules_of_several_workers(plan: Plan) -> None:
    check(plan)
