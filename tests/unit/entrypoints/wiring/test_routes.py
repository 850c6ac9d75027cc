import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.pool import ThreadPool
from loafer.application.route import Call
from loafer.domain.message import Message, Notification
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import RouteSettings, Settings
from loafer.entrypoints.wiring.routes import Wiring

ROUTE = RouteSettings(source="orders", name="orders", options={"WaitTimeSeconds": 1}, origins={"source": "a test"})


class Own(MemoryConsumer):
    def __init__(self, source: str, options: Mapping[str, Any]) -> None:
        super().__init__(MemoryQueue(source), wait_time=options["WaitTimeSeconds"])


class Shy(MemoryConsumer):
    def __init__(self, source: str, options: Mapping[str, Any]) -> None:
        raise OSError("not today")


async def of_message(message: Message) -> None: ...


@pytest.fixture
def wiring() -> Iterator[Wiring]:
    with ThreadPool(1) as pool:
        yield Wiring(Mistakes(), pool, MemoryBroker())


def complaints(wiring: Wiring, **fields: object) -> list[str]:
    assert wiring.routes((attrs.evolve(ROUTE, **fields),)) == []  # type: ignore[arg-type]
    return [str(mistake) for mistake in wiring.mistakes.found]


def test_names_become_what_they_name(wiring: Wiring) -> None:
    [route] = wiring.routes((ROUTE,))
    assert (route.name, route.source) == ("orders", "orders")
    assert route.translate(Message("1", '{"a": 1}', "r")) == {"content": {"a": 1}}
    consumer = route.consumer()
    assert isinstance(consumer, SQSConsumer)
    assert (consumer.source, consumer.wait_time) == ("orders", 1)


def test_a_translator_by_name_tells_notifications_to_a_handler_of_the_message_alone(wiring: Wiring) -> None:
    translator = "loafer.aws.message_translator.SNSMessageTranslator"
    [route] = wiring.routes((attrs.evolve(ROUTE, handler=f"{__name__}.of_message", translator=translator),))
    assert isinstance(route.call, Call)
    assert route.call.notice is not None
    topic = "arn:aws:sns:sa-east-1:123456789012:orders"
    body = json.dumps({"Type": "Notification", "MessageId": "n-1", "TopicArn": topic, "Message": "hello"})
    assert route.call.notice(body) == Notification(topic, "n-1")


SNS = "loafer.aws.message_translator.SNSMessageTranslator"
TOPIC = "arn:aws:sns:sa-east-1:123456789012:orders"


def shared(**values: object) -> Settings:
    return Settings(origins=dict.fromkeys(values, "a test"), **values)  # type: ignore[arg-type]


def test_what_is_set_for_translators_is_given_to_those_that_take_it(wiring: Wiring) -> None:
    told = attrs.evolve(wiring, shared=shared(sns_topics=(TOPIC,)))
    [route, _] = told.routes((attrs.evolve(ROUTE, translator=SNS), ROUTE))
    with pytest.raises(ValueError, match="no SNS envelope"):
        route.translate(Message("1", "{}", "r"))
    assert wiring.mistakes.found == []


@pytest.mark.parametrize("values", [{"sns_topics": (TOPIC,)}, {"sns_verify": True}])
@pytest.mark.parametrize("translator", ["SQSMessageTranslator", "StringMessageTranslator"])
def test_what_no_translator_takes_is_a_mistake(wiring: Wiring, translator: str, values: dict[str, object]) -> None:
    name = f"loafer.aws.message_translator.{translator}"
    attrs.evolve(wiring, shared=shared(**values)).routes((attrs.evolve(ROUTE, translator=name),))
    [mistake] = wiring.mistakes.found
    assert str(mistake).startswith(f"LOAFER_{next(iter(values)).upper()}=")
    assert f"(a test): no route's translator takes it; name one that does: {SNS}" in str(mistake)


def test_what_no_translator_takes_is_not_told_where_one_does_not_load(wiring: Wiring) -> None:
    told = attrs.evolve(wiring, shared=shared(sns_verify=True))
    assert len(complaints(told, translator="no.translator")) == 1


def test_signatures_that_cannot_be_checked_are_a_mistake_that_names_the_extra(
    wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "loafer.adapters.aws.sns_certificates", None)
    told = complaints(attrs.evolve(wiring, shared=shared(sns_verify=True)), translator=SNS)
    assert [line.partition("): ")[2] for line in told] == [
        "verify=True needs cryptography; pip install 'loafer[sns]'",
    ]


def test_every_consumer_is_a_new_one(wiring: Wiring) -> None:
    [route] = wiring.routes((ROUTE,))
    assert route.consumer() is not route.consumer()


def test_a_memory_source_is_received_from_the_broker_whatever_the_consumer_class(wiring: Wiring) -> None:
    [route] = wiring.routes((attrs.evolve(ROUTE, source="memory://orders", consumer="no.such"),))
    consumer = route.consumer()
    assert isinstance(consumer, MemoryConsumer)
    assert consumer.queue is wiring.broker.queue("orders")


