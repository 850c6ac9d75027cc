"""Large answers are looked through before they are decoded, and then decoded entry by entry, to the same values."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loafer.adapters.aws import sieve as module
from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.sieve import SMALL, is_plain, sifted

MEGA = 1024 * 1024
NASTY = ["", '"', "\\", '\\"', "\\\\", "{[]}", '{"a": [', "\n\u2028", "é😀", "\ud83d", "\x00", "x" * 100]
TEXTS = st.sampled_from(NASTY) | st.text(max_size=8)
NUMBERS = st.integers(-(2**63), 2**64 - 1)  # orjson makes floats of larger ones, and the services send none
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
ANSWERS = st.dictionaries(st.sampled_from(["Messages", "Failed", '"', "x"]), st.lists(VALUES, max_size=4) | VALUES)


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is plain."""
    monkeypatch.setattr(module, "is_plain", lambda _: False)


@pytest.fixture(params=[2, 3, 7, 64 * 1024])
def windows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many bytes are looked at at once."""
    monkeypatch.setattr(module, "_WINDOW", request.param)
    monkeypatch.setattr(module, "_FIRST_WINDOW", min(request.param, module._FIRST_WINDOW))


@pytest.mark.usefixtures("careful", "windows")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=ANSWERS, layout=st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}]))
def test_what_is_sifted_is_what_was_written(answer: dict[str, Any], layout: dict[str, Any]) -> None:
    text = json.dumps(answer, **layout).encode("utf-8", "surrogatepass")
    expected = json.loads(text)
    assert sifted(text, 1000) == expected
    assert sifted(bytearray(text), 1000) == expected


@pytest.mark.usefixtures("careful", "windows")
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.binary(max_size=60) | st.text('{}[]",:\\0a ', max_size=40).map(str.encode))
def test_what_is_no_json_is_a_value_error_or_too_much(text: bytes) -> None:
    try:
        expected = json.loads(text)
    except (ValueError, RecursionError):
        expected = ValueError
    try:
        found = sifted(text, 1000)
    except (ValueError, Excess):
        found = ValueError
    # One entry that cannot be read does not cost the others: it is None.
    assert found == expected or (expected is ValueError and any(None in value for value in found.values()))


def entries(number: int, body: str = "x") -> list[dict[str, Any]]:
    return [{"MessageId": str(count), "Body": body} for count in range(number)]


def answer(entries: list[Any], **more: Any) -> bytes:
    return json.dumps({"Messages": entries, **more}).encode()


@pytest.mark.usefixtures("careful")
def test_more_entries_than_were_asked_for_are_too_many() -> None:
    assert sifted(answer(entries(3)), 3) == {"Messages": entries(3)}
    with pytest.raises(Excess, match="3 entries"):
        sifted(answer(entries(4)), 3)


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize(
    "text",
    [
        b'{"Messages":[' + b"1," * 30_000 + b"1]}",
        b'{"Messages":[{"a":[' + b"[]," * 20_000 + b"[]]}]}",
        b'{"Messages":[{' + b",".join(b'"%d":1' % count for count in range(20_000)) + b"}]}",
        b'{"Messages":[' + b" " * 50_000 + b"]}",
        b'{"x":' + b"9" * 50_000 + b"}",
        b"[" * 50_000,
        b"}" * 50_000,
    ],
    ids=["numbers", "lists", "keys", "blanks", "digits", "opening", "closing"],
)
def test_more_than_so_many_entries_can_hold_is_too_much(text: bytes) -> None:
    with pytest.raises(Excess):
        sifted(text, 10)


@pytest.mark.usefixtures("careful")
def test_what_stands_around_the_entries_is_never_large() -> None:
    with pytest.raises(Excess):
        sifted(answer(entries(2), x="y" * 2 * MEGA), 10)
    with pytest.raises(Excess):
        sifted(b'{"x": "' + b"y" * 2 * MEGA + b'", ' + answer(entries(2))[1:], 10)


LARGE: dict[str, Callable[[], str]] = {
    "as large as may be": lambda: "x" * MEGA,
    "nothing but escapes": lambda: "é" * (MEGA // 2),
    "lone surrogates": lambda: "\ud83d" * (MEGA // 6),
    "JSON": lambda: json.dumps([{"name": "x", "tags": ["a"]}] * 20_000),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_message_of_a_megabyte_is_read(kind: str) -> None:
    text = answer(entries(10, LARGE[kind]()))
    assert len(text) > SMALL
    assert sifted(text, 10) == {"Messages": entries(10, LARGE[kind]())}


@pytest.mark.usefixtures("careful")
def test_an_entry_that_is_larger_than_a_message_is_none_and_costs_no_other() -> None:
    text = answer([*entries(1), *entries(1, "x" * 2 * MEGA), *entries(1, "\x00" * 2 * MEGA)])
    assert sifted(text, 10) == {"Messages": [*entries(1), None, None]}


@pytest.mark.usefixtures("careful")
def test_an_entry_that_is_no_json_is_none_and_costs_no_other() -> None:
    text = b'{"Messages":[{"a":1},{"a"},{"a":2},[nul],{"b":3}]}'
    assert sifted(text, 10) == {"Messages": [{"a": 1}, None, {"a": 2}, None, {"b": 3}]}


def test_what_can_hold_but_few_values_is_plain() -> None:
    assert is_plain(b"[" * SMALL)
    assert not is_plain(b"[" * (SMALL + 1))
    assert is_plain(answer(entries(10, "x" * MEGA)))
    assert not is_plain(answer(entries(10, "," * MEGA)))
    assert not is_plain(answer(entries(10, "x" * 2 * MEGA)))
