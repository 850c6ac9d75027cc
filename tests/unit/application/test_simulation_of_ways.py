"""Random schedules and faults once more, for the other ways to a handler: batches, middleware, limits, translators."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_simulation import Plan, Simulation, crowds, run, unlogged
from world import Faults, World

from loafer.application.middleware import through
from loafer.application.route import BatchCall
from loafer.domain.item import Item
from loafer.domain.message import Message

assert unlogged  # a fixture

Next = Callable[[], Awaitable[None]]


@attrs.frozen
class Way:
    """How messages get to their handler.

    Attributes:
        batch: How many come together at most; 0: each alone.
        wait: Seconds that the first of a batch waits for others.
        limit: Seconds that a handler may take.
        middleware: Names of methods of `Ways`, the outermost first.
        translation: Seconds that translating takes at most.

    """

    batch: int
    wait: float
    limit: float | None
    middleware: Sequence[str]
    translation: float

    @property
    def limited(self) -> bool:
        """Whether a time limit may keep a message whose handler has ended well."""
        return self.limit is not None or "limits" in self.middleware


ways = st.builds(
    Way,
    batch=st.one_of(st.just(0), st.integers(1, 12)),
    wait=st.sampled_from([0, 0.5, 3]),
    limit=st.sampled_from([None, None, 2, 5]),
    middleware=st.lists(st.sampled_from(["waits", "tries_again", "limits", "apart"]), max_size=3, unique=True),
    translation=st.sampled_from([0, 0, 1, 5]),
)


@attrs.define(eq=False, repr=False)
class Ways(Simulation):
    """Runs a plan in another way."""

    way: Way = attrs.field(kw_only=True)
    broken: list[AssertionError] = attrs.field(factory=list, kw_only=True)

    def begin(self, done: set[str], content: str) -> None:
        """Check that a message may be handled now, and note where it may not."""
        try:
            super().begin(done, content)
        except AssertionError as error:
            self.broken.append(error)
            raise

    async def handle(self, done: set[str], content: str) -> None:
        """Handle a message; under a time limit nobody knows whether that is the end of it."""
        await super().handle(set() if self.way.limited else done, content)

    async def handle_many(self, done: set[str], items: list[Item[str]]) -> None:
        """Handle a batch: what its items decide holds whether or not it fails."""
        for item in items:
            self.begin(done, item.content)
        try:
            await asyncio.sleep(self.chance.random() * self.plan.slowness)
        finally:
            for item in items:
                self.running[item.content] -= 1
        fails = self.chance.random() < 0.1
        for item in items:
            chance = self.chance.random()
            if chance < 0.1:
                item.ignore(delay=self.chance.choice([None, self.chance.random() * 5]))
            elif chance < 0.2 or not fails:
                if chance < 0.2:
                    item.reject()
                self.succeeded[item.content] += 1
                done.update([item.content] * (not self.way.limited))
        if fails:
            raise ValueError

    def check_left(self) -> None:
        """Check nothing: what was kept before its handler began may come back later, too."""

    async def check_receives(self, faults: Faults, runs: Counter[str]) -> None:
        """Check nothing: what was kept before its handler began was received again, too."""

    async def waits(self, _: object, call_next: Next) -> None:
        """Wait, perhaps for long, as a limit of the pace does."""
        await asyncio.sleep(self.chance.random() * self.plan.visibility * self.chance.choice([0, 0.1, 0.5]))
        await call_next()

    async def tries_again(self, _: object, call_next: Next) -> None:
        """Try once more a little later."""
        try:
            await call_next()
        except ValueError:
            await asyncio.sleep(self.chance.random() * 3)
            await call_next()

    async def limits(self, _: object, call_next: Next) -> None:
        """Limit the time, and say so or not."""
        with suppress(*self.chance.choice([[], [TimeoutError]])):
            async with asyncio.timeout(self.chance.random() * 20):
                await call_next()

    async def apart(self, _: object, call_next: Next) -> None:
        """Call on in a task, and perhaps not wait for it."""
        task = asyncio.ensure_future(call_next())
        if self.chance.random() < 0.5:
            await task
        else:
            await asyncio.wait([task], timeout=self.chance.random() * 3)

    async def translate(self, message: Message) -> Mapping[str, Any]:
        """Take time for it."""
        await asyncio.sleep(self.chance.random() * self.way.translation)
        return {"content": message.body}

    def new_worker(self, faults: Faults) -> World:
        """Return a worker whose route takes messages in this way."""
        worker = super().new_worker(faults)
        worker.dispatcher.options = attrs.evolve(worker.dispatcher.options, handler_timeout=self.way.limit)
        route = worker.route()
        if self.way.batch:
            call: Any = BatchCall(partial(self.handle_many, set()), size=self.way.batch, wait=self.way.wait)
        else:
            call = through(route.call, [getattr(self, name) for name in self.way.middleware], route.around)
        translate = self.translate if self.way.translation else route.translate
        # What a limit cuts short is not rejected, whatever the route rejects.
        worker.dispatcher.routes = [attrs.evolve(route, call=call, translate=translate, reject=(TimeoutError,))]
        return worker


def check(plan: Plan, way: Way) -> None:
    """Run a plan in a way, and check what must hold in the end."""
    if way.batch:
        plan = attrs.evolve(plan, fifo=False)
    if plan.fifo:  # a head that may not be moved is left, and its followers run: their order is none then
        plan = attrs.evolve(plan, max_receive_count=None, gives_up_after=None)
    # Where limits cut handlers short again and again, it may take hours.
    broken = list[AssertionError]()
    simulation, dead = run(partial(Ways, plan, way=way, broken=broken), to_its_end=not way.limited)
    for error in broken:
        raise error
    if plan.undisturbed and not way.limited:
        assert not dead & set(simulation.succeeded), "what had succeeded was dead-lettered"
        assert set(simulation.succeeded.values()) <= {1}, "a success ran twice without a fault"


@given(crowds, ways)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens_on_any_way_to_a_handler_nothing_is_lost(plan: Plan, way: Way) -> None:
    check(plan, way)


@pytest.mark.slow
@pytest.mark.usefixtures("unlogged")
@pytest.mark.timeout(2400)
@given(crowds, ways)
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
def test_hundreds_of_schedules_of_any_way(plan: Plan, way: Way) -> None:
    check(plan, way)
