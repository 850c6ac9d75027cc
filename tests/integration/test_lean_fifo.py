"""The FIFO queue of the lean endpoint: groups in their order, and locked while one of theirs is in flight."""

from lean_fifo import LeanFifo
from lean_queue import Answer


def queue_of(*groups: str) -> LeanFifo:
    queue = LeanFifo("lean.fifo", "http://localhost/lean.fifo")
    for number, group in enumerate(groups):
        queue.put(str(number), group=group)
    return queue


def bodies(answers: list[Answer]) -> str:
    return "".join(answer["Body"] for answer in answers)


async def test_a_receive_takes_a_group_in_its_order_and_then_the_next() -> None:
    queue = queue_of("a", "b", "a", "b")
    assert bodies(await queue.receive(3, 0, 30)) == "021"


async def test_a_group_is_locked_while_one_of_its_messages_is_in_flight() -> None:
    queue = queue_of("a", "a", "a", "b")
    first, second = await queue.receive(2, 0, 30)
    assert bodies(await queue.receive(10, 0, 30)) == "3"
    queue.delete(first["ReceiptHandle"])
    assert not await queue.receive(10, 0, 30)
    queue.delete(second["ReceiptHandle"])
    queue.delete(second["ReceiptHandle"])
    assert bodies(await queue.receive(10, 0, 30)) == "2"
    assert (queue.deleted, queue.stale) == (2, 1)


async def test_what_comes_back_comes_before_what_follows_it() -> None:
    queue = queue_of("a", "a", "a")
    first, second = await queue.receive(2, 0, 30)
    assert queue.change_visibility(second["ReceiptHandle"], 0)
    assert queue.change_visibility(first["ReceiptHandle"], 0)
    assert bodies(await queue.receive(10, 0, 0.01)) == "012"
    assert bodies(await queue.receive(10, 1, 30)) == "012"


async def test_a_queue_that_refills_itself_keeps_its_groups() -> None:
    queue = queue_of("a", "b")
    queue.refill = True
    [first] = await queue.receive(1, 0, 30)
    queue.delete(first["ReceiptHandle"])
    assert bodies(await queue.receive(10, 0, 30)) == "10"
    assert queue.stats()["ready"] == 0
