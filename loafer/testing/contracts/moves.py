"""A move of dead letters that dies, again and again, at any call: before it was made, or before it was answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import attrs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from loafer.application.letters.browsing import browsing
from loafer.application.letters.moving import Moving
from loafer.application.letters.order import Order
from loafer.application.letters.purging import Purging
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.ports.inspector import Inspector, Letter, QueueState, Unsure
from loafer.ports.journal import Step
from loafer.testing.contracts.behaviour import Contract
from loafer.testing.contracts.journal import MemoryJournal
from loafer.testing.contracts.world import Queue, World, Worlds, emptied, in_group

SECONDS = 12
LOST, THROTTLED, REFUSED = "lost", "throttled", "refused"
DIES_BEFORE, DIES_AFTER = "dies before", "dies after"
HAPPENS = (LOST, THROTTLED, REFUSED, DIES_BEFORE, DIES_AFTER)


class Died(BaseException):
    """The process is gone."""


@attrs.frozen
class Plan:
    """What happens.

    Attributes:
        groups: The group of each message.
        happens: What happens at which call of those that change something; each happens once.

    """

    groups: Sequence[str]
    happens: Mapping[int, str]


PLANS = st.builds(
    Plan,
    st.lists(st.sampled_from("gh"), min_size=1, max_size=8),
    st.dictionaries(st.integers(0, 24), st.sampled_from(HAPPENS), max_size=8),
)


@attrs.define
class Fate:
    """Counts the calls that change something, and says what happens at each."""

    happens: Mapping[int, str]
    calls: int = 0
    dead: bool = False

    def next(self) -> str:
        """Return what happens at the next call; nothing mostly."""
        self.calls += 1
        return self.happens.get(self.calls - 1, "")

    def die(self) -> NoReturn:
        """End the process: nothing is called any more."""
        self.dead = True
        raise Died


@attrs.define(eq=False)
class Fated(Inspector):
    """An inspector at whose calls things happen."""

    inner: Inspector
    fate: Fate

    async def open(self) -> QueueState:
        return await self.inner.open()

    async def look(self) -> QueueState:
        return await self.inner.look()

    async def sources(self) -> Sequence[str]:
        return await self.inner.sources()

    async def browse(self, limit: int, hidden_for: float, wait: float) -> Sequence[Letter]:
        return await self.inner.browse(limit, hidden_for, wait)

    async def release(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        if self.fate.dead:
            raise Died
        return await self.inner.release(messages)

    async def extend(self, messages: Sequence[Message], hidden_for: float) -> Sequence[Failure | None]:
        return await self.inner.extend(messages, hidden_for)

    async def send(self, message: OutgoingMessage) -> str | Failure | Unsure:
        result: Any = await self._call(lambda: self.inner.send(message), partial(Failure, "not now"))
        sent: str | Failure | Unsure = Unsure("its answer was lost") if result is LOST else result
        return sent

    async def delete(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        def failed(*, retryable: bool = True) -> list[Failure]:
            return [Failure("not now", retryable=retryable)] * len(messages)

        result: Any = await self._call(lambda: self.inner.delete(messages), failed)
        deleted: Sequence[Failure | None] = [Failure("its answer was lost")] * len(messages)
        return deleted if result is LOST else result

    async def close(self) -> None:
        await self.inner.close()

    async def _call(self, call: Callable[[], Any], failed: Callable[..., Any]) -> Any:
        happens = self.fate.next()
        if happens == THROTTLED:
            return failed()
        if happens == REFUSED:
            return failed(retryable=False)
        if happens == DIES_BEFORE:
            self.fate.die()
        result = await call()
        if happens == DIES_AFTER:
            self.fate.die()
        return LOST if happens == LOST else result


Check = Callable[[World, Plan], Coroutine[Any, Any, None]]


def hold_for_all_plans(contract: Contract, world: Worlds, check: Check) -> None:
    """Check what holds under as many plans as the features say."""
    features = contract.features

    @settings(
        max_examples=features.examples,
        deadline=None,
        database=None,
        phases=list(Phase) if features.shrinks else [Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(PLANS)
    def holds(plan: Plan) -> None:
        async def run() -> None:
            async with world() as opened:
                await check(opened, plan)

        with asyncio.Runner(loop_factory=features.loop) as runner:
            runner.run(run())

    holds()


async def purged(world: World, plan: Plan) -> None:
    """Purge some messages, and see that what is gone was kept, and nothing else is gone."""
    source, kept = await world.queue(), list[str]()
    sent = [await source.send(OutgoingMessage(f"{group}{number}")) for number, group in enumerate(plan.groups)]
    bodies = {f"{group}{number}" for number, group in enumerate(plan.groups)}
    fate = Fate(plan.happens)
    for _ in range(len(plan.happens) + 2):
        inspector = Fated(await _inspector_of(source), fate)
        try:
            async with browsing(inspector, SECONDS, world.now) as look:
                purging = Purging(
                    look,
                    lambda letter: letter.message.body.startswith("g"),
                    lambda letters: kept.extend(letter.message.body for letter in letters),
                )
                if (await purging.run()).complete:
                    break
        except Died:
            fate.dead = False
            await world.pass_time(SECONDS + 1)
    await world.pass_time(1)
    left = {message.body for message in await emptied(source.consumer)}
    assert left | set(kept) == bodies, "something is lost"
    assert left == {body for body in bodies if body.startswith("h")}
    assert len(sent) == len(bodies)


async def moved(world: World, plan: Plan, *, fifo: bool) -> None:
    """Move messages, and see what is left, what is lost, and what is doubled."""
    source, target = await world.queue(fifo=fifo), await world.queue(fifo=fifo)
    bodies = {str(number): group for number, group in enumerate(plan.groups)}
    ids = {}
    for body, group in bodies.items():
        ids[await source.send(in_group(body, group) if fifo else OutgoingMessage(body))] = body
    journal, fate = MemoryJournal(), Fate(plan.happens)
    doubtful = set[str]()
    for _ in range(len(plan.happens) + 2):
        complete = await _once(world, (source, target), journal, fate, doubtful)
        if complete:
            break
    await world.pass_time(1)
    assert await source.counts() == (0, 0), "something is left where it was"
    there = [message.body for message in await emptied(target.consumer)]
    assert set(there) == set(bodies), "something is lost"
    doubled = {body for body, count in Counter(there).items() if count > 1}
    assert doubled <= {ids[name] for name in doubtful}, "something is doubled of which nobody said so"
    if fifo:
        assert not doubled
        for group in set(bodies.values()):
            assert [b for b in there if bodies[b] == group] == [b for b in bodies if bodies[b] == group]


async def _once(
    world: World, queues: tuple[Queue, Queue], journal: MemoryJournal, fate: Fate, doubtful: set[str]
) -> bool:
    """Move until that ends or dies, and say of what nobody knows about that it is to be sent again."""
    source, target = [Fated(await _inspector_of(queue), fate) for queue in queues]
    ordered = (await source.look()).ordered
    doubtful.update(name for name, noted in journal.noted.items() if noted.step in (Step.SENDING, Step.UNSURE))
    order = Order(wanted=lambda _: True, unsure=True)
    try:
        async with browsing(source, SECONDS, world.now) as look:
            moving = Moving(look, target, journal, order, ordered, clock=world.now, now=world.now)
            result = await moving.run()
    except Died:
        fate.dead = False
        await world.pass_time(SECONDS + 1)  # until then what it held is hidden
        return False
    return result.complete


async def _inspector_of(queue: Queue) -> Inspector:
    inspector = getattr(queue, "inspector", None)
    if inspector is None:
        pytest.skip("this queue cannot be looked into")
    opened: Inspector = await inspector()
    return opened
