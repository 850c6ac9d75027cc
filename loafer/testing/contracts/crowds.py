"""What consumers must show when there are many of them, or many queues, or many messages."""

import asyncio

from loafer.domain.message import Attribute, OutgoingMessage
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import Queue, World, bodies, emptied, plain, received, send_all


class CrowdContract(Contract):
    """Many at once: nothing is lost, nothing is there twice, nothing leaks."""

    @behaviour()
    async def test_many_messages_arrive_with_what_each_was_sent_with(self, world: World) -> None:
        queue = await world.queue()
        sent = {f"{n:05}": {"number": Attribute(str(n), "Number")} for n in range(self.features.messages)}
        await send_all(queue, [OutgoingMessage(body, attributes) for body, attributes in sent.items()])
        messages = await received(queue, len(sent))
        assert {message.body: message.attributes for message in messages} == sent
        assert len({message.id for message in messages}) == len(sent)

    @behaviour()
    async def test_concurrent_consumers_share_the_messages_and_none_is_received_twice(self, world: World) -> None:
        queue = await world.queue()
        sent = await send_all(queue, plain(self.features.messages))
        consumers = await asyncio.gather(*(queue.another_consumer() for _ in range(5)))
        came = await asyncio.gather(*(emptied(consumer, limit=3) for consumer in consumers))
        assert bodies([message for messages in came for message in messages]) == sent
        assert await queue.counts() == (0, 0)

    @behaviour()
    async def test_concurrent_receives_of_one_consumer_bring_different_messages(self, world: World) -> None:
        queue = await world.queue(wait_time=1)
        sent = await send_all(queue, plain(3))
        came = await asyncio.gather(*(queue.consumer.receive(1) for _ in range(6)))
        assert bodies([message for messages in came for message in messages]) == sent

    @behaviour()
    async def test_queues_do_not_leak_into_one_another(self, world: World) -> None:
        queues = [await world.queue() for _ in range(3)]
        sends = [[OutgoingMessage(f"{number}-{body}") for body in "123"] for number in range(3)]
        sent = await asyncio.gather(*(send_all(queue, some) for queue, some in zip(queues, sends, strict=True)))
        came = await asyncio.gather(*(received(queue, 3) for queue in queues))
        assert [bodies(messages) for messages in came] == sent

    @behaviour()
    async def test_consumers_that_are_opened_and_closed_at_once_lose_nothing(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=2)
        sent = await send_all(queue, plain(self.features.messages // 2))
        await asyncio.gather(*(opened_and_closed(queue) for _ in range(10)))
        await world.pass_time(2.1)
        assert bodies(await received(queue, len(sent))) == sent


async def opened_and_closed(queue: Queue) -> None:
    """Open one more consumer, receive something, and close it."""
    consumer = await queue.another_consumer()
    await consumer.receive(2)
    await consumer.close()
