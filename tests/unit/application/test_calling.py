"""How handlers are called with what they take, and what becomes of content that does not fit."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from world import World, queue

from loafer.adapters.aws.translator import SNSMessageTranslator, StringMessageTranslator
from loafer.application.calling import batch_call_of, call_of, checked, translator_of
from loafer.application.delivery import deliver
from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.application.report import report
from loafer.application.route import Call, Route, Surroundings
from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import HandlerTimeout, InvalidContent
from loafer.ports.consumer import Consumer
from loafer.ports.decoder import Decode, Decoder

MESSAGE = Message("1", "5", "receipt", receive_count=2)


class Number(int):
    """A type that content is made into."""


class NumberDecoder(Decoder):
    """Reads numbers, and nothing else."""

    def decoding(self, kind: Any) -> Decode:
        if kind is not Number:
            raise ValueError(f"{kind.__name__} cannot be read")
        return self._decode

    def _decode(self, content: object) -> Number:
        if not isinstance(content, int):
            raise InvalidContent("$", "expected int")
        return Number(content)


@attrs.define
class Given:
    """What handlers were given."""

    values: list[object] = attrs.field(factory=list)

    def note(self, *values: object) -> None:
        self.values += values


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    with ThreadPool(1, "pool") as executor:
        yield executor


def no_consumer() -> Consumer:
    raise NotImplementedError


def translate(message: Message) -> object:
    return {"content": int(message.body) if message.body.isdigit() else message.body}


def route(handler: object, pool: ThreadPool, around: Surroundings | None = None) -> Route:
    around = around or Surroundings("orders", state="state", most_attempts=5)
    return Route("orders", "orders", no_consumer, translate, call_of(handler, pool, NumberDecoder(), around), around)


async def test_content_is_made_into_the_type_that_is_asked_for(pool: ThreadPool) -> None:
    async def handle(number: Number) -> None:
        given.note(number)

    given = Given()
    delivery = await deliver(route(handle, pool), MESSAGE, None)
    assert given.values == [Number(5)]
    assert isinstance(given.values[0], Number)
    assert (delivery.outcome, delivery.content) == (Outcome.SUCCEEDED, given.values[0])


async def test_content_that_does_not_fit_calls_no_handler_and_keeps_the_message(
    pool: ThreadPool, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(number: Number) -> None:
        raise AssertionError("it was called")

    with caplog.at_level(logging.DEBUG):
        delivery = await deliver(route(handle, pool), attrs.evolve(MESSAGE, body="secret"), None)
        report(delivery, "full")
    assert isinstance(delivery.error, InvalidContent)
    assert (delivery.outcome, delivery.content) == (Outcome.FAILED, "secret")
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == "message 1 on route orders is kept: its content does not fit: $: expected int"
    assert record.exc_info is None


async def test_a_handler_of_message_or_context_alone_wants_no_content(pool: ThreadPool) -> None:
    async def of_message(message: Message) -> None:
        given.note(message)

    async def of_context(context: Context[str]) -> None:
        given.note(context.message, context.state, context.attempt, context.attempts_left, context.route)

    def refuse(_: Message) -> object:
        raise AssertionError("it was translated")

    given = Given()
    for handler in (of_message, of_context):
        delivery = await deliver(attrs.evolve(route(handler, pool), translate=refuse), MESSAGE, None)
        assert (delivery.outcome, delivery.content) == (Outcome.SUCCEEDED, "5")
    assert given.values == [MESSAGE, MESSAGE, "state", 2, 3, "orders"]


async def test_a_translator_that_checks_messages_is_called_even_if_nobody_wants_the_content(
    pool: ThreadPool,
) -> None:
    async def handle(message: Message) -> None:
        given.note(message.id)

    topic = "arn:aws:sns:sa-east-1:123456789012:orders"
    envelope = {"Type": "Notification", "MessageId": "n-1", "Message": "no JSON", "TopicArn": topic}
    given = Given()
    for translator, body, outcome in [
        (SNSMessageTranslator(), "anybody's", Outcome.SUCCEEDED),
        (SNSMessageTranslator([topic]), "anybody's", Outcome.UNTRANSLATED),
        (SNSMessageTranslator([topic]), json.dumps({**envelope, "TopicArn": topic + "-not"}), Outcome.UNTRANSLATED),
        (SNSMessageTranslator([topic]), json.dumps({**envelope, "Message": "1"}), Outcome.SUCCEEDED),
        (StringMessageTranslator(), "anybody's", Outcome.SUCCEEDED),
    ]:
        made = route(handle, pool)
        assert isinstance(made.call, Call)
        made = attrs.evolve(made, translate=translator_of(translator, pool), call=checked(made.call, translator))
        assert (await deliver(made, attrs.evolve(MESSAGE, body=body), None)).outcome is outcome
    assert given.values == ["1"] * 3


async def test_the_second_parameter_is_message_or_context(pool: ThreadPool) -> None:
    async def with_message(number: Number, message: Message) -> None:
        given.note(number, message)

    async def with_context(content: Any, context: Context[str]) -> None:
        given.note(content, context.message)

    def in_a_thread(content: Any, message: Message) -> None:
        given.note(content, message, threading.current_thread().name)

    class Handler:
        async def __call__(self, content: Any, context: Context[str]) -> None:
            given.note(content, context.state)

    given = Given()
    for handler in (with_message, with_context, in_a_thread, Handler):
        assert (await deliver(route(handler, pool), MESSAGE, None)).outcome is Outcome.SUCCEEDED
    assert given.values == [5, MESSAGE, 5, MESSAGE, 5, MESSAGE, "pool_0", 5, "state"]


async def test_a_handler_with_a_context_can_take_too_long_too(pool: ThreadPool) -> None:
    async def handle(content: Any, context: Context[None]) -> None:
        await asyncio.sleep(1000)

    assert isinstance((await deliver(route(handle, pool), MESSAGE, 5)).error, HandlerTimeout)


def test_a_handler_that_wants_only_content_is_called_with_it_alone(pool: ThreadPool) -> None:
    async def handle(content: dict[str, Any]) -> None: ...
    async def untyped(content) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001

    call = call_of(untyped, pool, NumberDecoder(), Surroundings("orders"))
    assert (call.handle, call.decode, call.arguments, call.translated) == (untyped, None, None, True)


def test_a_type_that_cannot_be_read_names_the_parameter(pool: ThreadPool) -> None:
    async def handle(order: set[int]) -> None: ...

    with pytest.raises(ValueError, match="the type of its parameter 'order': set cannot be read"):
        call_of(handle, pool, NumberDecoder(), Surroundings("orders"))


def test_the_type_of_the_content_may_be_said_where_the_handler_is_registered(pool: ThreadPool) -> None:
    async def untyped(content: Any) -> None: ...
    async def typed(content: Number) -> None: ...
    async def wants_a_message(message: Message) -> None: ...

    around = Surroundings("orders")
    for handler in (untyped, typed):
        call = call_of(handler, pool, NumberDecoder(), around, Number)
        assert call.decode is not None
        assert isinstance(call.decode(5), Number)
    wrong: list[tuple[object, object]] = [(typed, list[int]), (wants_a_message, Number)]
    for mistaken, content in wrong:
        with pytest.raises(ValueError, match=r"takes something else than content=.*; say it once"):
            call_of(mistaken, pool, NumberDecoder(), around, content)


def test_a_handler_of_many_is_called_with_items_and_a_context(pool: ThreadPool) -> None:
    async def many(batch: list[Item[Number]], context: Context[None]) -> None: ...
    def untyped(batch: Any) -> None: ...

    call = batch_call_of(many, pool, NumberDecoder(), size=500, wait=1.5)
    assert (call.handle, call.contextual, call.size, call.wait) == (many, True, 500, 1.5)
    assert call.decode is not None
    call = batch_call_of(untyped, pool, NumberDecoder(), size=1, wait=0)
    assert (type(call.handle), call.contextual, call.decode) == (ThreadHandler, False, None)
    assert batch_call_of(untyped, pool, NumberDecoder(), size=1, wait=0, content=Number).decode is not None


@pytest.mark.parametrize(("limit", "count", "left"), [(None, 1, None), (5, 1, 4), (5, 5, 0), (5, 9, 0)])
def test_attempts_are_left_until_the_source_moves_the_message(limit: int | None, count: int, left: int | None) -> None:
    around = Surroundings("orders", most_attempts=limit)
    assert around.context_of(attrs.evolve(MESSAGE, receive_count=count)).attempts_left == left


async def test_a_running_route_knows_the_redrive_policy_of_its_source() -> None:
    source = queue("orders", "5", dead_letters=queue("dead"), max_receive_count=3)
    world = World(source, lambda _: asyncio.sleep(0))
    async with world:
        await asyncio.sleep(1)
        [lane] = world.dispatcher._lanes
        assert lane.route.around.most_attempts == 3
