"""Routes that receive from one queue, each by itself, under the same name or another: they share what is held."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
import pytest
from world import FlakyConsumer, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.dispatcher import Dispatcher
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.ports.consumer import SourceInfo

URL = "https://sqs.eu-west-1.amazonaws.com/000000000000/orders"

NAMES = [("orders", "orders"), ("orders", URL)]


@attrs.define(eq=False)
class KnowingConsumer(FlakyConsumer):
    """A consumer that knows its queue, however it was named."""

    async def open(self) -> SourceInfo:
        return attrs.evolve(await super().open(), place=self.queue.name)


@attrs.define
class Handler:
    """Notes what starts and what ends; each takes so many seconds."""

    seconds: float
    noted: list[str] = attrs.field(factory=list)

    async def __call__(self, content: str) -> None:
        self.noted.append(content)
        await asyncio.sleep(self.seconds)
        self.noted.append(f"{content} ends")


@attrs.define(eq=False)
class IgnorantConsumer(FlakyConsumer):
    """A consumer of a queue whose attributes may not be read."""

    async def open(self) -> SourceInfo:
        return attrs.evolve(await super().open(), place=None)


def on(source: MemoryQueue, names: Sequence[str], handle: Any, options: Options) -> Dispatcher:
    """Return a dispatcher with a route from one queue for each of its names."""
    routes = [
        Route(
            f"route-{number}",
            name,
            lambda: KnowingConsumer(source, 20.0),
            content_of,
            handle,
        )
        for number, name in enumerate(names)
    ]
    return Dispatcher(routes, options, clock=now, threaded_heartbeat=False)


def content_of(message: Message) -> dict[str, Any]:
    return {"content": message.body}


def shown_again(source: MemoryQueue, body: str) -> None:
    """Show a message that is in flight again, as if its lease had ended."""
    [entry] = [entry for entry in source._entries.values() if entry.message.body == body]
    source.change_visibility(entry.receipt, 0)


@pytest.mark.parametrize("names", NAMES)
async def test_what_is_delivered_to_another_route_of_its_queue_while_it_is_held_does_not_run_a_second_time(
    names: Sequence[str],
) -> None:
    source, handler = queue("orders", "m"), Handler(10)
    dispatcher = on(source, names, handler, Options())
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    shown_again(source, "m")
    await asyncio.sleep(20)
    dispatcher.stop()
    await running
    assert handler.noted == ["m", "m ends"]
    assert dispatcher.counts["duplicates"] == 1
    assert len(source) == 0


@pytest.mark.parametrize("names", NAMES)
async def test_what_comes_to_another_route_of_its_queue_waits_behind_its_group(names: Sequence[str]) -> None:
    source, handler = MemoryQueue("orders.fifo", clock=now), Handler(10)
    source.send(OutgoingMessage("a1", group="a"))
    dispatcher = on(source, names, handler, Options())
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    source.send(OutgoingMessage("a2", group="a"))
    shown_again(source, "a1")
    await asyncio.sleep(30)
    dispatcher.stop()
    await running
    assert handler.noted == ["a1", "a1 ends", "a2", "a2 ends"]
    assert len(source) == 0


@pytest.mark.parametrize("names", NAMES)
async def test_what_a_stop_gives_back_waits_for_the_polls_of_all_routes_of_its_queue(names: Sequence[str]) -> None:
    source = MemoryQueue("orders.fifo", clock=now)
    dispatcher = on(source, names, Handler(30), Options(poll_grace=25, grace_period=0))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    for number in range(3):
        source.send(OutgoingMessage(f"a{number}", group="a"))
    await asyncio.sleep(19.5)
    dispatcher.stop()  # a poll of the one ends in half a second, one of the other in 19.5
    await running
    await asyncio.sleep(21)
    assert [entry.receive_count for entry in source._entries.values()] == [1, 1, 1]
    assert len(source.visible) == 3


async def test_two_queues_of_one_name_of_which_nothing_is_known_share_nothing() -> None:
    queues = [MemoryQueue("orders.fifo", clock=now) for _ in range(2)]
    handlers = [Handler(10), Handler(1)]
    routes = [
        Route(f"route-{number}", "orders.fifo", partial(IgnorantConsumer, each, 20.0), content_of, handler)
        for number, (each, handler) in enumerate(zip(queues, handlers, strict=True))
    ]
    dispatcher = Dispatcher(routes, Options(), clock=now, threaded_heartbeat=False)
    running = asyncio.create_task(dispatcher.run())
    for number, each in enumerate(queues):
        each.send(OutgoingMessage(f"of {number}", group="a"))
        await asyncio.sleep(1)
    await asyncio.sleep(20)
    dispatcher.stop()
    await running
    assert [handler.noted for handler in handlers] == [["of 0", "of 0 ends"], ["of 1", "of 1 ends"]]
    assert [len(each) for each in queues] == [0, 0]


@pytest.mark.parametrize("names", NAMES)
async def test_a_head_without_runs_left_runs_in_no_other_route_of_its_queue(
    names: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_: FlakyConsumer, __: Message) -> Failure:
        return Failure("not allowed", retryable=False)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", refused)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = MemoryQueue("orders.fifo", clock=now, max_receive_count=4, dead_letters=dead)
    ran: list[str] = []

    async def handle(content: str) -> None:
        ran.append(content)
        if content == "a1":
            raise ValueError

    for number in range(3):
        source.send(OutgoingMessage(f"a{number + 1}", group="a"))
    dispatcher = on(source, names, handle, Options(retry_delay=0.1))
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(200)
    dispatcher.stop()
    await running
    assert ran == [*["a1"] * 4, "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
