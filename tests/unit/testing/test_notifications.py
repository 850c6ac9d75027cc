"""What a topic says reaches the handlers that want the message, in the test kit as in a worker."""

import json
from typing import Any

import pytest

from loafer.aws.message_translator import SNSMessageTranslator
from loafer.domain.context import Context
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, Notification
from loafer.testing import World, deliver

TOPIC = "arn:aws:sns:sa-east-1:123456789012:orders"
FIELDS = {"Type": "Notification", "MessageId": "n-1", "TopicArn": TOPIC, "Subject": "greeting", "Message": '"hello"'}
ENVELOPE = json.dumps(FIELDS)
NOTIFICATION = Notification(TOPIC, "n-1", "greeting", "Notification")


async def of_content_and_message(content: Any, message: Message) -> None:
    seen.append(message.notification)


async def of_message(message: Message) -> None:
    seen.append(message.notification)


async def of_context(context: Context[Any]) -> None:
    seen.append(context.message.notification)


def in_a_thread(content: Any, context: Context[Any]) -> None:
    seen.append(context.message.notification)


seen: list[object] = []
HANDLERS = [of_content_and_message, of_message, of_context, in_a_thread]
TRANSLATORS = {
    "a class": SNSMessageTranslator,
    "a name": "loafer.aws.message_translator.SNSMessageTranslator",
    "one of topics": SNSMessageTranslator([TOPIC]),
}


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("translator", TRANSLATORS.values(), ids=TRANSLATORS.keys())
def test_a_handler_that_wants_the_message_sees_topic_subject_and_type(handler: object, translator: object) -> None:
    assert deliver(handler, body=ENVELOPE, translator=translator).acknowledged
    assert seen == [NOTIFICATION]


@pytest.mark.parametrize("handler", HANDLERS)
def test_raw_delivery_tells_none(handler: object) -> None:
    assert deliver(handler, body='{"a": 1}', translator=SNSMessageTranslator).acknowledged
    assert seen == [None]


@pytest.mark.parametrize("body", ["no JSON", "[", json.dumps({**FIELDS, "TopicArn": None}), "\ud800"])
def test_a_handler_of_the_message_alone_sees_none_where_no_envelope_can_be_read(body: str) -> None:
    assert deliver(of_message, body=body, translator=SNSMessageTranslator).acknowledged
    assert seen == [None]


def test_a_handler_of_the_message_alone_needs_no_json_in_the_envelope() -> None:
    body = json.dumps({**FIELDS, "Message": "plain text"})
    assert deliver(of_message, body=body, translator=SNSMessageTranslator).acknowledged
    assert seen == [NOTIFICATION]


def test_a_handler_of_the_message_alone_gets_none_of_another_topic() -> None:
    delivery = deliver(of_message, body=ENVELOPE, translator=SNSMessageTranslator([TOPIC + "s"]))
    assert (delivery.outcome, seen) == (Outcome.UNTRANSLATED, [])


def test_a_topic_of_a_world_is_told_too() -> None:
    with World() as world:
        world.queue("orders")
        world.topic("news").subscribe("orders")
        world.publish("news", 1)
        result = world.run(of_content_and_message, source="orders", translator=SNSMessageTranslator)
    assert result.outcomes == ["succeeded"]
    [notification] = seen
    assert isinstance(notification, Notification)
    assert (notification.topic, notification.subject) == ("arn:aws:sns:memory:000000000000:news", None)
