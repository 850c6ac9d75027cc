"""Who waits for a queue in memory is woken in the order of coming, so that the same happens again."""

import asyncio

from loafer.adapters.memory.queue import MemoryQueue
from loafer.domain.message import OutgoingMessage


async def test_those_who_wait_are_woken_in_the_order_in_which_they_came() -> None:
    queue = MemoryQueue("orders")
    woken: list[int] = []

    async def wait(number: int) -> None:
        await queue.changed(queue.changes)
        woken.append(number)

    waiting = [asyncio.create_task(wait(number)) for number in range(50)]
    await asyncio.sleep(1)
    queue.send(OutgoingMessage("here"))
    await asyncio.gather(*waiting)
    assert woken == list(range(50))
