"""The strategies generate what they promise."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.testing import World, deliver, strategies
from loafer.testing.sending import Timed


async def succeed(content: object) -> None:
    pass


@given(strategies.texts())
def test_texts_are_what_sqs_takes(text: str) -> None:
    assert text
    assert text.encode()
    assert all(c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" for c in text)


@given(strategies.bodies(strategies.contents()))
@settings(max_examples=30, deadline=None)
def test_contents_as_bodies_are_translated(body: str) -> None:
    assert deliver(succeed, body=body).outcome is Outcome.SUCCEEDED


@given(strategies.bodies())
def test_bodies_may_be_anything(body: str) -> None:
    assert isinstance(body, str)


@given(strategies.sns_envelopes())
@settings(max_examples=30, deadline=None)
def test_envelopes_hold_what_was_published(body: str) -> None:
    delivery = deliver(succeed, body=body, translator="loafer.aws.message_translator.SNSMessageTranslator")
    assert delivery.outcome is Outcome.SUCCEEDED
    assert delivery.content == json.loads(json.loads(body)["Message"])


@given(strategies.attributes())
def test_attributes_are_ten_at_most_and_none_is_aws_s(attributes: Mapping[str, Attribute]) -> None:
    assert len(attributes) <= 10
    assert not any(name.lower().startswith("aws") for name in attributes)


@given(st.data(), st.booleans())
def test_messages_fit_their_queue(data: st.DataObject, fifo: bool) -> None:
    message = data.draw(strategies.outgoing_messages(fifo=fifo))
    assert (message.group is not None) is fifo
    assert not (fifo and message.delay is not None)


@given(strategies.schedules(max_size=5, within=600))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_schedule_is_played(schedule: list[Timed]) -> None:
    with World() as world:
        world.queue("orders")
        world.play("orders", schedule)
        result = world.run(succeed, source="orders")
    assert len(result.acknowledged) == len(schedule)
    assert [round(d.message.sent_at or 0, 3) for d in result.deliveries] == pytest.approx(
        [timed.after for timed in schedule], abs=0.01
    )


@given(strategies.schedules(st.just(OutgoingMessage("1")), max_size=3))
def test_a_schedule_may_be_of_given_messages(schedule: list[Timed]) -> None:
    assert all(timed.message.body == "1" for timed in schedule)
