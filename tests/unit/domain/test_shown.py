"""What may be shown: one line of what others wrote, and no secrets of a URL."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.message import Message
from loafer.domain.shown import errors_in, of_the_sdk, printable, without_secrets

SECRET = "t0p.s3cret"


@given(st.text(st.characters(exclude_categories=[])))
def test_what_is_shown_is_one_line_of_printable_characters(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert (shown == text) is text.isprintable()


def test_what_is_printable_in_any_script_stays() -> None:
    assert printable("Zürich 東京 🙂") == "Zürich 東京 🙂"
    assert printable("Zürich\n東京\\🙂") == "Zürich\\n東京\\🙂"
    assert printable("a\nb\x1b[2J\u2028\u202ec\ud800") == "a\\nb\\x1b[2J\\u2028\\u202ec\\ud800"


def test_an_id_cannot_forge_a_line_of_the_log() -> None:
    message = Message("1\n2026-11-24 WARNING message 2: gone\x1b[2J", "body\n", "receipt\n")
    assert message.id == "1\\n2026-11-24 WARNING message 2: gone\\x1b[2J"
    assert (message.body, message.receipt) == ("body\n", "receipt\n")


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("orders", "orders"),
        ("arn:aws:sqs:eu-west-1:123456789012:orders", "arn:aws:sqs:eu-west-1:123456789012:orders"),
        ("memory://orders", "memory://orders"),
        ("https://host:8080/1/orders", "https://host:8080/1/orders"),
        (f"https://user:{SECRET}@host/1/orders", "https://host/1/orders"),
        (f"https://{SECRET}@host/1/orders?token={SECRET}#{SECRET}", "https://host/1/orders"),
        (f"HTTPS://user:{SECRET}@host/1/orders", "HTTPS://host/1/orders"),
        ("https://host/1/orders?mail=a@b", "https://host/1/orders"),
        (f"https://host/1/orders?next=https://{SECRET}", "https://host/1/orders"),
        (f"https://user:p?{SECRET}@host/1/orders", "https://host/1/orders"),
        (f"https://user:p#{SECRET}@host/1/orders?a=b", "https://host/1/orders"),
        (f"https://user:p/{SECRET}@host/1/orders", "https://host/1/orders"),
        (f"https://user:p@{SECRET}@host/1/orders", "https://host/1/orders"),
        (f"redis://:{SECRET}@host/0", "redis://host/0"),
        (f"https://host?token={SECRET}", "https://host"),
    ],
)
def test_a_source_is_shown_without_what_is_secret_in_a_url(source: str, shown: str) -> None:
    assert without_secrets(source) == shown


def test_an_error_and_what_it_came_from_are_told_once_each_though_they_go_around_in_a_circle() -> None:
    first, second, third = ValueError(), KeyError(), OSError()
    group = ExceptionGroup("of three", [first, third])
    group.__cause__ = group.__context__ = second
    second.__context__ = group
    told = list(islice(errors_in(group), 9))
    assert told[0] is group
    assert {id(error) for error in told} == {id(group), id(first), id(second), id(third)}
    assert len(told) == 4


class _OfTheSDK(Exception):
    __module__ = "aiobotocore.one.two"


class _LikeTheSDK(Exception):
    __module__ = "mine.botocore"


def test_errors_of_the_sdk_are_found_among_those_that_an_error_came_from() -> None:
    root, like = _OfTheSDK("secret"), _LikeTheSDK()
    ours = ValueError()
    ours.__cause__, ours.__context__ = root, like
    assert of_the_sdk(ours) == [root]
    assert of_the_sdk(root) == [root]
    assert of_the_sdk(like) == []
