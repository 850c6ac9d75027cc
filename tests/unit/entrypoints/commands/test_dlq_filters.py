"""The filters of `loafer dlq`: what they can say, and what is said where they cannot be read."""

from typing import Any

import pytest

from loafer.application.letters.reasons import explained
from loafer.domain.failure import Reason
from loafer.domain.message import Attribute, Message
from loafer.entrypoints.commands.dlq.facts import facts_of
from loafer.entrypoints.commands.dlq.filters import filter_of
from loafer.exceptions import ConfigurationError
from loafer.ports.inspector import Letter

REASON = Reason(error="KeyError", place="shop.orders:charge:41", fingerprint="e7c1aaaa", attempts=5)
BODY = '{"tenant": "a", "n": 3, "total": 1.5, "lines": [{"sku": "x"}], "none": null, "deep": {"er": true}}'


def facts(body: str = BODY, tried: dict[str, Any] | None = None) -> dict[str, Any]:
    message = Message("i", body, "r", 7, "g", sent_at=100, attributes={"kind": Attribute("new"), "a.b": Attribute("y")})
    explaining = explained(message, REASON)
    assert explaining is not None
    return facts_of(Letter(explaining), now=160.0, tried={"i": tried} if tried else {})


@pytest.mark.parametrize(
    "text",
    [
        'error == "KeyError" and body.tenant == "a"',
        "error == 'KeyError'",
        'error in ["KeyError", "ValueError"]',
        'error =~ "Key.*"',
        'place == "shop.orders:charge:41"',
        'fingerprint == "e7c1aaaa"',
        "attempts == 5",
        "age >= 60 and age < 61",
        'group == "g"',
        'attributes.kind == "new"',
        'attributes["a.b"] == "y"',
        "attributes.nothing == null",
        "body.n == 3 and body.n > 2.5",
        "body.total == 1.5",
        'body.lines[0].sku == "x"',
        "body.none == null and body.missing == null and body.missing.deeper == null",
        'body["missing"] == null and body["missing"]["deeper"] == null and attributes["missing"] == null',
        "body.missing[0].sku == null and body.lines[1] == null and body.lines[1].sku == null",
        'attributes["missing"] == "x" or [each for each in body.lines if each["missing"] == null]',
        "body.deep.er",
        "not tried.ok and tried.error == null",
    ],
)
def test_a_filter_matches(text: str) -> None:
    assert filter_of(text)(facts())
    assert not filter_of(f"not ({text})")(facts())


def test_what_a_try_came_to_is_known_after_it() -> None:
    assert filter_of("tried.ok")(facts(tried={"ok": True, "error": None}))
    assert filter_of('tried.error == "KeyError"')(facts(tried={"ok": False, "error": "KeyError"}))
    assert filter_of("tried.ok").about_tries
    assert not filter_of('error == "tried"').about_tries


def test_a_body_that_is_no_json_is_text() -> None:
    assert filter_of('body == "plain"')(facts("plain"))
    assert not filter_of('body.tenant == "a"')(facts("plain"))
    assert not filter_of("body.n == 1")(facts("[" * 100_000))


def test_what_stands_in_a_text_is_no_operator() -> None:
    assert filter_of("body == '$range(1 << 2)'")(facts("$range(1 << 2)"))
    assert filter_of('body == "\\"<<"')(facts('"<<'))


def test_what_cannot_be_compared_does_not_match_and_is_counted() -> None:
    where = filter_of("body.tenant > 3")
    assert not where(facts())
    assert where.incomparable == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('eror == "x"', "unknown name 'eror' at column 1; did you mean error?; there are body, attributes, error, "),
        ('body.n == 1 and wrong == "x"', "unknown name 'wrong' at column 17"),
        ('error = "x"', "cannot be read from column 7 on: '= \"x\"'"),
        ("error ==", "it ends too early, at column 9"),
        ("", "it ends too early"),
        ('age > "a"', "data type mismatch"),
        ('__import__("os")', "unknown name '__import__'"),
        ("(" * 3000, "--where: "),
        ("1 << 99999999999 == 1", "--where: << may never end"),
        ("$range(99999999999).length == 1", "--where: $range may never end"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_line_with_its_place_and_the_names_there_are(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        filter_of(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
