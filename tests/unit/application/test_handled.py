import asyncio
import logging
from typing import Any

import pytest
from test_batches import batching
from world import Faults, World, queue

from loafer.application.handled import HANDLED, Handled, handled
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.ports.observer import Observer


def known(seen: list[Handled | None]) -> list[tuple[str, int, str | None]]:
    return [(message.message_id, message.attempt, message.group) for message in seen if message is not None]


async def test_a_handler_and_the_tasks_it_starts_know_which_message_is_handled() -> None:
    seen: list[Handled | None] = []

    async def note() -> None:
        await asyncio.sleep(0.01)
        seen.append(handled())

    async def handle(content: Any) -> None:
        await asyncio.gather(note(), note())

    await World(queue("orders", "one", "two"), handle).run_for(1)
    assert sorted(known(seen)) == [("orders-1", 1, None)] * 2 + [("orders-2", 1, None)] * 2
    assert {message.route for message in seen if message} == {"orders"}


async def test_what_is_told_of_the_end_of_each_message_of_a_batch_is_told_where_that_message_is_handled() -> None:
    seen: list[tuple[str, str]] = []

    class Ends(Observer):
        def ended(self, route: str, message: Message, *_: object) -> None:
            handling = handled()
            seen.append((message.id, handling.message_id if handling else ""))

    async def handle(_: Any) -> None:
        await asyncio.sleep(0.01)

    world = batching(queue("orders", "one", "two"), handle, 2)
    world.dispatcher.observers = [Ends()]
    await world.run_for(1)
    assert seen == [("orders-1", "orders-1"), ("orders-2", "orders-2")]


async def test_a_function_in_a_thread_knows_it_too() -> None:
    seen: list[str] = []

    def handle(content: Any) -> None:
        handling = HANDLED.get()
        seen.append(handling[1].id if handling else "")

    with ThreadPool(1) as pool:
        await World(queue("orders", "one"), ThreadHandler(handle, pool)).run_for(1)
    assert seen == ["orders-1"]


async def test_the_attempt_counts_the_runs_in_place() -> None:
    seen: list[Handled | None] = []

    async def handle(content: Any) -> None:
        seen.append(handled())
        if len(seen) < 3:
            raise ValueError

    orders = queue("orders.fifo")
    orders.send(OutgoingMessage("one", group="g", deduplication_id="1"))
    await World(orders, handle, Options(retry_delay=1)).run_for(5)
    assert known(seen) == [("orders.fifo-1", 1, "g"), ("orders.fifo-1", 2, "g"), ("orders.fifo-1", 3, "g")]


async def test_the_latency_is_from_its_sending_to_its_start() -> None:
    seen: list[Handled | None] = []

    async def handle(content: Any) -> None:
        await asyncio.sleep(3)
        handling = HANDLED.get()
        assert handling is not None
        sent_at = handling[1].sent_at
        assert sent_at is not None
        seen.append(handled(lambda: sent_at + 5))

    await World(queue("orders", "one"), handle).run_for(5)
    [message] = seen
    assert message is not None
    assert message.latency == 2.0


async def test_the_report_knows_the_message_and_what_settles_it_with_others_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: set[tuple[str, str | None]] = set()

    def note(record: logging.LogRecord) -> bool:
        message = handled()
        seen.add((record.name, message.message_id if message else None))
        return True

    async def handle(content: Any) -> None:
        raise ValueError

    faults = Faults(settling=[Failure("again")])
    world = World(queue("orders", "one"), handle, Options(retry_delay=1), faults)
    caplog.handler.addFilter(note)
    await world.run_for(0.5)
    caplog.handler.removeFilter(note)
    assert seen == {("loafer.application.report", "orders-1"), ("loafer.application.outbox", None)}


def test_outside_of_a_handler_nothing_is_handled() -> None:
    assert handled() is None
