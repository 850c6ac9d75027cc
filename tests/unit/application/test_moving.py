"""Moving dead letters takes its time, and what is held stays hidden for as long as that is."""

import asyncio

import attrs
from memory_world import in_memory
from virtual_time import VirtualLoop

from loafer.adapters.memory.inspector import MemoryInspector
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.letters.browsing import browsing
from loafer.application.letters.moving import Moving
from loafer.application.letters.order import Moved, Order
from loafer.application.letters.reasons import explained
from loafer.domain.batch import Failure
from loafer.domain.failure import Reason
from loafer.domain.message import OutgoingMessage
from loafer.ports.inspector import Unsure
from loafer.testing.contracts.journal import MemoryJournal
from loafer.testing.contracts.world import plain, send_all


def moved_at(rate: float, count: int = 25) -> tuple[Moved, int, float, int]:
    """Return what came of a move of so many messages a second, copies, seconds, and the receives of a message left."""

    async def run() -> tuple[Moved, int, float, int]:
        async with in_memory() as world:
            source, target = await world.queue(), await world.queue()
            await send_all(source, plain(count + 1))
            order = Order(wanted=lambda letter: letter.message.body != "00000", rate=rate)
            began = world.now()
            async with browsing(MemoryInspector(source.queue), 60, world.now) as look:
                to = MemoryInspector(target.queue)
                moving = Moving(look, to, MemoryJournal(), order, ordered=False, clock=world.now, now=world.now)
                moved = await moving.run()
            took = world.now() - began
            [left] = await source.consumer.receive(10)
            return moved, len(target.queue), took, left.receive_count

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run())


def test_a_slow_move_keeps_hidden_what_waits_for_its_turn_and_what_it_does_not_want() -> None:
    for rate in (0.01, 0.1, 3):
        moved, copies, took, receives = moved_at(rate)
        assert (moved.complete, moved.sent, copies, receives) == (True, 25, 25, 2), rate
        assert 24 / rate <= took <= 24 / rate + 15


def stopped_by_what_comes_back(*, give_up: bool) -> None:
    """Check that a move stops whose copies come back: as they are, or given up there and moved back by their worker."""

    async def run() -> Moved:
        async with in_memory() as world:
            source, target = await world.queue(), await world.queue()
            await send_all(source, plain(12))
            async with browsing(MemoryInspector(source.queue), 60, world.now) as look:
                # The queue itself is what would be refused before.
                to = GivesUp(target.queue, letters=source.queue) if give_up else MemoryInspector(source.queue)
                order = Order(wanted=lambda _: True)
                moving = Moving(look, to, MemoryJournal(), order, ordered=False, clock=world.now, now=world.now)
                return await moving.run()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        moved = runner.run(run())
    assert moved.stopped is not None
    assert moved.stopped.startswith("what was sent comes back: ")
    assert moved.sent == moved.deleted < 24


@attrs.define(eq=False)
class GivesUp(MemoryInspector):
    """A queue whose worker gives up whatever comes, and moves it to the dead-letter queue `letters` itself."""

    letters: MemoryQueue = attrs.field(kw_only=True)

    async def send(self, message: OutgoingMessage) -> str | Failure | Unsure:
        sent = await super().send(message)
        [received] = self.queue.receive(1)
        copy = explained(received, Reason(error="ValueError", message_id=received.id))
        assert copy is not None
        self.letters.send(OutgoingMessage(copy.body, copy.attributes))
        self.queue.delete(received.receipt)
        return sent


def test_what_was_sent_and_comes_back_stops_the_move() -> None:
    stopped_by_what_comes_back(give_up=False)


def test_what_was_sent_and_is_given_up_at_once_stops_the_move_though_the_copy_has_another_id() -> None:
    stopped_by_what_comes_back(give_up=True)
