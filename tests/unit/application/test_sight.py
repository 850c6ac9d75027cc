"""What conditions see of a message, and when its body is translated for them."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from loafer.application.sight import MessageSight, chosen
from loafer.domain.choosing import Chooser
from loafer.domain.conditions import Condition, attribute, body, group, rule_of, subject, topic
from loafer.domain.message import Attribute, Message, Notification
from loafer.domain.rules import Ask

MESSAGE = Message(
    "1",
    "{}",
    "receipt",
    group="g",
    attributes={
        "kind": Attribute("created"),
        "version": Attribute("2.0", "Number"),
        "price": Attribute("0.1", "Number.float"),
        "odd": Attribute("much", "Number"),
        "nan": Attribute("sNaN", "Number"),
        "endless": Attribute("1" * 1000, "Number"),
        "key": Attribute(b"\x00", "Binary"),
    },
)
CONTENT = {"kind": "refund", "order": {"paid": True, "lines": [1], "note": None}}
NOTIFICATION = Notification("arn:aws:sns:sa-east-1:123456789012:events", "n-1", "hello", attributes=MESSAGE.attributes)
PLAIN = attrs.evolve(MESSAGE, attributes={}, group=None)


@attrs.define
class Translating:
    """What a translator returned, and how often it was asked."""

    returned: Mapping[str, Any] | None
    asked: int = 0

    async def __call__(self) -> Mapping[str, Any] | None:
        self.asked += 1
        return self.returned


async def first(
    conditions: Sequence[Condition | Ask | None], message: Message, translating: Translating, *, enveloped: bool = False
) -> int | None:
    rules = [(rule_of(condition), number) for number, condition in enumerate(conditions)]
    return await chosen(Chooser.of(rules), MessageSight(message, enveloped), translating)


@pytest.mark.parametrize(
    "condition",
    [
        attribute("kind") == "created",
        attribute("version") == 2,
        attribute("price") == 0.1,
        attribute("version").isin({1, 2, 3}),
        attribute("odd") == "much",
        attribute("nan").present,
        attribute("endless").startswith("11"),
        attribute("key") == b"\x00",
        ~attribute("none").present,
        group == "g",
        lambda message: message.id == "1",
    ],
)
async def test_what_needs_no_body_is_decided_without_it(condition: Condition | Ask) -> None:
    translating = Translating({"content": CONTENT})
    assert await first([condition, body("kind") == "refund"], MESSAGE, translating) == 0
    assert translating.asked == 0


@pytest.mark.parametrize(
    "condition",
    [
        body("kind") == "refund",
        body("order.paid") == True,  # noqa: E712
        body("order.lines").present,
        body("order.note") == None,  # noqa: E711
        ~body("order.paid.more").present,
        ~body("none.more").present,
        ~(body("order") == "refund"),
    ],
)
async def test_a_body_is_translated_once_for_those_that_look_into_it(condition: Condition) -> None:
    translating = Translating({"content": CONTENT})
    assert await first([body("kind") == "other", condition], MESSAGE, translating) == 1
    assert translating.asked == 1


@pytest.mark.parametrize("returned", [None, {}, {"content": None}, {"content": ["kind"]}])
async def test_of_a_body_that_cannot_be_translated_nothing_is_seen(returned: Mapping[str, Any] | None) -> None:
    assert await first([body("kind").present, None], MESSAGE, Translating(returned)) == 1
    assert await first([body("kind").present], MESSAGE, Translating(returned)) is None


@pytest.mark.parametrize(
    "condition",
    [
        topic == NOTIFICATION.topic,
        topic.startswith("arn:"),
        subject == "hello",
        attribute("kind") == "created",
        attribute("version") == 2,
        lambda message: message.notification is NOTIFICATION,
    ],
)
async def test_what_came_through_a_topic_is_seen_as_its_envelope_tells_it(condition: Condition | Ask) -> None:
    translating = Translating({"content": CONTENT, "notification": NOTIFICATION})
    assert await first([condition], PLAIN, translating, enveloped=True) == 0
    assert translating.asked == 1


async def test_without_an_envelope_there_is_neither_topic_nor_subject() -> None:
    translating = Translating({"content": CONTENT})
    for enveloped in (False, True):
        assert await first([topic.present, subject.present], PLAIN, translating, enveloped=enveloped) is None
    no_subject = Translating({"content": 1, "notification": attrs.evolve(NOTIFICATION, subject=None)})
    assert await first([subject.present], PLAIN, no_subject, enveloped=True) is None
    assert await first([group.present], PLAIN, translating) is None


async def test_raw_delivery_is_decided_by_the_messages_own_attributes_without_its_body() -> None:
    translating = Translating({"content": CONTENT})
    assert await first([attribute("kind") == "created"], MESSAGE, translating, enveloped=True) == 0
    assert translating.asked == 0


async def test_what_a_users_condition_raises_is_raised() -> None:
    def broken(_: Message) -> bool:
        raise LookupError

    with pytest.raises(LookupError):
        await first([broken], MESSAGE, Translating(None))


async def coroutine(_: Message) -> bool:
    return False


def delayed(message: Message) -> Any:
    return coroutine(message)


def generating(message: Message) -> Any:
    return (each for each in [message])


@pytest.mark.parametrize("condition", [delayed, generating])
async def test_a_condition_that_returns_what_nobody_has_computed_yet_raises(condition: Ask) -> None:
    with pytest.raises(TypeError, match=r"the condition returned a (coroutine|generator) and no answer: write it"):
        await first([condition], MESSAGE, Translating(None))


@pytest.mark.parametrize(("said", "chosen"), [(1, 0), ("", None), ([MESSAGE], 0), (None, None)])
async def test_a_condition_may_say_yes_by_whatever_is_true(said: Any, chosen: int | None) -> None:
    assert await first([lambda _: said], MESSAGE, Translating(None)) == chosen
