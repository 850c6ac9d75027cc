"""What every publisher must show."""

import asyncio
from contextlib import suppress

import pytest

from loafer.domain.batch import Failure
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.exceptions import PublisherError
from loafer.ports.publisher import Publisher
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import (
    PECULIAR,
    World,
    bodies,
    emptied,
    failed,
    in_group,
    plain,
    received,
    restartable,
)


class PublisherContract(Contract):
    """Publishing one and many; inherit it, and give it a `world` and its `features`."""

    @behaviour()
    async def test_a_message_is_published_as_it_is(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        attributes = {
            "kind": Attribute("new"),
            "count": Attribute("3", "Number"),
            "picture": Attribute(b"\x00\xff", "Binary"),
        }
        assert await (await queue.publisher()).publish(OutgoingMessage("é😀", attributes))
        [message] = await received(queue, 1)
        assert (message.body, message.attributes) == ("é😀", attributes)

    @behaviour()
    async def test_peculiar_bodies_are_published_as_they_are_one_by_one_and_in_a_batch(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        publisher = await queue.publisher()
        for body in PECULIAR:
            await publisher.publish(OutgoingMessage(body))
        await publisher.publish_batch([OutgoingMessage(body) for body in PECULIAR])
        assert bodies(await received(queue, 2 * len(PECULIAR))) == sorted(2 * PECULIAR)

    @behaviour()
    async def test_each_of_many_is_published_with_its_own_attributes(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        sent = {f"{n:02}": {"kind": Attribute(f"{n} é"), "count": Attribute(str(n), "Number")} for n in range(12)}
        await (await queue.publisher()).publish_batch([OutgoingMessage(body, those) for body, those in sent.items()])
        assert {message.body: message.attributes for message in await received(queue, 12)} == sent

    @behaviour("max_delay")
    async def test_each_of_many_has_its_own_delay(self, world: World) -> None:
        queue = await world.queue()
        batch = [OutgoingMessage("now"), OutgoingMessage("soon", delay=1), OutgoingMessage("later", delay=30)]
        await (await queue.publisher()).publish_batch(batch)
        assert (await queue.counts())[0] == 1
        await world.pass_time(1.1)
        assert bodies(await received(queue, 2)) == ["now", "soon"]
        assert not await queue.consumer.receive(1)

    @behaviour()
    async def test_many_large_messages_go_out_in_as_many_requests_as_they_need(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        batch = [OutgoingMessage(body * (self.features.max_bytes * 2 // 5)) for body in "abc"]
        results = await (await queue.publisher()).publish_batch(batch)
        assert [result for result in results if isinstance(result, Failure)] == []
        assert bodies(await received(queue, 3)) == [message.body for message in batch]

    @behaviour()
    async def test_the_largest_message_is_published_and_a_larger_one_is_a_publisher_error(self, world: World) -> None:
        queue, largest = await world.queue(wait_time=2), self.features.max_bytes
        publisher = await queue.publisher()
        await publisher.publish(OutgoingMessage("x" * largest))
        with pytest.raises(PublisherError):
            await publisher.publish(OutgoingMessage("x" * (largest + 1)))
        assert [len(message.body) for message in await received(queue, 1)] == [largest]

    @behaviour("same_id")
    async def test_the_id_of_the_message_is_returned(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        message_id = await (await queue.publisher()).publish(OutgoingMessage("here"))
        assert [message.id for message in await received(queue, 1)] == [message_id]

    @behaviour()
    async def test_many_are_published_with_an_id_each(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        outgoing = plain(23)
        results = await (await queue.publisher()).publish_batch(outgoing)
        assert len({result for result in results if isinstance(result, str)}) == 23
        assert bodies(await received(queue, 23)) == [message.body for message in outgoing]

    @behaviour("ordered")
    async def test_many_are_published_in_order(self, world: World) -> None:
        queue = await world.queue(fifo=True, wait_time=2)
        outgoing = [in_group(f"{number:02}") for number in range(23)]
        results = await (await queue.publisher()).publish_batch(outgoing)
        messages: list[Message] = []
        while len(messages) < 23:
            messages += (found := await received(queue, 1))
            await queue.consumer.acknowledge(found)
        assert [message.body for message in messages] == [message.body for message in outgoing]
        if self.features.same_id:
            assert [message.id for message in messages] == results

    @behaviour()
    async def test_publishing_none_is_no_mistake(self, world: World) -> None:
        queue = await world.queue()
        assert await (await queue.publisher()).publish_batch([]) == []

    @behaviour("max_delay")
    async def test_a_delayed_message_is_visible_after_its_delay(self, world: World) -> None:
        queue = await world.queue()
        publisher = await queue.publisher()
        await publisher.publish(OutgoingMessage("later", delay=1))
        await publisher.publish(OutgoingMessage("much later", delay=self.features.max_delay))
        assert (await queue.counts())[0] == 0
        await world.pass_time(1.1)
        assert await queue.counts() == (1, 0)

    @behaviour("ordered")
    async def test_what_the_queue_refuses_is_a_publisher_error_and_nothing_is_sent(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        publisher = await queue.publisher()
        with pytest.raises(PublisherError):
            await publisher.publish(OutgoingMessage("a message without a group"))
        assert await queue.counts() == (0, 0)

    @behaviour("ordered")
    async def test_what_is_refused_in_a_batch_is_reported_and_what_is_reported_as_sent_is_there(
        self, world: World
    ) -> None:
        queue = await world.queue(fifo=True)
        publisher, sent = await queue.publisher(), list[str]()
        batch = [in_group("1"), OutgoingMessage("a message without a group"), in_group("2", "h")]
        with suppress(PublisherError):
            results = await publisher.publish_batch(batch)
            assert isinstance(results[1], Failure)
            sent = [message.body for message, result in zip(batch, results, strict=True) if isinstance(result, str)]
        assert bodies(await received(queue, len(sent))) == sent
        assert not await queue.consumer.receive(1)

    @behaviour("ordered")
    async def test_nothing_of_a_group_is_published_after_one_of_it_was_refused(self, world: World) -> None:
        queue = await world.queue(fifo=True)
        batch = [in_group("1"), in_group(""), in_group("2"), in_group("3"), in_group("1", "h")]
        with suppress(PublisherError):  # and then nothing at all is sent
            results = await (await queue.publisher()).publish_batch(batch)
            assert [isinstance(result, Failure) for result in results] == [False, True, True, True, False]
            assert [result.retryable for result in results[2:4] if isinstance(result, Failure)] == [True, True]
        assert set(bodies(await emptied(queue.consumer))) <= {"1"}

    @behaviour("ordered", "deduplicating")
    async def test_a_second_message_of_a_deduplication_id_is_taken_for_the_first(self, world: World) -> None:
        queue = await world.queue(fifo=True, wait_time=1)
        publisher = await queue.publisher()
        for _ in range(2):
            assert await publisher.publish(in_group("once"))
        [message] = await received(queue, 1)
        await queue.consumer.acknowledge([message])
        assert not await queue.consumer.receive(1)

    @behaviour("ordered", "deduplicating")
    async def test_deduplication_ids_hold_in_batches_too(self, world: World) -> None:
        queue = await world.queue(fifo=True, wait_time=1)
        publisher = await queue.publisher()
        for _ in range(2):
            await publisher.publish_batch([in_group("1", "g"), in_group("2", "h")])
        messages = await received(queue, 2)
        assert bodies(messages) == ["1", "2"]
        await queue.consumer.acknowledge(messages)
        assert not await queue.consumer.receive(1)

    @behaviour()
    async def test_many_publishers_that_are_closed_at_once_lose_nothing(self, world: World) -> None:
        queue, number = await world.queue(wait_time=2), self.features.messages // 5
        publishers = await asyncio.gather(*(queue.publisher() for _ in range(5)))

        async def publish(publisher: Publisher, first: int) -> list[str | Failure]:
            results = await publisher.publish_batch([OutgoingMessage(f"{first + n:05}") for n in range(number)])
            await publisher.close()
            return list(results)

        results = await asyncio.gather(*(publish(publisher, n * number) for n, publisher in enumerate(publishers)))
        assert all(isinstance(result, str) for found in results for result in found)
        assert bodies(await received(queue, 5 * number)) == [message.body for message in plain(5 * number)]

    @behaviour()
    async def test_a_publisher_may_be_closed_twice_and_opened_again(self, world: World) -> None:
        queue = await world.queue(wait_time=2)
        publisher = await queue.publisher()
        await publisher.close()
        await publisher.close()
        await publisher.open()
        await publisher.open()
        assert await publisher.publish(OutgoingMessage("here"))
        assert len(await received(queue, 1)) == 1

    @behaviour()
    async def test_a_publisher_gets_through_when_the_endpoint_is_there_again(self, world: World) -> None:
        endpoint = restartable(world)
        queue = await world.queue(wait_time=2)
        publisher = await queue.publisher()
        sent = [(await publisher.publish(message), message.body)[1] for message in plain(3)]
        await endpoint.restart()
        async with asyncio.timeout(60):
            while await failed(publisher.publish(OutgoingMessage("99999"))):
                await world.pass_time(0.1)
        assert set(bodies(await received(queue, 4))) == {*sent, "99999"}
