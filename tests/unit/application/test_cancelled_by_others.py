"""Code that cancels whatever task it finds, loafer's own too: nothing stalls, and what has ended is settled."""

import asyncio

import pytest
from world import Faults, World, now, queue

from loafer.application.options import Options
from loafer.exceptions import ConsumerError


def cancel_all_but(*spared: "asyncio.Task[None] | None") -> None:
    for task in asyncio.all_tasks() - set(spared):
        task.cancel()


async def test_a_handler_that_cancels_all_tasks_ends_the_worker_in_time_and_all_is_settled() -> None:
    test = asyncio.current_task()

    async def handle(content: str) -> None:
        if content == "bad":
            await asyncio.sleep(0.5)
            cancel_all_but(test)
            await asyncio.sleep(1)

    world = World(queue("orders", "bad", *"x" * 5), handle, Options(grace_period=20), Faults(delay=1))
    async with world:
        await asyncio.sleep(0.6)
        began = now()
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    assert now() - began < 10
    assert [message.body for message in world.queue.messages.values()] == ["bad"]
    assert world.queue.in_flight == []


async def test_a_receive_that_somebody_else_cancels_ends_the_worker_with_one_sentence() -> None:
    test = asyncio.current_task()
    world = World(queue("orders"), lambda _: asyncio.sleep(0))
    async with world:
        await asyncio.sleep(0.5)
        cancel_all_but(test, world._running)
        with pytest.raises(ConsumerError, match="cancelled"):
            await asyncio.wait_for(world.ended(), 5)
