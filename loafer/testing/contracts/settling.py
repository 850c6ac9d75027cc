"""What every consumer must show when it acknowledges, releases and extends."""

from loafer.domain.message import OutgoingMessage
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import World, is_lost, plain, received, send_all


class SettlingContract(Contract):
    """Settling what was received, in batches."""

    @behaviour()
    async def test_an_acknowledged_message_is_gone(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1)
        await queue.send(OutgoingMessage("done"))
        assert await queue.consumer.acknowledge(await queue.consumer.receive(1)) == [None]
        await world.pass_time(1.1)
        assert await queue.counts() == (0, 0)

    @behaviour()
    async def test_a_released_message_is_visible_at_once(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("again"))
        [first] = await queue.consumer.receive(1)
        assert await queue.consumer.release([first], [0]) == [None]
        [second] = await queue.consumer.receive(1)
        assert (second.id, second.receive_count) == (first.id, 2)

    @behaviour()
    async def test_messages_released_with_a_delay_are_visible_after_it(self, world: World) -> None:
        queue = await world.queue()
        for number in range(3):
            await queue.send(OutgoingMessage(str(number)))
        messages = await received(queue, 3)
        assert await queue.consumer.release(messages, [0, 1, 30]) == [None] * 3
        assert await queue.counts() == (1, 2)
        await world.pass_time(1.1)
        assert await queue.counts() == (2, 1)

    @behaviour()
    async def test_an_extended_message_stays_away(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1)
        await queue.send(OutgoingMessage("mine"))
        messages = await queue.consumer.receive(1)
        assert await queue.consumer.extend(messages, 30) == [None]
        await world.pass_time(1.1)
        assert await queue.counts() == (0, 1)

    @behaviour("time_is_virtual")
    async def test_a_long_delay_and_a_long_extension_last_to_their_end_and_no_longer(self, world: World) -> None:
        queue, longest = await world.queue(), self.features.max_visibility - 5  # it is counted from the receipt
        await send_all(queue, plain(2))
        released, extended = await received(queue, 2)
        assert await queue.consumer.extend([extended], longest) == [None]
        assert await queue.consumer.release([released], [longest / 2]) == [None]
        for seconds, visible in ((longest / 2 - 1, 0), (2, 1), (longest / 2 - 2, 1), (2, 2)):
            await world.pass_time(seconds)
            assert await queue.counts() == (visible, 2 - visible)

    @behaviour()
    async def test_what_was_acknowledged_cannot_be_extended_or_released_ever_again(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("done"))
        messages = await queue.consumer.receive(1)
        await queue.consumer.acknowledge(messages)
        [extended] = await queue.consumer.extend(messages, 30)
        [released] = await queue.consumer.release(messages, [0])
        assert is_lost(extended)
        assert is_lost(released)

    @behaviour("refuses_old_receipts")
    async def test_an_old_receipt_extends_nothing(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("again"))
        old = await queue.consumer.receive(1)
        await queue.consumer.release(old, [0])
        await queue.consumer.receive(1)
        [extended] = await queue.consumer.extend(old, 30)
        assert is_lost(extended)

    @behaviour()
    async def test_batches_are_of_any_size(self, world: World) -> None:
        queue = await world.queue()
        for number in range(23):
            await queue.send(OutgoingMessage(str(number)))
        messages = await received(queue, 23)
        assert await queue.consumer.extend(messages, 60) == [None] * 23
        assert await queue.consumer.acknowledge(messages) == [None] * 23
        assert await queue.counts() == (0, 0)
        assert await queue.consumer.acknowledge([]) == []

    @behaviour()
    async def test_results_come_in_the_order_of_the_entries(self, world: World) -> None:
        queue = await world.queue()
        for number in range(12):
            await queue.send(OutgoingMessage(str(number)))
        messages = await received(queue, 12)
        await queue.consumer.acknowledge([messages[1], messages[11]])
        results = await queue.consumer.extend(messages, 60)
        assert [position for position, result in enumerate(results) if is_lost(result)] == [1, 11]

    @behaviour()
    async def test_a_message_that_is_in_a_batch_twice_does_no_harm(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("once"))
        [message] = await queue.consumer.receive(1)
        assert await queue.consumer.extend([message, message], 30) == [None, None]
        await queue.consumer.release([message, message], [0, 0])
        [again] = await queue.consumer.receive(10)
        assert await queue.consumer.acknowledge([again, again]) == [None, None]
        assert await queue.counts() == (0, 0)

    @behaviour()
    async def test_acknowledging_again_succeeds(self, world: World) -> None:
        queue = await world.queue()
        await queue.send(OutgoingMessage("done"))
        messages = await queue.consumer.receive(1)
        assert await queue.consumer.acknowledge(messages) == [None]
        assert await queue.consumer.acknowledge(messages) == [None]
