"""What publishing in code sends, what it refuses, and what it says of that: on queues in memory, in virtual time."""

import asyncio
import json
import math
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import attrs
import pytest

from loafer import Attribute, AttributeValue, Failure, Loafer, PublisherError, QueuePublisher, Router
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.connection import Connection
from loafer.application.connections import Connections
from loafer.domain.message import OutgoingMessage
from loafer.domain.sending import NOT_SENT
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.wiring.connecting import Connecting
from loafer.ports.publisher import Publisher


@dataclass
class Receipt:
    order: int
    customer: str = ""


def opened(app: Loafer[Any], broker: MemoryBroker) -> AbstractAsyncContextManager[None]:
    mistakes = Mistakes()
    connections = Connecting(mistakes, broker).connections(app)
    mistakes.raise_if_any()
    return connections.opened()


def on(queue: MemoryQueue) -> list[OutgoingMessage]:
    return list(queue.messages.values())


async def test_what_is_published_is_the_json_of_its_type() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts", Receipt)
    async with opened(app, broker):
        published = await receipts.publish(Receipt(1, "é"))
    assert broker.queues["receipts"].messages == {published: OutgoingMessage('{"order":1,"customer":"é"}')}


async def test_it_may_have_attributes_of_every_kind_and_a_delay_that_is_rounded_up() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts")
    attributes: dict[str, AttributeValue] = {
        "a": "text",
        "b": 1,
        "c": 1.5,
        "d": b"\x00",
        "e": Attribute("5", "Number.int"),
    }
    async with opened(app, broker):
        await receipts.publish(1, attributes=attributes, delay=1.2)
    [message] = on(broker.queues["receipts"])
    assert message.delay == 2
    assert message.attributes == {
        "a": Attribute("text"),
        "b": Attribute("1", "Number"),
        "c": Attribute("1.5", "Number"),
        "d": Attribute(b"\x00", "Binary"),
        "e": Attribute("5", "Number.int"),
    }


async def test_all_messages_of_a_batch_have_the_attributes_and_the_delay_that_are_given() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts", Receipt)
    async with opened(app, broker):
        await receipts.publish_batch([Receipt(1), Receipt(2)], attributes={"a": "text"}, delay=3)
    told = [(message.delay, message.attributes) for message in on(broker.queues["receipts"])]
    assert told == [(3, {"a": Attribute("text")})] * 2


@pytest.mark.parametrize(("kind", "content"), [(object, 1), (Receipt | None, Receipt(1))])
async def test_nothing_is_no_content(kind: Any, content: object) -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts", kind)
    said = "content None is JSON null, which translators take for no content: no handler would ever be given it"
    async with opened(app, broker):
        with pytest.raises(PublisherError, match=f"^queue 'receipts' does not take the message: {said}$"):
            await receipts.publish(None)
        sent, refused = await receipts.publish_batch([content, None])
    assert (type(sent), refused) == (str, Failure(said, retryable=False))
    assert len(on(broker.queues["receipts"])) == 1


async def test_a_topic_sends_to_its_queues() -> None:
    app, broker = Loafer(), MemoryBroker()
    events = app.publisher(topic="memory://events", content=Receipt)
    queue = broker.queue("readers")
    broker.topic("events").subscribe(queue, raw=True)
    async with opened(app, broker):
        await events.publish(Receipt(1))
        assert [type(result) for result in await events.publish_batch([Receipt(2), Receipt(3)])] == [str, str]
    assert [message.body for message in on(queue)] == [f'{{"order":{n},"customer":""}}' for n in (1, 2, 3)]


async def test_what_a_fifo_topic_is_sent_has_its_group_and_its_deduplication_id() -> None:
    app, broker = Loafer(), MemoryBroker()
    events = app.publisher(topic="memory://events.fifo", content=Receipt)
    queue = broker.queue("readers.fifo")
    broker.topic("events.fifo").subscribe(queue, raw=True)
    async with opened(app, broker):
        await events.publish(Receipt(1), attributes={"a": "text"}, group="ann", deduplication_id="one")
        await events.publish_batch([Receipt(2)], group="bob", deduplication_id=lambda _: "two")
    told = [(message.group, message.deduplication_id, message.attributes) for message in on(queue)]
    assert told == [("ann", "one", {"a": Attribute("text")}), ("bob", "two", {})]


async def test_a_routers_publishers_are_those_of_the_application_that_includes_it() -> None:
    app, router, broker = Loafer(), Router(), MemoryBroker()
    app.include(router)
    receipts = router.publisher("memory://receipts", Receipt)
    async with opened(app, broker):
        assert await receipts.publish(Receipt(1))


