"""What every consumer must show on FIFO queues."""

from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import World, emptied, in_group, received


class FifoContract(Contract):
    """Groups are received in order, and one at a time."""

    @behaviour("ordered")
    async def test_a_group_is_locked_while_one_of_it_is_in_flight(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        for body in "123":
            await queue.send(in_group(body))
        for body in "123":
            [message] = await queue.consumer.receive(1)
            assert message.body == body
            assert not await queue.consumer.receive(10)
            await queue.consumer.acknowledge([message])

    @behaviour("ordered")
    async def test_groups_are_received_in_parallel_and_each_in_order(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        for body in "12":
            for group in "gh":
                await queue.send(in_group(body, group))
        messages = await received(queue, 4)
        for group in "gh":
            assert [message.body for message in messages if message.group == group] == ["1", "2"]

    @behaviour("ordered")
    async def test_a_message_that_comes_back_comes_before_its_followers(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3, fifo=True)
        for body in "12":
            await queue.send(in_group(body))
        await queue.consumer.receive(1)
        assert [message.body for message in await received(queue, 2)] == ["1", "2"]

    @behaviour("ordered")
    async def test_a_message_released_with_a_delay_keeps_its_group_locked(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        for body in "12":
            await queue.send(in_group(body))
        messages = await queue.consumer.receive(1)
        await queue.consumer.release(messages, [30])
        assert not await queue.consumer.receive(10)

    @behaviour("ordered")
    async def test_every_group_comes_in_its_order(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        sent = [f"{number:03}" for number in range(self.features.messages // 4)]
        for body in sent:
            for group in "ghij":
                await queue.send(in_group(body, group))
        came: dict[str | None, list[str]] = {}
        for message in await emptied(queue.consumer):
            came.setdefault(message.group, []).append(message.body)
        assert came == dict.fromkeys("ghij", sent)
