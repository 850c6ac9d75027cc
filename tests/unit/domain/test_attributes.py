"""Message attributes are made of a mapping of names, and of nothing else."""

import math
from typing import Any

import pytest

from loafer.domain.attributes import NO_VALUES, attributes_of
from loafer.domain.message import Attribute


@pytest.mark.parametrize("values", ["kind", [("kind", "order")], None])
def test_what_is_no_mapping_is_told_with_what_would_be_right(values: Any) -> None:
    with pytest.raises(TypeError) as caught:
        attributes_of(values)
    kind = type(values).__name__
    assert str(caught.value) == f"attributes are a {kind}; give a mapping of names, such as {{'kind': 'order'}}"


def test_texts_numbers_and_bytes_are_attributes_of_their_type() -> None:
    own = Attribute("5", "Number.int")
    assert attributes_of({"a": "5", "b": 5, "c": 2.5, "d": b"5", "e": own}) == {
        "a": Attribute("5", "String"),
        "b": Attribute("5", "Number"),
        "c": Attribute("2.5", "Number"),
        "d": Attribute(b"5", "Binary"),
        "e": own,
    }


def test_no_values_are_no_attributes_and_each_message_has_its_own() -> None:
    assert attributes_of(NO_VALUES) == attributes_of({}) == {}
    assert attributes_of(NO_VALUES) is not attributes_of(NO_VALUES)


@pytest.mark.parametrize(
    ("value", "what"),
    [(None, "a NoneType"), ([], "a list"), (True, "True"), (math.nan, "nan"), (-math.inf, "-inf")],
)
def test_what_is_no_attribute_is_told_with_its_name_and_without_its_content(value: Any, what: str) -> None:
    with pytest.raises(TypeError) as caught:
        attributes_of({"kind": "order", "paid": value})
    assert str(caught.value) == f"attribute 'paid' is {what}; give a string, bytes, a number, or an Attribute"