def test_a_consumer_of_ones_own_is_created_with_the_source_and_the_options(wiring: Wiring) -> None:
    [route] = wiring.routes((attrs.evolve(ROUTE, consumer=f"{__name__}.Own"),))
    consumer = route.consumer()
    assert isinstance(consumer, Own)
    assert (consumer.queue.name, consumer.wait_time) == ("orders", 1)


def test_the_consumer_alone_knows_the_secrets_of_a_source(wiring: Wiring) -> None:
    source = "https://me:TOPSECRET@host/1/orders?token=TOPSECRET"
    [route] = wiring.routes((attrs.evolve(ROUTE, source=source),))
    consumer = route.consumer()
    assert isinstance(consumer, SQSConsumer)
    assert (route.source, consumer.source) == ("https://host/1/orders", source)


@pytest.mark.parametrize("name", ["", "no queue", "a" * 90])
@pytest.mark.parametrize("scheme", ["https", "HTTPS", "ftp"])
def test_a_mistake_in_a_source_shows_no_secret_of_it(wiring: Wiring, scheme: str, name: str) -> None:
    [told] = complaints(wiring, source=f"{scheme}://me:TOPSECRET@host/{name}?token=TOPSECRET")
    assert told.startswith(
        f"LOAFER_DEFAULT_ROUTE_SOURCE='{scheme}://host/{name}' (a test): '{scheme}://host/{name}' is"
    )
    assert "TOPSECRET" not in told


def test_a_consumer_that_can_be_created_with_a_transport_gets_it(wiring: Wiring) -> None:
    told = attrs.evolve(wiring, transport="aiobotocore")
    [route, own] = told.routes((ROUTE, attrs.evolve(ROUTE, consumer=f"{__name__}.Own")))
    consumer = route.consumer()
    assert isinstance(consumer, SQSConsumer)
    assert consumer.transport == "aiobotocore"
    assert isinstance(own.consumer(), Own)


def test_a_consumer_of_ones_own_that_cannot_be_created_is_a_mistake(wiring: Wiring) -> None:
    name = f"{__name__}.Shy"
    assert complaints(wiring, consumer=name) == [
        f"LOAFER_DEFAULT_CONSUMER_CLASS='{name}' (default): creating it raised OSError: not today"
    ]


def test_everything_that_does_not_load_is_told(wiring: Wiring) -> None:
    told = complaints(wiring, handler="no.handler", translator="no.translator", consumer="no.consumer")
    assert [line.split("=")[0] for line in told] == [
        "LOAFER_DEFAULT_ROUTE_HANDLER",
        "LOAFER_DEFAULT_MESSAGE_TRANSLATOR_CLASS",
        "LOAFER_DEFAULT_CONSUMER_CLASS",
    ]


def test_what_is_no_queue_is_a_mistake_in_the_source(wiring: Wiring) -> None:
    [told] = complaints(wiring, source="no queue")
    assert told.startswith("LOAFER_DEFAULT_ROUTE_SOURCE='no queue' (a test): 'no queue' is not a queue name")


def test_a_source_that_is_missing_was_told_before(wiring: Wiring) -> None:
    assert complaints(wiring, source="") == []


def test_each_wrong_option_is_a_mistake_in_the_options(wiring: Wiring) -> None:
    told = complaints(wiring, options={"WaitTimeSeconds": 21, "MaxNumberOfMessages": 0})
    assert len(told) == 2
    assert all(line.startswith("LOAFER_DEFAULT_CONSUMER_OPTIONS=") for line in told)


def test_a_mistake_that_two_routes_share_is_told_once(wiring: Wiring) -> None:
    wrong = attrs.evolve(ROUTE, handler="no.such")
    assert wiring.routes((wrong, attrs.evolve(wrong, name="again"), ROUTE))[0].name == "orders"
    assert len(wiring.mistakes.found) == 1


@pytest.mark.parametrize(
    "elsewhere", ["orders", "https://sqs.eu-west-1.amazonaws.com/1/orders", "arn:aws:sqs:eu-west-1:1:orders"]
)
def test_two_routes_that_would_take_each_others_messages_are_told(
    wiring: Wiring, caplog: pytest.LogCaptureFixture, elsewhere: str
) -> None:
    second = attrs.evolve(ROUTE, name="second", source=elsewhere)
    assert len(wiring.routes((ROUTE, second))) == len(wiring.routes((second, ROUTE))) == 2
    for names in ("orders and second", "second and orders"):
        assert (
            f"routes {names} both receive from orders, and each of its messages comes to either of them" in caplog.text
        )


def test_routes_of_queues_of_their_own_are_not_told_of(wiring: Wiring, caplog: pytest.LogCaptureFixture) -> None:
    sources = ("orders", "orders.fifo", "https://sqs.eu-west-1.amazonaws.com/1/bills", "https://a.b/2/bills")
    wiring.routes(tuple(attrs.evolve(ROUTE, name=source[-8:], source=source) for source in sources))
    assert caplog.text == ""
