"""Random schedules on a consumer, compared step by step with the reference model of a queue."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.testing.contracts.behaviour import Contract
from loafer.testing.contracts.features import Features
from loafer.testing.contracts.model import Model, Moment
from loafer.testing.contracts.world import Queue, World, Worlds

T = TypeVar("T")

VISIBILITY_TIMEOUT = 2
WAIT_TIME = 1
DEAD_LETTERS = 10
"""How many messages there are where all of them may become dead letters: a world shows no more at once."""
SECONDS = st.sampled_from([0, 1, 3])


class QueueMachine(RuleBasedStateMachine):
    """One queue, one consumer, one event loop; every rule is one call, and the model says what may have happened."""

    queue: Queue
    model: Model

    def __init__(self, features: Features, world: Worlds, *, fifo: bool) -> None:
        """Open a world on an event loop of its own."""
        super().__init__()
        self.features, self.fifo = features, fifo
        self.runner = asyncio.Runner(loop_factory=features.loop)
        self.stack = AsyncExitStack()
        self.sound = True
        self.sends = 0
        self.world: World = self.run(self.stack.enter_async_context(world()))

    def run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run one step on the machine's event loop."""
        try:
            return self.runner.run(steps)
        except BaseException:
            self.sound = False
            raise

    @initialize(redriven=st.booleans())
    def open(self, *, redriven: bool) -> None:
        """Make the queue, with a dead-letter queue or without."""
        limit = 2 if redriven and self.features.redrive else None
        self.model = Model(
            VISIBILITY_TIMEOUT, limit, self.fifo, self.features.slack, self.features.refuses_ended_leases
        )
        making = self.world.queue(
            visibility_timeout=VISIBILITY_TIMEOUT, wait_time=WAIT_TIME, fifo=self.fifo, max_receive_count=limit
        )
        self.queue = self.run(making)

    @rule(groups=st.lists(st.sampled_from("gh"), min_size=1, max_size=4), delay=SECONDS)
    def send(self, groups: list[str], delay: int) -> None:
        """Send one message or several."""
        if self.model.max_receive_count is not None:
            groups = groups[: DEAD_LETTERS - self.sends]
        delayed = delay and not self.fifo and delay <= self.features.max_delay
        self.run(self._send(groups, delay if delayed else None))

    @rule(limit=st.integers(1, 5))
    def receive(self, limit: int) -> None:
        """Receive, for as long as the wait time."""
        self.run(self._receive(limit))

    @rule(turns=st.integers(0, 4), limit=st.integers(1, 3))
    def receive_and_cancel(self, turns: int, limit: int) -> None:
        """Cancel a receive after some turns of the event loop."""
        self.run(self._cancel(turns, limit))

    @precondition(lambda self: self.model.usable(old=self.features.refuses_old_receipts))
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Acknowledge deliveries, old ones too, and some twice."""
        self.run(self._acknowledge(self._some(data)))

    @precondition(lambda self: self.model.usable(old=self.features.refuses_old_receipts))
    @rule(data=st.data(), delay=SECONDS)
    def release(self, data: st.DataObject, delay: int) -> None:
        """Give deliveries back, old ones too."""
        self.run(self._hide(self._some(data, unique=True), delay, extending=False))

    @precondition(lambda self: self.model.usable(old=self.features.refuses_old_receipts))
    @rule(data=st.data(), seconds=st.integers(1, 4))
    def extend(self, data: st.DataObject, seconds: int) -> None:
        """Extend leases, lost ones too."""
        self.run(self._hide(self._some(data, unique=True), seconds, extending=True))

    @precondition(lambda self: self.model.max_receive_count and self.model.leased(self.world.now()))
    @rule(data=st.data())
    def dead_letter(self, data: st.DataObject) -> None:
        """Move a message to the dead-letter queue."""
        self.run(self._dead_letter(data))

    @rule(seconds=st.sampled_from([0.5, 1, 2.5]))
    def time_passes(self, seconds: float) -> None:
        """Let leases and delays end."""
        self.run(self.world.pass_time(seconds))

    def teardown(self) -> None:
        """Receive and acknowledge what is left, and see that nothing is lost; then close the world."""
        try:
            if self.sound and hasattr(self, "queue"):
                self.run(self._drain())
        finally:
            with self.runner:
                self.runner.run(self.stack.aclose())

    def _some(self, data: st.DataObject, *, unique: bool = False) -> list[Message]:
        deliveries = self.model.usable(old=self.features.refuses_old_receipts)[-6:]
        chosen = data.draw(st.lists(st.integers(0, len(deliveries) - 1), min_size=1, max_size=4, unique=unique))
        return [deliveries[position] for position in chosen]

    async def _send(self, groups: Sequence[str], delay: int | None) -> None:
        for group in groups:
            self.sends += 1
            body, attributes = f"{self.sends} é😀", {"number": Attribute(str(self.sends), "Number")}
            fifo = {"group": group, "deduplication_id": str(self.sends)} if self.fifo else {}
            message = OutgoingMessage(body, attributes, delay, **fifo)
            began = self.world.now()
            message_id = await self.queue.send(message)
            self.model.sent(message_id, message, Moment(began, self.world.now()))

    async def _receive(self, limit: int) -> Sequence[Message]:
        began = self.world.now()
        messages = await self.queue.consumer.receive(limit)
        self.model.received(messages, limit, Moment(began, self.world.now()), WAIT_TIME)
        return messages

    async def _cancel(self, turns: int, limit: int) -> None:
        began = self.world.now()
        receiving = asyncio.create_task(self.queue.consumer.receive(limit))
        for _ in range(turns):
            await self.world.pass_time(0)
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            messages = await receiving
            self.model.received(messages, limit, Moment(began, self.world.now()), 0)
            return
        if self.features.abandoned_polls:
            await self.world.pass_time(WAIT_TIME + self.features.slack)
        self.model.cancelled(Moment(began, self.world.now()), limit)

    async def _acknowledge(self, messages: Sequence[Message]) -> None:
        began = self.world.now()
        results = await self.queue.consumer.acknowledge(messages)
        self.model.acknowledged(messages, results, Moment(began, self.world.now()))

    async def _hide(self, messages: Sequence[Message], seconds: float, *, extending: bool) -> None:
        began, delays = self.world.now(), [seconds] * len(messages)
        consumer = self.queue.consumer
        results = await (consumer.extend(messages, seconds) if extending else consumer.release(messages, delays))
        self.model.hidden(messages, delays, results, Moment(began, self.world.now()))

    async def _dead_letter(self, data: st.DataObject) -> None:
        message = data.draw(st.sampled_from(self.model.leased(self.world.now())))
        self.model.dead_lettered(message, await self.queue.consumer.dead_letter(message))

    async def _drain(self) -> None:
        latest = max((known.hidden.ended for known in self.model.known.values()), default=0)
        await self.world.pass_time(max(0.0, latest - self.world.now()) + 2 * self.features.slack)
        empty = 0
        while empty < (1 if self.model.max_receive_count is None else 2):
            messages = await self._receive(min(10, self.features.max_batch))
            await self._acknowledge(messages)
            empty = 0 if messages else empty + 1
        letters: list[Message] = []
        while self.model.max_receive_count is not None and (found := await self.queue.dead_letters()):
            letters += found
        self.model.drained([letter.body for letter in letters])


class ModelContract(Contract):
    """A consumer does on random schedules what the model of a queue allows."""

    def test_a_standard_queue_does_what_the_model_allows(self, world: Worlds) -> None:
        """Send, receive, settle, wait, in any order."""
        self.skip_without("test_a_standard_queue_does_what_the_model_allows", ())
        run(self.features, world, fifo=False)

    def test_a_fifo_queue_does_what_the_model_allows(self, world: Worlds) -> None:
        """Send, receive, settle, wait, in any order, with groups."""
        self.skip_without("test_a_fifo_queue_does_what_the_model_allows", ("ordered",))
        run(self.features, world, fifo=True)


def run(features: Features, world: Worlds, *, fifo: bool) -> None:
    """Run as many schedules as the features say."""

    class Machine(QueueMachine):
        def __init__(self) -> None:
            super().__init__(features, world, fifo=fifo)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=features.examples,
            stateful_step_count=features.steps,
            deadline=None,
            report_multiple_bugs=False,
            phases=list(Phase) if features.shrinks else [Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
