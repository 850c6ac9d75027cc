"""Handlers that ask for content of a type, for the message or for a context, from the body to the end of a run."""

import json
from typing import Any, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from loafer.domain.context import Context
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import InvalidContent
from loafer.testing import World, deliver

seen: list[object] = []


@attrs.frozen
class Order:
    id: int
    lines: list[str] = attrs.field(factory=list)


class Click(TypedDict):
    url: str


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    id: int


class Created(msgspec.Struct, tag="created"):
    id: int


class Voided(msgspec.Struct, tag="voided"):
    id: int


class Tree(msgspec.Struct):
    child: "Tree | None" = None


async def take_order(order: Order, context: Context[None]) -> None:
    seen.append((order, context.attempt, context.attempts_left, context.route))
    if order.id < 0:
        raise ValueError


def take_model(model: Model) -> None:
    seen.append(model)


async def take_event(event: Created | Voided, message: Message) -> None:
    seen.append((event, message.id))


async def take_tree(tree: Tree) -> None: ...
async def take_strings(content: list[str]) -> None: ...
async def take_click(click: Click) -> None: ...
async def take_bytes(content: bytes) -> None: ...
async def take_dict(content: dict) -> None: ...  # type: ignore[type-arg]


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def test_a_body_becomes_what_its_handler_asks_for() -> None:
    assert deliver(take_order, body='{"id": 1, "lines": ["a"]}').content == Order(1, ["a"])
    assert deliver(take_model, body='{"id": 1}').content == Model(id=1)
    assert deliver(take_event, body='{"type": "voided", "id": 1}').content == Voided(1)
    assert seen == [(Order(1, ["a"]), 1, None, "test"), Model(id=1), (Voided(1), "message-1")]


def test_content_of_its_type_already_is_given_as_it_is() -> None:
    for content, handler in ((Order(1), take_order), (Model(id=1), take_model), (Created(1), take_event)):
        assert deliver(handler, content=content).content is content


DEEP = '{"child": ' * 400 + "null" + "}" * 400


@pytest.mark.parametrize(
    ("handler", "body", "said"),
    [
        (take_order, "{}", "$.id: missing"),
        (take_order, '{"id": "1"}', "$.id: expected int"),
        (take_order, '{"id": 1.5}', "$.id: expected int"),
        (take_order, "[]", "$: expected object"),
        (take_model, '{"id": 1, "secret": 2}', "$[...]: a field that its type does not have"),
        (take_event, '{"type": "secret", "id": 1}', "$.type: none of the values that its type allows"),
        (take_click, "{}", "$.url: missing"),
        (take_strings, json.dumps(["x" * 1023] * 1023 + [1]), "$[1023]: expected str"),
    ],
)
def test_content_that_does_not_fit_is_kept_and_shown_as_json(handler: object, body: str, said: str) -> None:
    delivery = deliver(handler, body=body)
    assert isinstance(delivery.error, InvalidContent)
    assert (delivery.outcome, str(delivery.error)) == (Outcome.FAILED, said)
    assert delivery.said == json.loads(body)
    assert not seen


def test_what_is_no_json_is_the_translators_failure_whatever_is_asked_for() -> None:
    for body in ("NaN", '{"id": NaN}', "{", '{"id": Infinity}'):
        assert deliver(take_order, body=body).outcome is Outcome.UNTRANSLATED


def test_content_is_read_to_any_depth_that_the_translator_reads() -> None:
    assert deliver(take_tree, body=DEEP).outcome is Outcome.SUCCEEDED


def test_a_whole_number_of_more_than_64_bits_survives() -> None:
    assert deliver(take_order, body=json.dumps({"id": 2**100})).content == Order(2**100)
    assert deliver(take_model, body=json.dumps({"id": 2**100})).content == Model(id=2**100)


def test_bytes_are_the_body_with_the_translator_that_leaves_it_as_it_is() -> None:
    plain = "loafer.aws.message_translator.StringMessageTranslator"
    assert deliver(take_bytes, body="é", translator=plain).content == "é".encode()
    with pytest.raises(ValueError, match="the type of its parameter 'content': JSON has no bytes; give the route "):
        deliver(take_bytes, body="é")


def test_a_type_without_parameters_is_not_checked() -> None:
    assert deliver(take_dict, body="[1]").content == [1]


def test_content_that_never_fits_goes_to_the_dead_letter_queue_and_others_go_on(loafer_world: World) -> None:
    loafer_world.queue("orders", max_receive_count=2, dead_letters="dead")
    loafer_world.publish("orders", {"id": "x"})
    loafer_world.publish("orders", {"id": 1})
    result = loafer_world.run(take_order, source="orders", retry_delay=1)
    assert result.acknowledged == [Order(1)]
    assert result.kept == [{"id": "x"}, {"id": "x"}]
    assert result.dead_lettered == [{"id": "x"}]


def test_a_context_tells_the_attempt_and_those_that_are_left(loafer_world: World) -> None:
    loafer_world.queue("orders", max_receive_count=3, dead_letters="dead")
    loafer_world.publish("orders", {"id": -1})
    loafer_world.run(take_order, source="orders", retry_delay=1)
    assert seen == [(Order(-1), attempt, 3 - attempt, "orders") for attempt in (1, 2, 3)]


def test_attempts_on_a_fifo_queue_are_those_in_place(loafer_world: World) -> None:
    loafer_world.queue("orders.fifo", max_receive_count=3, dead_letters="dead.fifo")
    loafer_world.publish("orders.fifo", {"id": -1}, group="g", deduplication_id="1")
    loafer_world.run(take_order, source="orders.fifo", retry_delay=1)
    assert seen == [(Order(-1), attempt, 3 - attempt, "orders.fifo") for attempt in (1, 2, 3)]


def test_a_handler_that_is_named_in_the_settings_is_given_what_it_asks_for(loafer_world: World) -> None:
    loafer_world.queue("orders")
    loafer_world.publish("orders", {"id": 7})
    settings: dict[str, Any] = {
        "LOAFER_DEFAULT_ROUTE_SOURCE": "memory://orders",
        "LOAFER_DEFAULT_ROUTE_HANDLER": "test_typed_content.take_order",
    }
    assert loafer_world.run_settings(settings).acknowledged == [Order(7)]
    assert seen == [(Order(7), 1, None, "default")]
