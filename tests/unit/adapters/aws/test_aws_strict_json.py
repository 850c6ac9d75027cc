"""Strict JSON is what Python's decoder reads of it, whichever decoder has read it."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.strict_json import parse

PADDING = " " * 2000
NUMBERS = st.integers() | st.integers(10**17, 10**20) | st.integers(-(10**20), -(10**17)) | st.floats(allow_nan=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS.filter(math.isfinite) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, types and signs of zeros included."""
    return repr(one) == repr(other)


@given(value=VALUES, ascii_only=st.booleans())
def test_a_long_text_is_read_to_the_same_values_as_a_short_one(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert same(parse(text), value)
    assert same(parse(text + PADDING), value)
    assert same(parse(PADDING + text), value)


@given(number=st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_a_number_is_the_same_in_a_long_text(number: str) -> None:
    assert same(parse(number + PADDING), json.loads(number))


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "1e999", "[1,]", "{'a': 1}", '"\x01"', "01", "1 2", "", '{"a" 1}']
)
def test_what_is_no_json_is_told_alike(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as short:
        parse(text)
    with pytest.raises(ValueError, match=r".") as long:
        parse(text + PADDING)
    assert type(short.value) is type(long.value)


def test_an_integer_of_any_size_stays_one() -> None:
    number = 2**64
    assert same(parse(f"[{number}]{PADDING}"), [number])


def test_escaped_lone_surrogates_are_read_in_a_long_text_too() -> None:
    assert parse('"\\ud800"' + PADDING) == "\ud800"


@pytest.mark.parametrize(("text", "error"), [("9" * 5000, ValueError), ("[" * 100_000 + "]" * 100_000, RecursionError)])
def test_what_python_refuses_to_hold_is_refused_in_a_long_text_too(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse(text)
