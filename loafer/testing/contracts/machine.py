"""Random schedules on a consumer, compared step by step with the reference model of a queue."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
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

from loafer.domain.message import Message
from loafer.testing.contracts.behaviour import Contract
from loafer.testing.contracts.features import Features
from loafer.testing.contracts.model import Model
from loafer.testing.contracts.steps import WAIT_TIME, Steps
from loafer.testing.contracts.world import World, Worlds

T = TypeVar("T")

VISIBILITY_TIMEOUT = 2
CONSUMERS = st.integers(0, 1)
GROUPS = st.lists(st.sampled_from("gh"), min_size=1, max_size=4)
DEAD_LETTERS = 10
"""How many messages there are where all of them may become dead letters: a world shows no more at once."""
SECONDS = st.sampled_from([0, 1, 3])


class QueueMachine(RuleBasedStateMachine):
    """One queue, two consumers, one event loop; every rule is one call, and the model says what may have happened."""

    steps: Steps

    def __init__(self, features: Features, world: Worlds, *, fifo: bool) -> None:
        """Open a world on an event loop of its own."""
        super().__init__()
        self.features, self.fifo = features, fifo
        self.runner = asyncio.Runner(loop_factory=features.loop)
        self.stack = AsyncExitStack()
        self.sound = True
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
        model = Model(VISIBILITY_TIMEOUT, limit, self.fifo, self.features.slack, self.features.refuses_ended_leases)
        making = self.world.queue(
            visibility_timeout=VISIBILITY_TIMEOUT, wait_time=WAIT_TIME, fifo=self.fifo, max_receive_count=limit
        )
        self.steps = Steps(self.features, self.world, self.run(making), model)
        self.run(self.steps.begin())

    @rule(groups=GROUPS, delay=SECONDS)
    def send(self, groups: list[str], delay: int) -> None:
        """Send one message or several, past the code under test."""
        self.run(self.steps.send(self._fitting(groups), self._delay(delay)))

    @precondition(lambda self: self.features.same_id)
    @rule(groups=GROUPS, delay=SECONDS)
    def publish_batch(self, groups: list[str], delay: int) -> None:
        """Publish some messages at once."""
        self.run(self.steps.publish_batch(self._fitting(groups), self._delay(delay)))

    @rule(limit=st.integers(1, 5), consumer=CONSUMERS)
    def receive(self, limit: int, consumer: int) -> None:
        """Receive, for as long as the wait time."""
        self.run(self.steps.receive(limit, consumer))

    @rule(turns=st.integers(0, 4), limit=st.integers(1, 3), consumer=CONSUMERS)
    def receive_and_cancel(self, turns: int, limit: int, consumer: int) -> None:
        """Cancel a receive after some turns of the event loop."""
        self.run(self.steps.receive_and_cancel(turns, limit, consumer))

    @rule(consumer=CONSUMERS)
    def close_and_open(self, consumer: int) -> None:
        """Close a consumer, and open it again: what it holds stays its own."""
        self.run(self.steps.close_and_open(consumer))

    @precondition(lambda self: self._usable())
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Acknowledge deliveries, old ones too, and some twice."""
        self.run(self.steps.acknowledge(self._some(data)))

    @precondition(lambda self: self._usable())
    @rule(data=st.data(), delay=SECONDS)
    def release(self, data: st.DataObject, delay: int) -> None:
        """Give deliveries back, old ones too."""
        self.run(self.steps.hide(self._some(data, unique=True), delay, extending=False))

    @precondition(lambda self: self._usable())
    @rule(data=st.data(), seconds=st.integers(1, 4))
    def extend(self, data: st.DataObject, seconds: int) -> None:
        """Extend leases, lost ones too."""
        self.run(self.steps.hide(self._some(data, unique=True), seconds, extending=True))

    @precondition(lambda self: self.steps.model.max_receive_count and self.steps.leased())
    @rule(data=st.data())
    def dead_letter(self, data: st.DataObject) -> None:
        """Move a message to the dead-letter queue."""
        self.run(self.steps.dead_letter(data.draw(st.sampled_from(self.steps.leased()))))

    @rule(seconds=st.sampled_from([0.5, 1, 2.5]))
    def time_passes(self, seconds: float) -> None:
        """Let leases and delays end."""
        self.run(self.world.pass_time(seconds))

    def teardown(self) -> None:
        """Receive and acknowledge what is left, and see that nothing is lost; then close the world."""
        try:
            if self.sound and hasattr(self, "steps"):
                self.run(self.steps.drain())
        finally:
            with self.runner:
                self.runner.run(self.stack.aclose())

    def _fitting(self, groups: list[str]) -> list[str]:
        limited = self.steps.model.max_receive_count is not None
        return groups[: DEAD_LETTERS - self.steps.sends] if limited else groups

    def _delay(self, seconds: int) -> int | None:
        return seconds if seconds and not self.fifo and seconds <= self.features.max_delay else None

    def _usable(self) -> list[Message]:
        return self.steps.model.usable(old=self.features.refuses_old_receipts)

    def _some(self, data: st.DataObject, *, unique: bool = False) -> list[Message]:
        """Draw deliveries of one consumer."""
        newest = self._usable()[-6:]
        consumer = data.draw(st.sampled_from(sorted({self.steps.receiver[message.receipt] for message in newest})))
        own = [message for message in newest if self.steps.receiver[message.receipt] == consumer]
        chosen = data.draw(st.lists(st.integers(0, len(own) - 1), min_size=1, max_size=4, unique=unique))
        return [own[position] for position in chosen]


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
