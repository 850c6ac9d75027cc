"""What every consumer must show when it receives."""

import asyncio

import pytest

from loafer.domain.message import Attribute, OutgoingMessage
from loafer.ports.consumer import SourceInfo
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import PECULIAR, World, changeable, plain, received, send_all


class ReceivingContract(Contract):
    """Opening, receiving and closing."""

    @behaviour()
    async def test_a_consumer_tells_what_its_source_is(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=45)
        assert await queue.consumer.open() == SourceInfo(45, ordered=False, max_receive_count=None)

    @behaviour("ordered", "redrive")
    async def test_a_consumer_tells_that_its_source_is_ordered_and_redrives(self, world: World) -> None:
        queue = await world.queue(fifo=True, max_receive_count=3)
        assert await queue.consumer.open() == SourceInfo(30, ordered=True, max_receive_count=3)

    @behaviour()
    async def test_the_visibility_timeout_that_a_consumer_told_holds_until_it_looks_again(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=30)
        await changeable(queue).change(visibility_timeout=1)
        await queue.send(OutgoingMessage("here"))
        await queue.consumer.receive(1)
        await world.pass_time(1.1)
        assert await queue.counts() == (0, 1)

    @behaviour()
    async def test_a_consumer_that_looks_again_receives_with_the_visibility_timeout_of_now(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=30)
        await changeable(queue).change(visibility_timeout=1)
        info = await queue.consumer.look_again()
        if info is None:
            pytest.skip("this consumer does not look again")
        assert info == SourceInfo(1)
        await queue.send(OutgoingMessage("here"))
        await queue.consumer.receive(1)
        await world.pass_time(1.1)
        assert await queue.counts() == (1, 0)

    @behaviour()
    async def test_a_message_comes_with_all_that_was_sent(self, world: World) -> None:
        queue = await world.queue()
        attributes = {
            "kind": Attribute("new"),
            "count": Attribute("-3.50", "Number"),
            "id": Attribute("x", "String.id"),
        }
        sent = {await queue.send(OutgoingMessage(body, attributes)): body for body in PECULIAR}
        messages = await received(queue, len(sent))
        assert {message.id: message.body for message in messages} == sent
        for message in messages:
            assert (message.attributes, message.receive_count) == (attributes, 1)
            assert message.sent_at is not None

    @behaviour()
    async def test_a_binary_attribute_comes_as_bytes(self, world: World) -> None:
        queue = await world.queue()
        attributes = {"seal": Attribute(b"\x00\xff", "Binary"), "picture": Attribute(b"x", "Binary.png")}
        await queue.send(OutgoingMessage("here", attributes))
        [message] = await queue.consumer.receive(1)
        assert message.attributes == attributes

    @behaviour("ordered")
    async def test_a_message_of_a_fifo_queue_comes_with_its_group_and_its_deduplication_id(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        await queue.send(OutgoingMessage("here", group="g", deduplication_id="d"))
        [message] = await queue.consumer.receive(10)
        assert (message.group, message.deduplication_id) == ("g", "d")

    @behaviour()
    async def test_a_receive_brings_no_more_than_it_was_asked_for(self, world: World) -> None:
        queue = await world.queue()
        for number in range(3):
            await queue.send(OutgoingMessage(str(number)))
        assert 1 <= len(await queue.consumer.receive(2)) <= 2

    @behaviour()
    async def test_a_receive_brings_no_more_than_a_batch(self, world: World) -> None:
        queue = await world.queue()
        size = queue.consumer.batch_size
        assert size <= self.features.max_batch
        await send_all(queue, plain(size + 3))
        assert 1 <= len(await queue.consumer.receive(10 * size)) <= size

    @behaviour()
    async def test_a_receive_brings_nothing_after_its_wait_time(self, world: World) -> None:
        queue = await world.queue(wait_time=1)
        began = world.now()
        assert not await queue.consumer.receive(10)
        assert 0.9 <= world.now() - began < 5

    @behaviour()
    async def test_a_receive_waits_no_longer_than_it_is_allowed_to(self, world: World) -> None:
        queue = await world.queue(wait_time=10)
        queue.consumer.wait_at_most(1)
        if queue.consumer.wait_time == 10:
            return
        assert queue.consumer.wait_time == 1
        began = world.now()
        assert not await queue.consumer.receive(10)
        assert 0.9 <= world.now() - began < 5
        queue.consumer.wait_at_most(None)
        assert queue.consumer.wait_time == 10

    @behaviour()
    async def test_a_receive_that_waits_brings_what_is_sent_meanwhile(self, world: World) -> None:
        queue = await world.queue(wait_time=10)
        receiving = asyncio.create_task(queue.consumer.receive(10))
        await world.pass_time(0.2)
        message_id = await queue.send(OutgoingMessage("here"))
        assert [message.id for message in await receiving] == [message_id]

    @behaviour()
    async def test_receives_that_run_at_once_do_not_wait_for_one_another(self, world: World) -> None:
        queue = await world.queue(wait_time=1)
        number = min(3, queue.consumer.max_polls)
        began = world.now()
        assert not any(await asyncio.gather(*(queue.consumer.receive(1) for _ in range(number))))
        assert world.now() - began < 1.9

    @behaviour()
    async def test_a_receive_gives_the_event_loop_a_turn(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("here"))
        turns: list[int] = []
        asyncio.get_running_loop().call_soon(turns.append, 1)
        assert await queue.consumer.receive(10)
        assert turns

    @behaviour()
    async def test_a_received_message_is_invisible(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("here"))
        await queue.consumer.receive(1)
        assert await queue.counts() == (0, 1)
        assert not await queue.consumer.receive(1)

    @behaviour()
    async def test_what_is_not_acknowledged_comes_back_after_the_visibility_timeout(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        await queue.send(OutgoingMessage("again"))
        [first] = await queue.consumer.receive(1)
        began = world.now()
        [second] = await queue.consumer.receive(1)
        assert world.now() - began > 0.5
        assert (second.id, second.receive_count) == (first.id, 2)
        assert second.receipt != first.receipt

    @behaviour()
    async def test_a_cancelled_receive_loses_nothing(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        receiving = asyncio.create_task(queue.consumer.receive(1))
        await world.pass_time(0.2)
        receiving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await receiving
        message_id = await queue.send(OutgoingMessage("here"))
        assert [message.id for message in await received(queue, 1)] == [message_id]

    @behaviour()
    async def test_a_consumer_may_be_closed_twice_and_opened_again(self, world: World) -> None:
        queue = await world.queue()
        await queue.consumer.close()
        await queue.consumer.close()
        await queue.consumer.open()
        await queue.send(OutgoingMessage("here"))
        assert len(await queue.consumer.receive(1)) == 1
