"""What pydantic makes of content, and what it says of content that does not fit: never what was in it."""

import dataclasses
import datetime as dt
import json
import uuid
from typing import Annotated, Any, Literal

import attrs
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from loafer.adapters.pydantic.decoder import PydanticDecoder
from loafer.exceptions import InvalidContent

SECRET = "s3cr3t"


class Line(pydantic.BaseModel):
    sku: str
    amount: pydantic.PositiveInt = 1

    @pydantic.field_validator("sku")
    @classmethod
    def check(cls, sku: str) -> str:
        if sku == SECRET:
            raise ValueError(f"{sku} is not to be seen")
        if sku == "custom":
            raise PydanticCustomError("own", "it was {sku}", {"sku": SECRET})
        if sku == "disguised":
            raise PydanticCustomError("value_error", "it was {sku}", {"sku": SECRET})
        return sku


class Order(pydantic.BaseModel):
    id: int
    lines: list[Line] = []
    tags: dict[str, int] = {}


class Closed(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True)
    kind: Literal["closed"] = "closed"
    id: uuid.UUID
    at: dt.date
    amount: int = 0


class Tree(pydantic.BaseModel):
    kind: Literal["tree"] = "tree"
    child: "Tree | None" = None


@dataclasses.dataclass
class Parcel:
    line: Line


@attrs.define
class Box:
    line: Line


Tagged = Annotated[Closed | Tree, pydantic.Field(discriminator="kind")]
IDENTIFIER = "12345678-1234-5678-1234-567812345678"


def decoded(kind: Any, content: object) -> Any:
    return PydanticDecoder().decoding(kind)(content)


def refused(kind: Any, content: object) -> str:
    with pytest.raises(InvalidContent) as caught:
        decoded(kind, content)
    assert caught.value.__context__ is None, "a traceback would show the value"
    assert caught.value.__suppress_context__
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "content", "value"),
    [
        (Order, {"id": 1, "lines": [{"sku": "a"}]}, Order(id=1, lines=[Line(sku="a")])),
        (list[Line], [{"sku": "a"}], [Line(sku="a")]),
        (Line | None, {"sku": "a"}, Line(sku="a")),
        (Parcel, {"line": {"sku": "a"}}, Parcel(Line(sku="a"))),
        (Tagged, {"kind": "tree"}, Tree()),
        (pydantic.PositiveInt, 1, 1),
        (Order, {"id": "1"}, Order(id=1)),
    ],
)
def test_content_that_fits_becomes_a_value_of_its_type(kind: Any, content: object, value: object) -> None:
    assert decoded(kind, content) == value


def test_a_strict_model_takes_what_it_would_take_from_json() -> None:
    content = {"id": IDENTIFIER, "at": "2026-11-24"}
    assert decoded(Closed, content) == Closed(id=uuid.UUID(IDENTIFIER), at=dt.date(2026, 11, 24))
    assert refused(Closed, {**content, "amount": "1"}) == "$.amount: should be a valid integer"


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (Order, SECRET, "$: should be a valid dictionary or instance of Order"),
        (Order, {}, "$.id: missing"),
        (Order, {"id": SECRET}, "$.id: should be a valid integer"),
        (Order, {"id": 1, "lines": [{"sku": "a"}, {}]}, "$.lines[1].sku: missing"),
        (Order, {"id": 1, "lines": [{"sku": "a", "amount": 0}]}, "$.lines[0].amount: should be greater than 0"),
        (Order, {"id": 1, "tags": {SECRET: SECRET}}, "$.tags[...]: should be a valid integer"),
        (Line, {"sku": SECRET}, "$.sku: refused by a check of its type"),
        (Line, {"sku": "custom"}, "$.sku: refused by a check of its type"),
        (Line, {"sku": "disguised"}, "$.sku: refused by a check of its type"),
        (Closed, {"id": IDENTIFIER, "at": "2026-11-24", SECRET: 1}, "$[...]: a field that its type does not have"),
        (Closed, {"id": SECRET, "at": "2026-11-24"}, "$.id: should be a valid UUID"),
        (Closed, {"id": IDENTIFIER, "at": f"{SECRET}, or"}, "$.at: should be a valid date in the format YYYY-MM-DD"),
        (Tagged, {"kind": f"{SECRET}, or"}, "$: its tag is none of 'closed', 'tree'"),
        (Tagged, {}, "$: Unable to extract tag using discriminator 'kind'"),
        (
            Annotated[list[Line], pydantic.Field(max_length=1)],
            [{"sku": SECRET}, {}],
            "$: List should have at most 1 item",
        ),
        (Literal["a", "b"], SECRET, "$: should be 'a' or 'b'"),
    ],
)
def test_content_that_does_not_fit_is_refused_with_path_and_expected_type_alone(
    kind: Any, content: object, said: str
) -> None:
    assert refused(kind, content).startswith(said)


@given(st.integers(min_value=-(10**40), max_value=10**40))
def test_a_whole_number_of_any_size_survives(number: int) -> None:
    assert decoded(Order, json.loads(f'{{"id": {number}}}')) == Order(id=number)
    strict = {"id": IDENTIFIER, "at": "2026-11-24", "amount": number}
    assert decoded(Closed, strict).amount == number


def test_content_that_is_nested_too_deeply_is_refused() -> None:
    content: object = None
    for _ in range(100_000):
        content = {"child": content}
    assert refused(Tree, content) == "$: nested too deeply"
    assert refused(Closed | Tree, content) == "$: nested too deeply"


def test_a_mebibyte_is_read_and_refused_like_anything_else() -> None:
    long = [{"sku": "x" * 1000}] * 1024
    assert len(decoded(list[Line], long)) == 1024
    assert refused(list[Line], [*long, {}]) == "$[1024].sku: missing"


def test_what_is_of_its_type_already_stays_as_it_is() -> None:
    line = Line(sku="a")
    assert decoded(Line, line) is line


@pytest.mark.parametrize("kind", [Box, list["Missing"], type("Plain", (), {})])  # type: ignore[name-defined]  # noqa: F821
def test_a_type_that_cannot_be_read_is_told_before_anything_runs_in_one_line(kind: Any) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        PydanticDecoder().decoding(kind)
    assert "\n" not in str(caught.value)
