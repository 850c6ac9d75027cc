"""What every consumer must show on FIFO queues, and on queues with a dead-letter queue."""

import pytest
from worlds import World, in_group, is_lost, received

from loafer.domain.message import Attribute, OutgoingMessage


class FifoContract:
    async def test_a_group_is_locked_while_one_of_it_is_in_flight(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        for body in "123":
            await queue.send(in_group(body))
        for body in "123":
            [message] = await queue.consumer.receive(1)
            assert message.body == body
            assert not await queue.consumer.receive(10)
            await queue.consumer.acknowledge([message])

    async def test_groups_are_received_in_parallel_and_each_in_order(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        for body in "12":
            for group in "gh":
                await queue.send(in_group(body, group))
        messages = await received(queue, 4)
        for group in "gh":
            assert [message.body for message in messages if message.group == group] == ["1", "2"]

    async def test_a_message_that_comes_back_comes_before_its_followers(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3, fifo=True)
        for body in "12":
            await queue.send(in_group(body))
        await queue.consumer.receive(1)
        assert [message.body for message in await received(queue, 2)] == ["1", "2"]

    async def test_a_message_released_with_a_delay_keeps_its_group_locked(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        for body in "12":
            await queue.send(in_group(body))
        messages = await queue.consumer.receive(1)
        await queue.consumer.release(messages, [30])
        assert not await queue.consumer.receive(10)


class DeadLetterContract:
    async def test_a_message_is_moved_to_the_dead_letter_queue_as_it_is(self, world: World) -> None:
        queue = await world.queue(fifo=True, max_receive_count=3)
        await queue.send(OutgoingMessage("bad", {"kind": Attribute("new")}, group="g", deduplication_id="d"))
        await queue.send(in_group("good"))
        [bad] = await queue.consumer.receive(1)
        assert await queue.consumer.dead_letter(bad) is None
        [good] = await queue.consumer.receive(10)
        [letter] = await queue.dead_letters()
        assert good.body == "good"
        assert (letter.body, letter.group, letter.deduplication_id) == ("bad", "g", "d")
        assert letter.attributes == {"kind": Attribute("new")}

    async def test_without_a_dead_letter_queue_a_message_stays_and_is_not_tried_again(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("bad"))
        [message] = await queue.consumer.receive(1)
        assert is_lost(await queue.consumer.dead_letter(message))
        assert await queue.counts() == (0, 1)

    @pytest.mark.parametrize("fifo", [False, True])
    async def test_a_message_is_redriven_after_its_deliveries(self, world: World, *, fifo: bool) -> None:
        queue = await world.queue(fifo=fifo, max_receive_count=2)
        await queue.send(in_group("bad") if fifo else OutgoingMessage("bad"))
        for count in (1, 2):
            [message] = await queue.consumer.receive(1)
            assert message.receive_count == count
            await queue.consumer.release([message], [0])
        assert not await queue.consumer.receive(1)
        assert await queue.counts() == (0, 0)
        assert [letter.body for letter in await queue.dead_letters()] == ["bad"]
