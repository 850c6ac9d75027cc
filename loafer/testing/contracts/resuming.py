"""What every consumer must show after an interruption: a cancellation, a close, errors, a restart."""

import asyncio
from contextlib import suppress

from loafer.domain.message import Message, OutgoingMessage
from loafer.testing.contracts.behaviour import Contract, behaviour
from loafer.testing.contracts.world import (
    MOMENTS,
    World,
    bodies,
    cancelled_after,
    failed,
    plain,
    received,
    restartable,
    send_all,
)


class ResumingContract(Contract):
    """Whatever is interrupted, nothing is lost."""

    @behaviour()
    async def test_a_receive_that_is_cancelled_at_any_moment_loses_nothing(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        sent = await send_all(queue, plain(3))
        for turns in range(MOMENTS):
            await cancelled_after(turns, queue.consumer.receive(1), world)
        await world.pass_time((3 if self.features.abandoned_polls else 0) + 1.1)
        assert bodies(await received(queue, 3)) == sent

    @behaviour()
    async def test_a_settlement_that_is_cancelled_at_any_moment_may_be_repeated(self, world: World) -> None:
        queue = await world.queue()
        sent = await send_all(queue, plain(2 * MOMENTS))
        messages = await received(queue, len(sent))
        done, again = messages[:MOMENTS], messages[MOMENTS:]
        for turns in range(MOMENTS):
            await cancelled_after(turns, queue.consumer.acknowledge(done), world)
            await cancelled_after(turns, queue.consumer.extend(again, 30), world)
            await cancelled_after(turns, queue.consumer.release([again[turns]], [0]), world)
        await queue.consumer.acknowledge(done)
        await queue.consumer.release(again, [0] * len(again))
        assert bodies(await received(queue, len(again))) == bodies(again)
        assert not await queue.consumer.receive(1)

    @behaviour()
    async def test_closing_a_consumer_that_waits_loses_nothing(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        receiving = asyncio.create_task(queue.consumer.receive(1))
        await world.pass_time(0.2)
        await queue.consumer.close()
        message_id = await queue.send(OutgoingMessage("here"))
        await asyncio.wait({receiving}, timeout=3 + 1)
        receiving.cancel()
        [came] = await asyncio.gather(receiving, return_exceptions=True)
        await queue.consumer.open()
        found = await received(queue, 1) if isinstance(came, BaseException) or not came else came
        assert [message.id for message in found] == [message_id]

    @behaviour()
    async def test_what_a_cancelled_receive_left_goes_to_another_consumer(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        receiving = asyncio.create_task(queue.consumer.receive(1))
        await world.pass_time(0.2)
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving
        other = await queue.another_consumer()
        await queue.send(OutgoingMessage("here"))
        found = await other.receive(1) or await other.receive(1)
        assert [message.body for message in found] == ["here"]

    @behaviour()
    async def test_a_consumer_that_is_closed_and_opened_again_goes_on(self, world: World) -> None:
        queue = await world.queue(visibility_timeout=1, wait_time=3)
        sent = set(await send_all(queue, plain(12)))
        for _ in range(3):
            await queue.consumer.acknowledge(messages := await received(queue, 2))
            sent -= {message.body for message in messages}
            await queue.consumer.receive(1)  # and is not settled: it comes back
            await queue.consumer.close()
            await queue.consumer.open()
        await world.pass_time(1.1)
        assert set(bodies(await received(queue, len(sent)))) == sent

    @behaviour()
    async def test_after_errors_everything_comes_again_and_what_was_acknowledged_does_not(self, world: World) -> None:
        queue = await world.queue()
        sent = await send_all(queue, plain(self.features.messages // 4))
        messages: list[Message] = []
        for count in (1, 2, 3):
            messages = await received(queue, len(sent))
            assert {message.receive_count for message in messages} == {count}
            assert bodies(messages) == sent
            await queue.consumer.release(messages, [0] * len(sent))
        messages = await received(queue, len(sent))
        await queue.consumer.acknowledge(messages)
        assert not await queue.consumer.receive(10)
        assert await queue.counts() == (0, 0)

    @behaviour("refuses_old_receipts")
    async def test_a_batch_of_old_and_new_receipts_settles_the_new_ones_only(self, world: World) -> None:
        queue = await world.queue()
        await send_all(queue, plain(2))
        old = await received(queue, 2)
        await queue.consumer.release([old[0]], [0])
        [again] = await queue.consumer.receive(1)
        results = await queue.consumer.release([old[0], again, old[1]], [60, 0, 0])
        assert [result is None for result in results] == [False, True, True]
        assert await queue.counts() == (2, 0)

    @behaviour()
    async def test_a_consumer_goes_on_when_the_endpoint_is_there_again(self, world: World) -> None:
        endpoint = restartable(world)
        queue = await world.queue(visibility_timeout=1, wait_time=2)
        sent = await send_all(queue, plain(6))
        await queue.consumer.acknowledge(first := await received(queue, 2))
        receiving = asyncio.create_task(failed(queue.consumer.receive(1)))
        await endpoint.restart()
        await receiving
        async with asyncio.timeout(60):
            while await failed(queue.consumer.open()):
                await world.pass_time(0.1)
        await world.pass_time(1.1)
        rest = await received(queue, 4)
        assert bodies([*first, *rest]) == sent
