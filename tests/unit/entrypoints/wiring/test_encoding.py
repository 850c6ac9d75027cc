"""What content of a type is written as, and what is said of content that is of another: never what was in it."""

import datetime as dt
import decimal
import enum
import json
import math
from dataclasses import dataclass, field
from typing import Any, NewType, Protocol, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.entrypoints.wiring.encoding import encoding_of
from loafer.exceptions import InvalidContent

SECRET = "s3cr3t"


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Line:
    sku: str
    at: dt.datetime | None = None


@dataclass
class Order:
    id: int
    lines: list[Line] = field(default_factory=list)


@attrs.frozen
class Parcel:
    weight: decimal.Decimal
    colour: Colour = Colour.RED


class Click(TypedDict):
    url: str


class Created(msgspec.Struct, tag="created", rename="camel"):
    order_id: int


class Voided(msgspec.Struct, tag="voided"):
    order_id: int


class Receipt(pydantic.BaseModel):
    order: int = pydantic.Field(alias="orderId")
    at: dt.date | None = None


class Shape(Protocol):
    size: int


Number = NewType("Number", int)
NOON = dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC)

WRITTEN: list[tuple[Any, Any, str]] = [
    (object, {"a": [1, None]}, '{"a":[1,null]}'),
    (Any, "text", '"text"'),
    (str, "é\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), '"é😀"'),
    (float, 1, "1"),
    (dict, {"a": 1}, '{"a":1}'),
    (list, [1], "[1]"),
    (list[Line], [Line("a")], '[{"sku":"a","at":null}]'),
    (dict[int, str], {1: "a"}, '{"1":"a"}'),
    (Order, Order(1, [Line("a", NOON)]), '{"id":1,"lines":[{"sku":"a","at":"2026-01-02T12:00:00Z"}]}'),
    (Parcel, Parcel(decimal.Decimal("1.50")), '{"weight":"1.50","colour":"red"}'),
    (Click, {"url": "/"}, '{"url":"/"}'),
    (Created | Voided, Created(1), '{"type":"created","orderId":1}'),
    (Line | None, None, "null"),
    (Number, 5, "5"),
    (Receipt, Receipt(orderId=1, at=dt.date(2026, 1, 2)), '{"orderId":1,"at":"2026-01-02"}'),
    (list[Receipt], [Receipt(orderId=1)], '[{"orderId":1,"at":null}]'),
]


@pytest.mark.parametrize(("kind", "content", "body"), WRITTEN, ids=str)
def test_content_is_written_as_json_that_its_type_reads(kind: Any, content: Any, body: str) -> None:
    written = encoding_of(kind)(content)
    assert json.loads(written) == json.loads(body)
    assert len(written) == len(body)
    if kind not in (object, Any, dict, list, str, float):
        assert RouteDecoder("").decoding(kind)(json.loads(body)) == content


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]
CIRCLE: dict[str, Any] = {}
CIRCLE["again"] = CIRCLE

REFUSED: list[tuple[Any, Any, str]] = [
    (Order, Line(SECRET), "$: expected Order, not Line"),
    (Order, {"id": 1}, "$: expected Order, not dict"),
    (Order, Order(SECRET), "$.id: expected int"),  # type: ignore[arg-type]
    (Order, Order(1, [Line(SECRET), SECRET]), "$.lines[1]: expected object"),  # type: ignore[list-item]
    (Created | Voided, Order(1), "$: expected Created or Voided, not Order"),
    (Click, {"uri": SECRET}, "$.url: missing"),
    (dict[str, int], {"a": SECRET}, "$[...]: expected int"),
    (dict[str, float], {SECRET: math.nan}, "$: it holds what JSON has no place for"),
    (str, 5, "$: expected str, not int"),
    (dict, [SECRET], "$: expected dict, not list"),
    (object, {SECRET: object()}, "$: it holds what JSON has no place for"),
    (object, math.inf, "$: it holds what JSON has no place for"),
    (object, {SECRET: b""}, "$: it holds what JSON has no place for"),
    (object, CIRCLE, "$: it holds what JSON has no place for"),
    (object, DEEP, "$: nested too deeply"),
    (list[Any], DEEP, "$: nested too deeply"),
    (list[Any], [object()], "$: it holds what JSON has no place for"),
    (Receipt, {"orderId": 1}, "$: expected Receipt, not dict"),
    (Receipt, Receipt.model_construct(order=SECRET), "$: it does not fit its type"),
    (list[Receipt], [SECRET], "$: it does not fit its type"),
    (dict[str, Receipt | float], {"a": math.nan}, "$: it holds what JSON has no place for"),
]


@pytest.mark.parametrize(("kind", "content", "said"), REFUSED, ids=range(len(REFUSED)))
def test_content_that_does_not_fit_is_refused_and_not_shown(kind: Any, content: Any, said: str) -> None:
    encode = encoding_of(kind)
    with pytest.raises(InvalidContent) as caught:
        encode(content)
    assert str(caught.value) == said
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (bytes, "JSON has no bytes"),
        (Shape, "cannot be read from JSON"),
        (dict[str, Shape], "cannot be read from JSON"),
    ],
)
def test_a_type_that_cannot_be_written_is_refused(kind: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        encoding_of(kind)


def test_a_model_that_cannot_be_made_says_why() -> None:
    class Node(pydantic.BaseModel):
        following: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ValueError, match=r"Node cannot be written: name 'Nowhere' is not defined"):
        encoding_of(Node)


def test_without_its_extra_a_model_of_pydantic_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "loafer.adapters.pydantic.encoder", None)
    with pytest.raises(ValueError, match=r"pip install 'loafer\[pydantic\]'"):
        encoding_of(Receipt)