@pytest.mark.parametrize(
    ("written", "name", "ordered"),
    [
        ("orders", "orders", False),
        ("arn:aws:sqs:eu-west-1:1:orders.fifo", "orders.fifo", True),
        ("https://sqs.eu-west-1.amazonaws.com/1/orders.fifo/", "orders.fifo", True),
        ("https://me:s3cr3t@host/1/orders.fifo?token=s3cr3t", "orders.fifo", True),
        ("memory://orders", "orders", False),
    ],
)
def test_a_destination_is_named_without_the_secrets_of_its_url(written: str, name: str, ordered: bool) -> None:
    destination = Loafer().publisher(written).destination
    assert (destination.place, destination.limits.ordered) == (f"queue {name!r}", ordered)


@pytest.mark.parametrize("topic", [False, True])
async def test_nothing_is_published_before_the_application_runs_nor_after_it_has_ended(topic: bool) -> None:
    app, broker = Loafer(), MemoryBroker()
    queue, events = app.publisher("memory://receipts"), app.publisher(topic="memory://events")
    publisher = events if topic else queue
    place = "topic 'events'" if topic else "queue 'receipts'"
    right = r": publish in a handler, in the lifespan, or within `async with app\.publishing\(\)`$"
    for publishing in (publisher.publish(1), publisher.publish_batch([1])):
        said = f"^nothing can be published to {place}, for the application does not run yet"
        with pytest.raises(PublisherError, match=said + right):
            await publishing
    async with opened(app, broker):
        await publisher.publish(1)
    for publishing in (publisher.publish(1), publisher.publish_batch([1])):
        with pytest.raises(
            PublisherError, match=f"^nothing can be published to {place}, for the application has ended"
        ):
            await publishing


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"order": 1}, "its content is of another type: expected Receipt, not dict"),
        (Receipt("s3cr3t"), "its content is of another type: expected int at $.order"),  # type: ignore[arg-type]
        (Receipt(1, "s3cr3t" * 200_000), "body and attributes are 1200025 bytes; give it 1048576 at most"),
        (Receipt(1, "s3cr3t\x00"), None),
        (None, "its content is of another type: expected Receipt, not NoneType"),
    ],
)
async def test_what_is_refused_is_a_publisher_error_in_one_sentence_without_the_content(
    content: Any, said: str | None
) -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts", Receipt)
    async with opened(app, broker):
        if said is None:  # JSON escapes what SQS would not take
            assert await receipts.publish(content)
            return
        with pytest.raises(PublisherError) as caught:
            await receipts.publish(content)
    assert str(caught.value) == f"queue 'receipts' does not take the message: {said}"
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert on(broker.queues["receipts"]) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"delay": math.nan}, "delay=nan is no number of seconds"),
        ({"delay": "5"}, "delay='5' is no number of seconds"),
        ({"delay": 901}, "delay=901 is out of range; give 0 to 900 seconds"),
        ({"attributes": {"a": [1]}}, "attribute 'a' is a list; give a string, bytes, a number, or an Attribute"),
        ({"attributes": {"a": math.inf}}, "attribute 'a' is inf; give a string"),
        ({"attributes": {"a": True}}, "attribute 'a' is True; give a string"),
    ],
)
async def test_what_goes_with_content_is_checked_too(given: dict[str, Any], said: str) -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts")
    async with opened(app, broker):
        with pytest.raises(PublisherError, match=f"^queue 'receipts' does not take the message: {said}"):
            await receipts.publish(1, **given)


async def test_a_batch_gives_a_result_for_each_and_what_is_refused_keeps_no_other_back() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts", Receipt)
    wrong: Any = "s3cr3t"
    async with opened(app, broker):
        large = Receipt(2, "x" * 2_000_000)
        results = await receipts.publish_batch([Receipt(0), wrong, large, *map(Receipt, range(3, 25))])
        assert await receipts.publish_batch([]) == []
        assert await receipts.publish_batch([wrong]) == [results[1]]
    assert [place for place, result in enumerate(results) if isinstance(result, Failure)] == [1, 2]
    assert results[1] == Failure("its content is of another type: expected Receipt, not str", retryable=False)
    assert len(results) == 25
    assert len(on(broker.queues["receipts"])) == 23


async def test_a_batch_of_a_fifo_queue_has_a_group_each_and_sends_nothing_of_one_after_a_failure() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts.fifo", Receipt)
    wrong: Any = "x" * 2_000_000
    batch = [Receipt(1, "a"), Receipt(2, wrong), Receipt(3, "a"), Receipt(4, wrong), Receipt(5, "b")]
    async with opened(app, broker):
        results = await receipts.publish_batch(
            batch, group=lambda receipt: receipt.customer[:1], deduplication_id=lambda receipt: str(receipt.order)
        )
        [ungrouped] = await receipts.publish_batch([Receipt(6)])
        of_one_group = await receipts.publish_batch([Receipt(7), Receipt(8)], group="c")
    sent = [
        (message.body[:10], message.group, message.deduplication_id) for message in on(broker.queues["receipts.fifo"])
    ]
    assert sent[:3] == [('{"order":1', "a", "1"), ('{"order":3', "a", "3"), ('{"order":5', "b", "5")]
    assert [isinstance(result, Failure) for result in results] == [False, True, False, True, False]
    assert results[3] == NOT_SENT
    assert isinstance(ungrouped, Failure)
    assert "need a group id" in ungrouped.reason
    assert not [result for result in of_one_group if isinstance(result, Failure)]


