import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.entrypoints.settings.mappings import mapping

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), plain, max_size=4))
def test_json_and_a_python_literal_give_the_same_options(given_one: dict[str, object]) -> None:
    assert mapping(json.dumps(given_one)) == mapping(repr(given_one)) == given_one


@pytest.mark.parametrize(
    "value", ["", "[]", "5", "WaitTimeSeconds=5", "{'a'}", "{'a': open('x')}", "{", "[" * 100_000, "null"]
)
def test_options_that_are_no_mapping_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a mapping; give one such as"):
        mapping(value)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("{WaitTimeSeconds:20}", "{'WaitTimeSeconds':20}"),
        ("{ WaitTimeSeconds: 5, MaxNumberOfMessages: 1 }", "{ 'WaitTimeSeconds': 5, 'MaxNumberOfMessages': 1 }"),
        ('{"a": 1, b: 2}', "{\"a\": 1, 'b': 2}"),
    ],
)
def test_options_whose_keys_have_lost_their_quotes_are_shown_with_them(value: str, right: str) -> None:
    with pytest.raises(ValueError, match="its keys want quotes") as refused:
        mapping(value)
    assert str(refused.value) == f"its keys want quotes; give {right}"


def test_options_have_keys_that_are_strings() -> None:
    with pytest.raises(ValueError, match="a key is not a string"):
        mapping("{5: 1}")


@pytest.mark.parametrize("value", ['{"a": NaN}', '{"a": 1e999}', "{'a': {1, 2}}", "{'a': b''}"])
def test_options_hold_only_what_json_has(value: str) -> None:
    with pytest.raises(ValueError, match="only finite numbers"):
        mapping(value)
