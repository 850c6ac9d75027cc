"""What every consumer must show on queues with a dead-letter queue, and without one."""

from loafer.domain.limits import DEDUPLICATION_INTERVAL
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import (
    MOMENTS,
    Queue,
    World,
    bodies,
    cancelled_after,
    emptied,
    in_group,
    is_lost,
    plain,
    received,
    send_all,
)


class DeadLetterContract(Contract):
    """Moving a message, and being redriven."""

    @behaviour("redrive")
    async def test_a_message_is_moved_to_the_dead_letter_queue_as_it_is(self, world: World) -> None:
        queue = await world.queue(max_receive_count=3)
        await queue.send(OutgoingMessage("bad", {"kind": Attribute("new")}))
        [bad] = await queue.consumer.receive(1)
        assert await queue.consumer.dead_letter(bad) is None
        [letter] = await queue.dead_letters()
        assert (letter.body, letter.attributes) == ("bad", {"kind": Attribute("new")})
        assert await queue.counts() == (0, 0)

    @behaviour("redrive")
    async def test_a_move_that_is_cancelled_at_any_moment_loses_nothing(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=2, max_receive_count=100)
        sent = await send_all(queue, plain(MOMENTS))
        for turns, message in enumerate(await received(queue, MOMENTS)):
            await cancelled_after(turns, queue.consumer.dead_letter(message), world)
        await world.pass_time(2.1)
        left = await emptied(queue.consumer, acknowledge=False)
        letters = await queue.dead_letters()
        assert {message.body for message in (*left, *letters)} == set(sent)

    @behaviour("ordered", "redrive")
    async def test_a_message_moved_from_a_fifo_queue_keeps_its_group_and_lets_its_followers_through(
        self, world: World
    ) -> None:
        queue = await world.queue(fifo=True, max_receive_count=3)
        await queue.send(OutgoingMessage("bad", group="g", deduplication_id="d"))
        await queue.send(in_group("good"))
        [bad] = await queue.consumer.receive(1)
        assert await queue.consumer.dead_letter(bad) is None
        [good] = await queue.consumer.receive(10)
        [letter] = await queue.dead_letters()
        assert good.body == "good"
        assert (letter.body, letter.group, letter.deduplication_id) == ("bad", "g", bad.id)

    @behaviour("ordered", "redrive", "deduplicating")
    async def test_queues_that_share_a_dead_letter_queue_lose_nothing_of_equal_deduplication_ids(
        self, world: World
    ) -> None:
        first = await world.queue(fifo=True, max_receive_count=3)
        second = await world.queue(fifo=True, max_receive_count=3, letters_of=first)
        for queue in (first, second):
            await queue.send(OutgoingMessage("bad", group="g", deduplication_id="d"))
            [bad] = await queue.consumer.receive(1)
            assert await queue.consumer.dead_letter(bad) is None
        assert [letter.body for letter in await first.dead_letters()] == ["bad", "bad"]
        assert [await queue.counts() for queue in (first, second)] == [(0, 0), (0, 0)]

    @behaviour("ordered", "redrive", "deduplicating")
    async def test_a_queue_that_deduplicates_within_groups_loses_nothing_of_equal_deduplication_ids(
        self, world: World
    ) -> None:
        queue = await world.queue(fifo=True, max_receive_count=3, deduplication_scope="messageGroup")
        for group in "gh":
            await queue.send(OutgoingMessage(group, group=group, deduplication_id="d"))
        for bad in await received(queue, 2):
            assert await queue.consumer.dead_letter(bad) is None
        assert bodies(await queue.dead_letters()) == ["g", "h"]

    @behaviour("ordered", "redrive", "deduplicating")
    async def test_a_message_that_is_moved_and_redriven_and_moved_again_is_there(self, world: World) -> None:
        queue = await world.queue(fifo=True, max_receive_count=3)
        await queue.send(OutgoingMessage("bad", group="g", deduplication_id="d"))
        if self.features.time_is_virtual:
            await world.pass_time(DEDUPLICATION_INTERVAL + 1)  # else the queue itself takes no second "d"
        for group in "hi":  # the group of a letter that is received, and not deleted, gives no other one
            [bad] = await queue.consumer.receive(1)
            assert await queue.consumer.dead_letter(bad) is None
            [letter] = await queue.dead_letters()
            await queue.send(OutgoingMessage(letter.body, group=group, deduplication_id=letter.deduplication_id))
        assert [message.body for message in await queue.consumer.receive(10)] == ["bad"]

    @behaviour("ordered", "redrive", "deduplicating")
    async def test_a_message_that_is_moved_twice_is_there_once(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, fifo=True, max_receive_count=3)
        await queue.send(in_group("bad"))
        [bad] = await queue.consumer.receive(1)
        for consumer in (queue.consumer, await queue.another_consumer()):
            await consumer.dead_letter(bad)
        assert [letter.body for letter in await queue.dead_letters()] == ["bad"]

    @behaviour()
    async def test_without_a_dead_letter_queue_a_message_stays_and_is_not_tried_again(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("bad"))
        [message] = await queue.consumer.receive(1)
        assert is_lost(await queue.consumer.dead_letter(message))
        assert await queue.counts() == (0, 1)

    @behaviour("redrive")
    async def test_a_message_is_redriven_after_its_deliveries(self, world: World) -> None:
        await self._redriven(await world.queue(max_receive_count=2), OutgoingMessage("bad"))

    @behaviour("ordered", "redrive")
    async def test_a_message_of_a_fifo_queue_is_redriven_after_its_deliveries(self, world: World) -> None:
        await self._redriven(await world.queue(fifo=True, max_receive_count=2), in_group("bad"))

    @staticmethod
    async def _redriven(queue: Queue, message: OutgoingMessage) -> None:
        await queue.send(message)
        for count in (1, 2):
            [delivery] = await queue.consumer.receive(1)
            assert delivery.receive_count == count
            await queue.consumer.release([delivery], [0])
        assert not await queue.consumer.receive(1)
        assert await queue.counts() == (0, 0)
        assert [letter.body for letter in await queue.dead_letters()] == ["bad"]