async def test_each_message_of_a_batch_has_the_group_that_its_content_is_given_also_without_deduplication_ids() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts.fifo", Receipt)
    async with opened(app, broker):
        await receipts.publish_batch([Receipt(1, "ann"), Receipt(2, "bob")], group=lambda receipt: receipt.customer)
    assert [message.group for message in on(broker.queues["receipts.fifo"])] == ["ann", "bob"]


async def test_a_function_in_a_thread_may_publish_from_an_event_loop_of_its_own() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts")
    async with opened(app, broker):
        published = await asyncio.to_thread(asyncio.run, receipts.publish(1))
        results = await asyncio.to_thread(asyncio.run, receipts.publish_batch([2]))
    assert list(broker.queues["receipts"].messages) == [published, *results]


async def test_an_application_may_publish_twice_at_a_time_and_goes_on_until_both_have_ended() -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts")
    async with opened(app, broker):
        async with opened(app, broker):
            await receipts.publish(1)
        await receipts.publish(2)
    with pytest.raises(PublisherError, match="has ended"):
        await receipts.publish(3)


async def test_publishing_outside_of_a_worker_ends_with_the_block() -> None:
    app = Loafer()
    receipts = app.publisher("memory://receipts", Receipt)
    async with app.publishing():
        assert await receipts.publish(Receipt(1))
    with pytest.raises(PublisherError, match="has ended"):
        await receipts.publish(Receipt(1))


@attrs.define(eq=False)
class Opening(Publisher):
    """A publisher that raises these when it is opened, one after the other, and then opens."""

    errors: list[Exception] = attrs.field(factory=list)
    events: list[str] = attrs.field(factory=list)

    async def open(self) -> None:
        self.events.append("open")
        if self.errors:
            raise self.errors.pop(0)

    async def publish(self, message: OutgoingMessage) -> str:
        return "1"

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        return ["1" for _ in messages]

    async def close(self) -> None:
        self.events.append("close")


def connected(*publishers: Publisher) -> tuple[Connections, QueuePublisher[Any]]:
    app = Loafer()
    made = [(app.publisher(f"q{number}"), publisher) for number, publisher in enumerate(publishers)]
    of_outlets = [(publisher.outlet, Connection(sends, json.dumps)) for publisher, sends in made]
    return Connections(of_outlets), made[0][0]


PASSING = PublisherError("cannot be reached for now", retryable=True)
GONE = PublisherError("does not exist")


async def test_a_worker_opens_what_cannot_be_reached_again_and_again_and_nothing_twice(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    late, early = Opening([PASSING, PASSING]), Opening()
    connections, publisher = connected(late, early)
    assert await connections.open(asyncio.Event())
    assert await publisher.publish(1) == "1"
    assert (late.events, early.events) == (["open"] * 3, ["open"])
    first, last = (record.getMessage() for record in caplog.records if "opening publishers" in record.getMessage())
    assert first == "trouble with opening publishers, trying again until it works: cannot be reached for now"
    assert last.startswith("opening publishers works again after")


async def test_what_will_not_pass_is_told_at_once_though_others_cannot_be_reached() -> None:
    connections, _ = connected(Opening([PASSING] * 99), Opening([GONE]), Opening([PublisherError("refuses us")]))
    with pytest.raises(PublisherError) as caught:
        await connections.open(asyncio.Event())
    assert (str(caught.value), caught.value.retryable) == ("does not exist\nrefuses us", False)


async def test_outside_of_a_worker_nothing_is_tried_again() -> None:
    late = Opening([PASSING])
    connections, _ = connected(late)
    with pytest.raises(PublisherError, match="cannot be reached") as caught:
        async with connections.opened():
            pass
    assert caught.value.retryable
    assert late.events == ["open", "close"]


async def test_a_stop_ends_the_wait_for_what_cannot_be_reached() -> None:
    late, stopping = Opening([PASSING] * 999), asyncio.Event()
    connections, _ = connected(late)
    asyncio.get_running_loop().call_later(3600, stopping.set)
    assert not await connections.open(stopping)
    assert asyncio.get_running_loop().time() == pytest.approx(3600, abs=1)


async def test_what_a_publisher_raises_that_it_should_not_is_raised() -> None:
    connections, _ = connected(Opening([GONE]), Opening([KeyError("broken")]))
    with pytest.raises(KeyError):
        await connections.open(asyncio.Event())
