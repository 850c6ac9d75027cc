"""Code that cancels whatever task it finds, loafer's own too: nothing stalls, and what has ended is settled."""

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, cast

import pytest
from test_batches import batching
from virtual_time import VirtualLoop
from world import Faults, FlakyConsumer, World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.domain.batch import Failure
from loafer.domain.item import Item
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.retry import Retry
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
    assert world.queue.visible == []  # the poll that was cancelled may be served yet, in a source that nobody can tell
    await asyncio.sleep(21)
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


def cancel_other_handlers() -> None:
    """Cancel the tasks that handle messages, but for this one; where tasks start at once, all of them have begun."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        if getattr(task.get_coro(), "cr_code").co_filename.endswith(("jobs.py", "errand.py")):  # noqa: B009 - untyped
            task.cancel()


def five(name: str) -> MemoryQueue:
    source = queue(name, visibility_timeout=600)
    for number in range(5):
        group = f"g{number}" if name.endswith(".fifo") else None
        source.send(OutgoingMessage(str(number), group=group, deduplication_id=group))
    return source


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_is_cancelled_before_it_has_begun_waits_for_its_start_again(name: str) -> None:
    begun: list[str] = []

    async def handle(content: str) -> None:
        begun.append(content)
        if len(begun) == 1:
            cancel_other_handlers()
        await asyncio.sleep(1)

    async with World(five(name), handle, Options(max_jobs=5)) as world:
        await asyncio.sleep(3)
        assert (world.dispatcher.held, len(world.queue)) == (0, 0)
    assert sorted(begun) == list("01234")


async def test_batches_that_are_cancelled_before_they_have_begun_wait_for_their_start_again() -> None:
    begun: list[list[object]] = []

    async def handle(items: list[Item[Any]]) -> None:
        begun.append([item.content for item in items])
        if len(begun) == 1:
            cancel_other_handlers()
        await asyncio.sleep(1)

    async with batching(five("orders"), handle, 2) as world:
        await asyncio.sleep(4)
        assert (world.dispatcher.held, len(world.queue)) == (0, 0)
    assert sorted(begun) == [["0", "1"], ["2", "3"], ["4"]]


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_nothing_stays_in_flight_of_what_was_cancelled_with_the_whole_worker_before_it_had_begun(
    name: str,
) -> None:
    test = asyncio.current_task()
    begun: list[str] = []

    async def handle(content: str) -> None:
        begun.append(content)
        if len(begun) == 1:
            cancel_all_but(test, asyncio.current_task())
        await asyncio.sleep(1)

    world = World(five(name), handle, Options(grace_period=0.5))
    async with world:
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    assert world.queue.visible == []  # as above
    await asyncio.sleep(21)
    assert world.queue.in_flight == []
    assert world.dispatcher.left.messages == 0


async def test_a_handler_that_cancels_its_own_task_as_its_last_act_ends_once() -> None:
    ran: list[str] = []

    async def handle(content: str) -> None:
        ran.append(content)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async with World(five("orders"), handle) as world:
        await asyncio.sleep(2)
        assert (world.dispatcher.held, len(world.queue)) == (0, 0)
    assert sorted(ran) == list("01234")


async def test_a_handler_of_batches_that_cancels_its_own_task_as_its_last_act_ends_once() -> None:
    ran: list[object] = []

    async def handle(items: list[Item[Any]]) -> None:
        ran.extend(item.content for item in items)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async with batching(five("orders"), handle, 2) as world:
        await asyncio.sleep(4)
        assert (world.dispatcher.held, len(world.queue)) == (0, 0)
    assert sorted(map(str, ran)) == list("01234")


@pytest.mark.parametrize("awaited", ["handler", "translator"])
async def test_what_a_function_has_left_to_be_awaited_is_cancelled_where_it_has_not_begun(
    awaited: str,
) -> None:
    begun: list[Any] = []
    cancelled: list[str] = []

    async def more(content: str) -> dict[str, str]:
        begun.append(content)
        if len(begun) == 1:
            cancel_other_handlers()
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            cancelled.append(content)
            raise
        return {"content": content}

    def handle(content: str) -> Awaitable[object] | None:
        return more(content) if awaited == "handler" else None

    with ThreadPool(5) as pool:
        world = World(five("orders"), ThreadHandler(handle, pool), Options(retry_delay=cast("Any", 2)))
        if awaited == "translator":
            world.translate = lambda message: more(message.body)
            world.dispatcher.routes = [world.route()]
        async with world:
            await asyncio.sleep(1.9)
            assert world.dispatcher.held == 0
            errors = [(each.message.body, type(each.error)) for each in world.deliveries if each.error is not None]
            assert sorted(errors) == [
                (body, asyncio.CancelledError) for body in "01234" if body in cancelled or body not in begun
            ]
            await asyncio.sleep(20)
            assert len(world.queue) == 0


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_move_to_the_dead_letter_queue_that_somebody_else_cancels_is_made(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    test, move = asyncio.current_task(), FlakyConsumer.dead_letter

    async def dead_letter(consumer: FlakyConsumer, message: Message) -> Failure | None:
        await asyncio.sleep(2)
        return await move(consumer, message)

    async def handle(content: str) -> None:
        if content == "cancels":
            await asyncio.sleep(1)
            cancel_all_but(test)
        raise ValueError(content)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", dead_letter)
    dead = queue(name.replace("orders", "dead"))
    source = queue(name, max_receive_count=9, dead_letters=dead, visibility_timeout=300)
    for body in ("moved", "cancels"):
        source.send(OutgoingMessage(body, group=body if source.fifo else None))
    world = World(source, handle, Options(retry_delay=Retry(dead_letter_after=1), grace_period=20))
    async with world:
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    assert "moved" in [message.body for message in dead.messages.values()]
    assert source.in_flight == []


async def swallows(content: str) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(10)


async def makes_another_error_of_it(content: str) -> None:
    try:
        await asyncio.sleep(10)
    except asyncio.CancelledError:
        raise KeyError(content) from None


@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize("handle", [swallows, makes_another_error_of_it])
@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_is_cancelled_with_the_whole_worker_is_not_done_whatever_it_makes_of_that(
    name: str, handle: Any, stopping: bool
) -> None:
    dead = queue("dead" + name.removeprefix("orders"))
    source = queue(name, max_receive_count=9, dead_letters=dead, visibility_timeout=300)
    source.send(OutgoingMessage("one", group="one" if source.fifo else None))
    world = World(source, handle, Options(retry_delay=Retry(dead_letter_after=1), grace_period=20))
    async with world:
        await asyncio.sleep(1)
        if stopping:
            world.dispatcher.stop()
            await asyncio.sleep(1)
        cancel_all_but(asyncio.current_task())
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    assert [message.body for message in source.messages.values()] == ["one"]
    assert len(dead) == 0


async def test_what_ends_well_by_itself_before_the_whole_worker_is_cancelled_is_done() -> None:
    test = asyncio.current_task()

    async def handle(content: str) -> None:
        cancel_all_but(test, asyncio.current_task())

    world = World(queue("orders", "one"), handle)
    async with world:
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    assert len(world.queue) == 0


async def dead_where_all_tasks_are_cancelled(name: str, steps: int, handle: Any) -> list[str]:
    """Return what was dead-lettered of messages that are handled once, where all is cancelled while some end."""
    test, dead = asyncio.current_task(), MemoryQueue(name.replace("orders", "dead"), clock=now)
    source = MemoryQueue(name, 600, 5, dead, clock=now)
    for body in "12345678":
        source.send(OutgoingMessage(body, group=body if source.fifo else None))
    world = World(source, handle, Options(grace_period=5, retry_delay=Retry(dead_letter_after=1)))
    async with world:
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        loop.call_later(0.9999, loop.before_step, steps, lambda: cancel_all_but(test))
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
    return [message.body for message in dead.messages.values()]


@pytest.mark.parametrize("kind", ["a coroutine", "a function"])
@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
def test_nothing_that_is_cancelled_with_the_whole_worker_while_others_end_has_failed_for_that(
    name: str, kind: str
) -> None:
    async def work(content: str) -> None:
        await asyncio.sleep(1 if content < "5" else 1.5)

    for steps in range(1, 60):
        with asyncio.Runner(loop_factory=VirtualLoop) as runner, ThreadPool(9) as pool:
            handle = work if kind == "a coroutine" else ThreadHandler(work, pool)
            assert runner.run(dead_where_all_tasks_are_cancelled(name, steps, handle)) == [], steps
