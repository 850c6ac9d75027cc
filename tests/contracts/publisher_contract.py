"""What every publisher must show: inherit the class, and give it a `world`."""

import pytest
from worlds import World, in_group, received

from loafer.domain.message import Attribute, OutgoingMessage
from loafer.exceptions import PublisherError


class PublisherContract:
    async def test_a_message_is_published_as_it_is_and_its_id_is_returned(self, world: World) -> None:
        queue = await world.queue()
        attributes = {
            "kind": Attribute("new"),
            "count": Attribute("3", "Number"),
            "picture": Attribute(b"\x00\xff", "Binary"),
        }
        message_id = await (await queue.publisher()).publish(OutgoingMessage("é😀", attributes))
        [message] = await queue.consumer.receive(10)
        assert (message.id, message.body, message.attributes) == (message_id, "é😀", attributes)

    async def test_many_are_published_and_their_ids_come_in_order(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        bodies = [f"{number:02}" for number in range(23)]
        results = await (await queue.publisher()).publish_batch([in_group(body) for body in bodies])
        messages = await received(queue, 10)
        await queue.consumer.acknowledge(messages)
        messages += await queue.consumer.receive(10)
        assert [message.body for message in messages] == bodies[:20]
        assert [message.id for message in messages] == results[:20]
        assert len(set(results)) == 23

    async def test_publishing_none_is_no_mistake(self, world: World) -> None:
        queue = await world.queue()
        assert await (await queue.publisher()).publish_batch([]) == []

    async def test_a_delayed_message_is_visible_after_its_delay(self, world: World) -> None:
        queue = await world.queue()
        await (await queue.publisher()).publish(OutgoingMessage("later", delay=1))
        assert (await queue.counts())[0] == 0
        await world.pass_time(1.1)
        assert await queue.counts() == (1, 0)

    async def test_what_the_queue_refuses_is_a_publisher_error_and_nothing_is_sent(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        publisher = await queue.publisher()
        with pytest.raises(PublisherError):
            await publisher.publish(OutgoingMessage("a message without a group"))
        assert await queue.counts() == (0, 0)

    async def test_a_publisher_may_be_closed_twice_and_opened_again(self, world: World) -> None:
        queue = await world.queue()
        publisher = await queue.publisher()
        await publisher.close()
        await publisher.close()
        await publisher.open()
        await publisher.open()
        assert await publisher.publish(OutgoingMessage("here"))
        assert await queue.counts() == (1, 0)
