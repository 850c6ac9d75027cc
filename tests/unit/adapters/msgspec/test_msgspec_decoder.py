"""What msgspec makes of content, and what it says of content that does not fit: never what was in it."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import math
import pickle
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.msgspec.decoder import MsgspecDecoder
from loafer.exceptions import InvalidContent

SECRET = "s3cr3t"


@dataclasses.dataclass
class Line:
    sku: str
    amount: int = 1

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise ValueError(f"{self.sku} and {self.amount} - at `{SECRET}`")


@attrs.frozen
class Order:
    id: int
    lines: list[Line] = attrs.field(factory=list)
    tags: dict[str, int] = attrs.field(factory=dict)
    total: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))


class Click(TypedDict):
    url: str
    at: NotRequired[dt.datetime]


class Created(msgspec.Struct, tag="created"):
    id: int


class Voided(msgspec.Struct, tag="voided", forbid_unknown_fields=True):
    id: int


class Tree(msgspec.Struct):
    child: "Tree | None" = None


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"


class Plain:
    """A class of which nobody can tell how to make one."""


def decoded(kind: Any, content: object) -> Any:
    return MsgspecDecoder().decoding(kind)(content)


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
        (list[int], [1, 2], [1, 2]),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[int, str], {"1": "a"}, {1: "a"}),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (Sequence[int], [1], [1]),
        (int | str, "a", "a"),
        (float, 1, 1.0),
        (Line, {"sku": "a", "amount": 2}, Line("a", 2)),
        (Line | None, {"sku": "a"}, Line("a")),
        (Order, {"id": 1, "lines": [{"sku": "a"}]}, Order(1, [Line("a")])),
        (Click, {"url": "/"}, {"url": "/"}),
        (Created | Voided, {"type": "voided", "id": 1}, Voided(1)),
        (list[Created | Voided], [{"type": "created", "id": 1}], [Created(1)]),
        (Point, [1, 2], Point(1, 2)),
        (Colour, "red", Colour.RED),
        (Literal["a", 1], "a", "a"),
        (uuid.UUID, "12345678-1234-5678-1234-567812345678", uuid.UUID("12345678-1234-5678-1234-567812345678")),
        (dt.date, "2026-11-24", dt.date(2026, 11, 24)),
        (decimal.Decimal, "1.10", decimal.Decimal("1.10")),
        (Annotated[int, msgspec.Meta(ge=1)], 1, 1),
        (dict[str, Any], {"a": [None, {"b": 1}]}, {"a": [None, {"b": 1}]}),
    ],
)
def test_content_that_fits_becomes_a_value_of_its_type(kind: Any, content: object, value: object) -> None:
    assert decoded(kind, content) == value
    assert type(decoded(kind, content)) is type(value)


@pytest.mark.parametrize(
    ("kind", "content", "said"),
    [
        (list[int], SECRET, "$: expected array"),
        (list[int], [1, SECRET], "$[1]: expected int"),
        (dict[str, int], {SECRET: SECRET}, "$[...]: expected int"),
        (dict[int, str], {SECRET: ""}, "$: a key: expected int"),
        (int | bool, SECRET, "$: expected bool | int"),
        (Order, {"lines": []}, "$.id: missing"),
        (Order, {"id": SECRET}, "$.id: expected int"),
        (Order, {"id": 1, "lines": [{"sku": "a"}, {}]}, "$.lines[1].sku: missing"),
        (Order, {"id": 1, "tags": {SECRET: SECRET}}, "$.tags[...]: expected int"),
        (Order, {"id": 1, "total": -1}, "$: refused by a check of its type"),
        (Order, {"id": 1, "lines": [{"sku": SECRET, "amount": -1}]}, "$.lines[0]: refused by a check of its type"),
        (Line, {"sku": SECRET, "amount": -1}, "$: refused by a check of its type"),
        (Click, {}, "$.url: missing"),
        (Click, {"url": "/", "at": SECRET}, "$.at: expected a valid RFC3339 encoded datetime"),
        (Created | Voided, {"type": SECRET, "id": 1}, "$.type: none of the values that its type allows"),
        (Created | Voided, {"id": 1}, "$.type: missing"),
        (Voided, {"type": "voided", "id": 1, SECRET: 1}, "$: it has a field that its type does not have"),
        (Voided, {"type": "voided", "id": 1, f"{SECRET}\n": 1}, "$: it has a field that its type does not have"),
        (Point, [1], "$: expected array of length 2"),
        (Colour, SECRET, "$: none of the values that its type allows"),
        (Literal["a", "b"], f"{SECRET}\n` - at `$", "$: none of the values that its type allows"),
        (Literal[1, 2], 3, "$: none of the values that its type allows"),
        (uuid.UUID, SECRET, "$: expected a valid UUID"),
        (decimal.Decimal, SECRET, "$: expected a valid decimal string"),
        pytest.param(float, 2**2000, "$: out of range", id="a number that no float is"),
        (Annotated[str, msgspec.Meta(max_length=2)], SECRET, "$: expected str of length <= 2"),
        (Annotated[str, msgspec.Meta(pattern="^x")], SECRET, "$: expected str matching regex '^x'"),
        (int, 1.5, "$: expected int"),
        (int, "1", "$: expected int"),
        (float, "NaN", "$: expected float"),
    ],
)
def test_content_that_does_not_fit_is_refused_with_path_and_expected_type_alone(
    kind: Any, content: object, said: str
) -> None:
    assert refused(kind, content) == said


def test_a_field_that_its_type_does_not_have_is_left_out_unless_the_type_says_otherwise() -> None:
    assert decoded(Line, {"sku": "a", "colour": "red"}) == Line("a")


@given(st.integers(min_value=-(10**40), max_value=10**40))
def test_a_whole_number_of_any_size_survives(number: int) -> None:
    assert decoded(list[int], json.loads(f"[{number}]")) == [number]
    assert decoded(dict[str, int | None], {"a": number}) == {"a": number}


def test_a_number_that_is_none_is_what_the_type_says() -> None:
    assert math.isnan(decoded(list[float], [math.nan])[0])
    assert refused(list[int], [math.nan]) == "$[0]: expected int"


def test_content_that_is_nested_too_deeply_is_refused() -> None:
    content: object = None
    for _ in range(100_000):
        content = {"child": content}
    assert refused(Tree, content) == "$: nested too deeply"


def test_a_mebibyte_is_read_and_refused_like_anything_else() -> None:
    long = ["x" * 1023] * 1024
    assert decoded(list[str], long) == long
    assert refused(list[str], [*long, 1]) == "$[1024]: expected str"


def test_what_is_of_its_type_already_stays_as_it_is() -> None:
    for value in (Order(1), Line("a"), Created(1)):
        assert decoded(type(value), value) is value


def test_the_checks_of_a_type_may_raise_what_they_like() -> None:
    @dataclasses.dataclass
    class Odd:
        a: int

        def __post_init__(self) -> None:
            raise LookupError("a mistake in the type, not in the content")

    with pytest.raises(LookupError):
        decoded(Odd, {"a": 1})


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Plain, "Plain cannot be read from JSON; give a dataclass, "),
        (list[Plain], "Plain cannot be read from JSON"),
        (dict[str, complex], "complex cannot be read from JSON"),
        (Order | Line, "cannot be read: Type unions may not contain more than one dataclass"),
        (list["Missing"], "cannot be read: "),  # type: ignore[name-defined]  # noqa: F821 - which is the mistake
        (Literal[1.5], "cannot be read: "),
    ],
)
def test_a_type_that_cannot_be_read_is_told_before_anything_runs(kind: Any, said: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        MsgspecDecoder().decoding(kind)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_that_cannot_be_read_is_found_inside_of_others_that_know_themselves() -> None:
    @attrs.define
    class Inner:
        plain: "list[Plain]"

    class Outer(msgspec.Struct):
        inner: Inner
        tree: Tree

    with pytest.raises(ValueError, match="Plain cannot be read"):
        MsgspecDecoder().decoding(Outer)


def test_the_error_tells_path_and_expectation_apart() -> None:
    with pytest.raises(InvalidContent) as caught:
        decoded(Order, {"id": SECRET})
    assert (caught.value.path, caught.value.what) == ("$.id", "expected int")
    assert str(pickle.loads(pickle.dumps(caught.value))) == "$.id: expected int"
    assert str(InvalidContent()) == "$: it does not fit its type"


def test_half_a_surrogate_pair_in_a_key_is_content_that_does_not_fit() -> None:
    decode = MsgspecDecoder().decoding(Order)
    with pytest.raises(InvalidContent, match="half a surrogate pair"):
        decode({"\ud83d": 1})
