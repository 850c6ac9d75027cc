"""The queue of the lean endpoint: leases that end, and a queue that refills itself."""

import asyncio
import time
from types import SimpleNamespace

import lean_queue
import pytest
from lean_queue import LeanQueue

from loafer.testing.clock import run


@pytest.fixture(autouse=True)
def virtual_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the queue's time be that of the event loop: leases of a moment end before a busy machine has looked twice."""
    clock = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time(), time=time.time)
    monkeypatch.setattr(lean_queue, "time", clock)


def queue_of(messages: int) -> LeanQueue:
    queue = LeanQueue("lean", "http://localhost/lean")
    for number in range(messages):
        queue.put(str(number))
    return queue


def test_a_message_is_back_when_its_lease_ends() -> None:
    async def main() -> None:
        queue = queue_of(1)
        assert await queue.receive(10, 0, 0.05)
        assert not await queue.receive(10, 0, 30)
        [again] = await queue.receive(10, 1, 30)
        assert again["Attributes"]["ApproximateReceiveCount"] == "2"

    run(main())


def test_a_lease_that_is_extended_ends_later_and_one_that_is_cut_short_sooner() -> None:
    queue = queue_of(2)

    async def main() -> None:
        extended, shortened = await queue.receive(10, 0, 0.1)
        assert queue.change_visibility(extended["ReceiptHandle"], 30)
        assert queue.change_visibility(shortened["ReceiptHandle"], 0.01)
        [back] = await queue.receive(10, 0.09, 30)
        assert back["MessageId"] == shortened["MessageId"]
        await asyncio.sleep(0.1)
        assert not await queue.receive(10, 0, 30)
        assert queue.delete(extended["ReceiptHandle"]) == {}

    run(main())
    assert (queue.deleted, queue.stale) == (1, 0)


def test_a_queue_that_refills_itself_keeps_its_length() -> None:
    async def main() -> None:
        queue = queue_of(3)
        queue.refill = True
        for message in await queue.receive(2, 0, 30):
            queue.delete(message["ReceiptHandle"])
        assert (queue.deleted, queue.sent, len(queue.ready)) == (2, 5, 3)
        assert len({message["MessageId"] for message in await queue.receive(10, 0, 30)}) == 3

    run(main())
