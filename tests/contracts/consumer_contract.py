"""What every consumer must show: inherit the class, and give it a `world`."""

import asyncio

import pytest
from fifo_contract import DeadLetterContract, FifoContract
from worlds import World, is_lost, needs, received

from loafer.domain.message import Attribute, OutgoingMessage
from loafer.ports.consumer import SourceInfo


class ReceivingContract:
    async def test_a_consumer_tells_what_its_source_is(self, world: World) -> None:
        plain = await world.queue(visibility_timeout=45)
        fifo = await world.queue(fifo=True, max_receive_count=3)
        assert await plain.consumer.open() == SourceInfo(45, ordered=False, max_receive_count=None)
        assert await fifo.consumer.open() == SourceInfo(30, ordered=True, max_receive_count=3)

    async def test_a_message_comes_with_all_that_was_sent(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        message_id = await queue.send(
            OutgoingMessage("é😀", {"kind": Attribute("new")}, group="g", deduplication_id="d")
        )
        [message] = await queue.consumer.receive(10)
        assert (message.id, message.body, message.receive_count) == (message_id, "é😀", 1)
        assert (message.group, message.deduplication_id) == ("g", "d")
        assert message.attributes == {"kind": Attribute("new")}
        assert message.sent_at is not None

    async def test_a_receive_brings_no_more_than_it_was_asked_for(self, world: World) -> None:
        queue = await world.queue()
        for number in range(3):
            await queue.send(OutgoingMessage(str(number)))
        assert 1 <= len(await queue.consumer.receive(2)) <= 2

    async def test_a_receive_brings_nothing_after_its_wait_time(self, world: World) -> None:
        queue = await world.queue(wait_time=1)
        began = world.now()
        assert not await queue.consumer.receive(10)
        assert 0.9 <= world.now() - began < 5

    async def test_a_receive_that_waits_brings_what_is_sent_meanwhile(self, world: World) -> None:
        queue = await world.queue(wait_time=10)
        receiving = asyncio.create_task(queue.consumer.receive(10))
        await world.pass_time(0.2)
        message_id = await queue.send(OutgoingMessage("here"))
        assert [message.id for message in await receiving] == [message_id]

    async def test_a_receive_gives_the_event_loop_a_turn(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("here"))
        turns: list[int] = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        assert await queue.consumer.receive(10)
        assert turns

    async def test_a_received_message_is_invisible(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("here"))
        await queue.consumer.receive(1)
        assert await queue.counts() == (0, 1)
        assert not await queue.consumer.receive(1)

    async def test_what_is_not_acknowledged_comes_back_after_the_visibility_timeout(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        await queue.send(OutgoingMessage("again"))
        [first] = await queue.consumer.receive(1)
        began = world.now()
        [second] = await queue.consumer.receive(1)
        assert world.now() - began > 0.5
        assert (second.id, second.receive_count) == (first.id, 2)
        assert second.receipt != first.receipt

    async def test_a_cancelled_receive_loses_nothing(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        receiving = asyncio.create_task(queue.consumer.receive(1))
        await world.pass_time(0.2)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        message_id = await queue.send(OutgoingMessage("here"))
        assert [message.id for message in await received(queue, 1)] == [message_id]

    async def test_a_consumer_may_be_closed_twice_and_opened_again(self, world: World) -> None:
        queue = await world.queue()
        await queue.consumer.close()
        await queue.consumer.close()
        await queue.consumer.open()
        await queue.send(OutgoingMessage("here"))
        assert len(await queue.consumer.receive(1)) == 1


class SettlingContract:
    async def test_an_acknowledged_message_is_gone(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1)
        await queue.send(OutgoingMessage("done"))
        assert await queue.consumer.acknowledge(await queue.consumer.receive(1)) == [None]
        await world.pass_time(1.1)
        assert await queue.counts() == (0, 0)

    async def test_a_released_message_is_visible_at_once(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("again"))
        [first] = await queue.consumer.receive(1)
        assert await queue.consumer.release([first], [0]) == [None]
        [second] = await queue.consumer.receive(1)
        assert (second.id, second.receive_count) == (first.id, 2)

    async def test_messages_released_with_a_delay_are_visible_after_it(self, world: World) -> None:
        queue = await world.queue()
        for number in range(3):
            await queue.send(OutgoingMessage(str(number)))
        messages = await received(queue, 3)
        assert await queue.consumer.release(messages, [0, 1, 30]) == [None] * 3
        assert await queue.counts() == (1, 2)
        await world.pass_time(1.1)
        assert await queue.counts() == (2, 1)

    async def test_an_extended_message_stays_away(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1)
        await queue.send(OutgoingMessage("mine"))
        messages = await queue.consumer.receive(1)
        assert await queue.consumer.extend(messages, 30) == [None]
        await world.pass_time(1.1)
        assert await queue.counts() == (0, 1)

    async def test_what_was_acknowledged_cannot_be_extended_or_released_ever_again(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("done"))
        messages = await queue.consumer.receive(1)
        await queue.consumer.acknowledge(messages)
        [extended] = await queue.consumer.extend(messages, 30)
        [released] = await queue.consumer.release(messages, [0])
        assert is_lost(extended)
        assert is_lost(released)

    async def test_an_old_receipt_extends_nothing(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("again"))
        old = await queue.consumer.receive(1)
        await queue.consumer.release(old, [0])
        await queue.consumer.receive(1)
        [extended] = await queue.consumer.extend(old, 30)
        assert is_lost(extended)

    async def test_batches_are_of_any_size(self, world: World) -> None:
        queue = await world.queue()
        for number in range(23):
            await queue.send(OutgoingMessage(str(number)))
        messages = await received(queue, 23)
        assert await queue.consumer.extend(messages, 60) == [None] * 23
        assert await queue.consumer.acknowledge(messages) == [None] * 23
        assert await queue.counts() == (0, 0)
        assert await queue.consumer.acknowledge([]) == []

    async def test_results_come_in_the_order_of_the_entries(self, world: World) -> None:
        queue = await world.queue()
        for number in range(12):
            await queue.send(OutgoingMessage(str(number)))
        messages = await received(queue, 12)
        await queue.consumer.acknowledge([messages[1], messages[11]])
        results = await queue.consumer.extend(messages, 60)
        assert [position for position, result in enumerate(results) if is_lost(result)] == [1, 11]

    async def test_a_message_that_is_in_a_batch_twice_does_no_harm(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("once"))
        [message] = await queue.consumer.receive(1)
        assert await queue.consumer.extend([message, message], 30) == [None, None]
        await queue.consumer.release([message, message], [0, 0])
        [again] = await queue.consumer.receive(10)
        assert await queue.consumer.acknowledge([again, again]) == [None, None]
        assert await queue.counts() == (0, 0)

    async def test_acknowledging_again_succeeds(self, world: World) -> None:
        needs(world, "repeated acknowledgement")
        queue = await world.queue()
        await queue.send(OutgoingMessage("done"))
        messages = await queue.consumer.receive(1)
        assert await queue.consumer.acknowledge(messages) == [None]
        assert await queue.consumer.acknowledge(messages) == [None]


class ConsumerContract(ReceivingContract, SettlingContract, FifoContract, DeadLetterContract):
    """Everything that a consumer must show."""
