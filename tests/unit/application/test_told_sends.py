"""What is published is told to observers, and the contexts of their traces travel to whoever handles it."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import sentry_sdk
from opentelemetry import trace
from prometheus_client.parser import text_string_to_metric_families
from test_telemetry import PARENT, SENTRYS, Kept, Told, kept
from world import World

from loafer import Failure, Loafer, PublisherError
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.topic import envelope
from loafer.adapters.sentry.observer import SentryObserver
from loafer.application.connection import Connection
from loafer.application.measures import Measures
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.domain.metrics import text_of
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.wiring.connecting import Connecting
from loafer.ports.observer import Observer
from loafer.ports.publisher import Publisher

__all__ = ["kept"]
FULL = {f"a{number}": "v" for number in range(10)}


@asynccontextmanager
async def opened(app: Loafer[Any], broker: MemoryBroker, *observers: Observer, publisher: Any = None) -> Any:
    mistakes = Mistakes()
    to: Callable[[Any], Publisher] | None = None if publisher is None else lambda _: publisher
    connections = Connecting(mistakes, broker, publisher_to=to).connections(app)
    mistakes.raise_if_any()
    connections.tell(observers)
    async with connections.opened():
        yield connections


async def handled(broker: MemoryBroker, name: str, *observers: Observer) -> None:
    """Handle what is on a queue."""

    async def handle(_: object) -> None:
        await asyncio.sleep(0.1)

    world = World(broker.queue(name), handle)
    world.dispatcher.observers = observers
    await world.run_for(5)


@pytest.mark.parametrize("attributes", [{}, FULL], ids=["in attributes", "in the header"])
@pytest.mark.parametrize("way", ["queue", "raw topic", "topic"])
async def test_a_span_of_handling_is_linked_to_the_span_of_the_send(way: str, attributes: dict[str, Any]) -> None:
    app, broker, told = Loafer(), MemoryBroker(), Told()
    if way == "queue":
        published: Any = app.publisher("memory://orders")
    else:
        published = app.publisher(topic="memory://events")
        broker.topic("events").subscribe(broker.queue("orders"), raw=way == "raw topic")
    observer = told.observer()
    async with opened(app, broker, observer):
        identity = await published.publish({"any": 1}, attributes=attributes)
    assert not trace.get_current_span().get_span_context().is_valid
    await handled(broker, "orders", observer)
    send, process = told.spans
    assert (send.name, send.kind) == (f"send {'orders' if way == 'queue' else 'events'}", trace.SpanKind.PRODUCER)
    said = dict(send.attributes or {})
    assert said["messaging.message.id"] == identity
    assert said["messaging.system"] == ("aws_sqs" if way == "queue" else "aws.sns")
    linked = [link.context.span_id for link in process.links]
    assert linked == ([] if attributes and way != "queue" else [send.context.span_id])


async def test_a_batch_is_one_span_whose_context_goes_with_each_message() -> None:
    app, broker, told, measures = Loafer(), MemoryBroker(), Told(), Measures()
    receipts = app.publisher("memory://receipts.fifo")
    async with opened(app, broker, told.observer(), measures):
        await receipts.publish_batch(list(range(12)), group=str)
    [span] = told.spans
    assert (span.attributes or {})["messaging.batch.message_count"] == 12
    carried = {message.attributes["traceparent"].value for message in broker.queues["receipts.fifo"].messages.values()}
    assert carried == {f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"}
    assert told.points("messaging.client.sent.messages", "messaging.system")["aws_sqs"].value == 12
    samples = [s for family in text_string_to_metric_families(text_of(measures.families())) for s in family.samples]
    [sent] = [sample for sample in samples if sample.name == "messaging_client_sent_messages_total"]
    assert (sent.value, sent.labels) == (
        12, {"messaging_system": "aws_sqs", "messaging_destination_name": "receipts.fifo"}
    )  # fmt: skip


@attrs.define(eq=False)
class Refuses(Publisher):
    """Sends every second message of a batch, and no single one."""

    error: BaseException
    got: list[OutgoingMessage] = attrs.field(factory=list)

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def publish(self, message: OutgoingMessage) -> str:
        self.got.append(message)
        raise self.error

    async def publish_batch(self, messages: Sequence[OutgoingMessage]) -> Sequence[str | Failure]:
        return ["id", Failure("no")] * (len(messages) // 2)


@pytest.mark.parametrize("error", [PublisherError("no"), asyncio.CancelledError()])
async def test_what_was_not_sent_is_an_error_of_the_span_and_counted_as_such(error: BaseException) -> None:
    app, told, measures = Loafer(), Told(), Measures()
    receipts = app.publisher("receipts")
    async with opened(app, MemoryBroker(), told.observer(), SentryObserver(), measures, publisher=Refuses(error)):
        with pytest.raises(type(error)):
            await receipts.publish(1)
        await receipts.publish_batch([1, 2, 3, 4])
    kind = type(error).__qualname__
    assert [span.status.status_code for span in told.spans] == [trace.StatusCode.ERROR] * 2
    assert [(span.attributes or {})["error.type"] for span in told.spans] == [kind, "PublisherError"]
    truth = {"": 2, "PublisherError": 3} if kind == "PublisherError" else {"": 2, "PublisherError": 2, kind: 1}
    points = told.points("messaging.client.sent.messages", "error.type")
    assert {name: point.value for name, point in points.items()} == truth
    assert {wrong: number for (_, _, wrong), number in measures.sends.items()} == truth


async def test_of_a_single_message_that_breaks_a_limit_nobody_is_told() -> None:
    app, told = Loafer(), Told()
    receipts = app.publisher("receipts.fifo")
    publisher = Refuses(PublisherError("no"))
    async with opened(app, MemoryBroker(), told.observer(), publisher=publisher):
        with pytest.raises(PublisherError, match=r"^queue 'receipts.fifo' does not take the message: it has no group"):
            await receipts.publish(1)
    assert not told.spans
    assert not publisher.got


class Breaks(Observer):
    """Raises, or wants what cannot be to go with messages."""

    def __init__(self, context: object) -> None:
        self.context = context

    def sending(self, to: str, messages: Sequence[OutgoingMessage], *, topic: bool) -> Mapping[str, str]:
        if self.context is None:
            raise ValueError(to)
        return self.context  # type: ignore[return-value]  # that is the point

    def sent(self, *_: object, **__: object) -> None:
        raise ValueError


@pytest.mark.parametrize("context", [None, 5, {5: "x"}, {"x": 5}, {"": ""}, {"é": "x"}, {"x": "\x00"}, {"AWS.x": "y"}])
async def test_a_send_never_fails_for_an_observer(context: object, caplog: pytest.LogCaptureFixture) -> None:
    app, broker = Loafer(), MemoryBroker()
    receipts = app.publisher("memory://receipts")
    async with opened(app, broker, Breaks(context)):
        identity = await receipts.publish(1)
    assert broker.queues["receipts"].messages == {identity: OutgoingMessage("1")}
    assert "an observer failed, which is said once" in caplog.text


async def test_where_nobody_listens_nothing_goes_with_a_message_and_nothing_is_called() -> None:
    class Deaf(Observer):
        """Wants to know nothing of sends."""

        def ended(self, *_: Any) -> None:
            pass

    app, broker = Loafer(), MemoryBroker()
    app.publisher("memory://receipts")
    async with opened(app, broker, Deaf()) as connections:
        assert [connection.told for _, connection in connections.of_outlets] == [None]


async def test_a_transaction_continues_the_trace_of_the_send(kept: Kept) -> None:
    for attributes in ({}, FULL):
        kept.items.clear()
        app, broker = Loafer(), MemoryBroker()
        orders = app.publisher("memory://orders")
        async with opened(app, broker, SentryObserver()):
            with sentry_sdk.start_transaction(name="web", op="http.server"):
                identity = await orders.publish(1, attributes=attributes)
        await handled(broker, "orders", SentryObserver())
        web, process = kept.of("transaction")
        [span] = web["spans"]
        assert (span["op"], span["data"]["messaging.message.id"]) == ("queue.publish", identity)
        assert process["contexts"]["trace"]["trace_id"] == web["contexts"]["trace"]["trace_id"]
        assert process["contexts"]["trace"]["parent_span_id"] == span["span_id"]


@pytest.mark.parametrize(
    "message",
    [
        OutgoingMessage("1", {"sentry-trace": Attribute(SENTRYS)}),
        OutgoingMessage("1", {"traceparent": Attribute(PARENT)}),
        OutgoingMessage(envelope(OutgoingMessage("1", {"sentry-trace": Attribute(SENTRYS)}), "1", "events", 0)),
    ],
    ids=["sentry", "w3c", "envelope"],
)
async def test_a_transaction_continues_a_trace_however_that_was_told(message: OutgoingMessage, kept: Kept) -> None:
    broker = MemoryBroker()
    broker.queue("orders").send(message)
    await handled(broker, "orders", SentryObserver())
    [transaction] = kept.of("transaction")
    assert transaction["contexts"]["trace"]["trace_id"] == SENTRYS.partition("-")[0]


@pytest.mark.parametrize(
    "body",
    [
        '{"TopicArn": "", "MessageAttributes": [',
        '{"TopicArn": "", "MessageAttributes": 5}',
        '{"TopicArn": "", "MessageAttributes": {"traceparent": 5, "tracestate": {"Type": "String"}}}',
        '{"TopicArn": "", "MessageAttributes": ' + "[" * 100_000,
        '["TopicArn", "MessageAttributes"]',
        json.dumps({"TopicArn": "", "MessageAttributes": {"traceparent": {"Type": "String", "Value": "x"}}}),
    ],
)
async def test_what_is_no_context_in_an_envelope_harms_nobody(body: str, caplog: pytest.LogCaptureFixture) -> None:
    broker, told = MemoryBroker(), Told()
    broker.queue("orders").send(OutgoingMessage(body))
    await handled(broker, "orders", told.observer())
    [span] = told.spans
    assert span.links == ()
    assert "an observer failed" not in caplog.text


async def test_threads_that_publish_have_spans_too() -> None:
    app, broker, told, measures = Loafer(), MemoryBroker(), Told(), Measures()
    orders = app.publisher("memory://orders")
    async with opened(app, broker, told.observer(), measures):
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, orders.publish(n)) for n in range(20)))
    assert len({span.context.span_id for span in told.spans}) == 20
    assert measures.sends == {("aws_sqs", "orders", ""): 20}


async def test_publishing_outside_of_a_worker_is_told_to_whom_the_settings_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOAFER_OBSERVERS", f"{__name__}.Notes")
    seen.clear()
    app = Loafer()
    receipts = app.publisher("memory://receipts")
    async with app.publishing():
        await receipts.publish(1)
    assert seen == ["receipts"]


seen: list[str] = []


class Notes(Observer):
    """Notes to where messages are sent."""

    def sending(self, to: str, messages: Sequence[OutgoingMessage], *, topic: bool) -> None:
        seen.append(to)


@attrs.define(eq=False)
class Adds(Observer):
    """Wants something to go with what is sent."""

    more: Any

    def sending(self, to: str, messages: Sequence[OutgoingMessage], *, topic: bool) -> Any:
        return self.more


async def test_of_what_several_add_to_messages_baggage_is_a_list_and_the_last_one_says_the_rest() -> None:
    app, broker = Loafer(), MemoryBroker()
    orders = app.publisher("memory://orders")
    first = Adds({"baggage": "a=1", "traceparent": "an earlier one", "number": 5, 5: "five"})
    async with opened(app, broker, first, Adds(None), Adds({"baggage": "b=2", "traceparent": "a later one"})):
        await orders.publish({"any": 1})
    [message] = broker.queues["orders"].messages.values()
    assert {name: each.value for name, each in message.attributes.items()} == {
        "baggage": "a=1,b=2",
        "traceparent": "a later one",
    }


async def test_what_is_published_after_the_end_is_refused_by_the_publisher_itself_in_whatever_loop() -> None:
    refused = PublisherError("it is closed")
    connection = Connection(Refuses(refused), str)
    await connection.open()
    assert connection.is_here
    await connection.close()
    assert not connection.is_here
    with pytest.raises(PublisherError) as caught:
        await connection.publish(OutgoingMessage("one"))
    assert caught.value is refused
