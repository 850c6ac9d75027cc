"""What every inspector must show: that looking changes nothing but a receive, and that nothing is lost by a move."""

from functools import partial
from typing import Protocol, runtime_checkable

import pytest

from loafer.application.letters.browsing import WAIT, browsing
from loafer.domain.batch import Failure
from loafer.domain.limits import LARGEST_MESSAGE
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.ports.inspector import Inspector, Letter
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.moves import hold_for_all_plans, moved, purged
from loafer.testing.contracts.world import Queue, World, Worlds, in_group, plain, send_all

KINDS = {"kind": Attribute("é"), "n": Attribute("1.50", "Number.float"), "raw": Attribute(b"\x00\xff", "Binary.png")}
HIDDEN = 20


@runtime_checkable
class Inspectable(Protocol):
    """A queue that can be looked into."""

    async def inspector(self) -> Inspector:
        """Return one more open inspector of the queue."""
        ...


async def inspector_of(queue: Queue) -> Inspector:
    """Return an inspector of a queue; skip the test where there is none."""
    if not isinstance(queue, Inspectable):
        pytest.skip("this queue cannot be looked into")
    return await queue.inspector()


class InspectorContract(Contract):
    """A subclass gives a fixture `world`, whose queues are `Inspectable`, and `features`."""

    @behaviour()
    async def test_a_look_shows_every_message_once_and_gives_all_of_them_back_at_once(self, world: World) -> None:
        queue = await world.queue()
        sent = await send_all(queue, plain(25))
        inspector = await inspector_of(queue)
        seen: list[Letter] = []
        async with browsing(inspector, 60, world.now) as look:
            async for letters in look:
                seen += letters
            assert sorted(letter.message.body for letter in seen) == sent
            assert await queue.counts() == (0, 25)
        assert (look.seen, look.left_hidden) == (25, 0)
        assert await queue.counts() == (25, 0)
        again = await inspector.browse(1, HIDDEN, 0)
        assert again[0].message.receive_count == 2

    @behaviour()
    async def test_a_look_that_is_stopped_gives_back_what_it_has(self, world: World) -> None:
        queue = await world.queue()
        await send_all(queue, plain(25))
        stop: list[bool] = []
        async with browsing(await inspector_of(queue), 60, world.now, lambda: bool(stop)) as look:
            await look.more()
            stop.append(True)
            assert not await look.more()
        assert await queue.counts() == (25, 0)

    @behaviour()
    async def test_what_is_looked_at_stays_hidden_for_as_long_as_that_takes(self, world: World) -> None:
        queue = await world.queue()
        await send_all(queue, plain(3))
        async with browsing(await inspector_of(queue), 4, world.now) as look:
            for _ in range(3):
                await look.more()
                await world.pass_time(2.5)
            assert look.seen == 3
        assert await queue.counts() == (3, 0)

    @behaviour()
    async def test_a_message_is_sent_as_it_is_and_confirmed(self, world: World) -> None:
        queue = await world.queue()
        inspector = await inspector_of(queue)
        copy = await inspector.send(OutgoingMessage(" é\r\n", KINDS))
        [letter] = await inspector.browse(10, HIDDEN, WAIT)
        assert (letter.message.id, letter.message.body) == (copy, " é\r\n")
        assert dict(letter.message.attributes) == KINDS

    @behaviour()
    async def test_a_message_that_the_queue_does_not_take_is_refused_for_good(self, world: World) -> None:
        inspector = await inspector_of(await world.queue())
        result = await inspector.send(OutgoingMessage("x" * (LARGEST_MESSAGE + 1)))
        assert isinstance(result, Failure)
        assert not result.retryable
        assert isinstance(await inspector.send(OutgoingMessage("small")), str)

    @behaviour()
    async def test_messages_are_deleted(self, world: World) -> None:
        queue = await world.queue()
        await send_all(queue, plain(12))
        inspector = await inspector_of(queue)
        gone = [letter.message for _ in range(2) for letter in await inspector.browse(10, HIDDEN, WAIT)]
        assert await inspector.delete(gone) == [None] * len(gone)
        visible, hidden = await queue.counts()
        assert visible + hidden == 12 - len(gone)

    @behaviour("redrive")
    async def test_a_queue_tells_how_much_is_on_it_and_where_it_gives_up(self, world: World) -> None:
        queue = await world.queue(max_receive_count=2)
        await send_all(queue, plain(3))
        inspector = await inspector_of(queue)
        await inspector.browse(1, HIDDEN, 0)
        state = await inspector.look()
        assert (state.visible, state.hidden, state.total, state.ordered) == (2, 1, 3, False)
        assert state.dead_letters

    @behaviour("redrive")
    async def test_a_dead_letter_queue_tells_which_queues_are_its_sources(self, world: World) -> None:
        assert await (await inspector_of(await world.queue(max_receive_count=2))).sources() == []

    @behaviour("ordered")
    async def test_on_a_fifo_queue_what_is_looked_at_hides_the_rest_of_its_group_and_nothing_else(
        self, world: World
    ) -> None:
        queue = await world.queue(fifo=True)
        for body in ("1", "2"):
            await queue.send(in_group(body))
        inspector = await inspector_of(queue)
        [first] = await inspector.browse(1, HIDDEN, 0)
        assert not await inspector.browse(10, HIDDEN, 0)
        await queue.send(in_group("3", "h"))
        [other] = await inspector.browse(10, HIDDEN, 0)
        assert (first.message.body, other.message.body) == ("1", "3")
        await inspector.release([first.message, other.message])
        assert len(await inspector.browse(10, HIDDEN, WAIT)) == 3

    def test_nothing_is_lost_by_a_move_that_dies_anywhere_and_doubled_only_where_nobody_can_know(
        self, world: Worlds
    ) -> None:
        name = "test_nothing_is_lost_by_a_move_that_dies_anywhere_and_doubled_only_where_nobody_can_know"
        self.skip_without(name, ())
        hold_for_all_plans(self, world, partial(moved, fifo=False))

    def test_on_a_fifo_queue_a_move_that_dies_and_goes_on_within_five_minutes_doubles_nothing_and_keeps_the_order(
        self, world: Worlds
    ) -> None:
        name = (
            "test_on_a_fifo_queue_a_move_that_dies_and_goes_on_within_five_minutes_doubles_nothing_and_keeps_the_order"
        )
        self.skip_without(name, ("ordered", "deduplicating"))
        hold_for_all_plans(self, world, partial(moved, fifo=True))

    def test_a_purge_that_dies_anywhere_loses_nothing_that_was_not_kept_before(self, world: Worlds) -> None:
        self.skip_without("test_a_purge_that_dies_anywhere_loses_nothing_that_was_not_kept_before", ())
        hold_for_all_plans(self, world, purged)
