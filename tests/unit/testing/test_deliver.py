"""One message through the real lifecycle."""

import asyncio
import time
from typing import Any

import pytest

from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import HandlerTimeout, IgnoreMessage, RejectMessage
from loafer.testing import deliver


async def greet(content: dict[str, Any]) -> None:
    if "name" not in content:
        raise RejectMessage("nobody to greet")
    if content["name"] == "Godot":
        raise IgnoreMessage(delay=60)
    content["name"].upper()


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        ({"name": "Ada"}, Outcome.SUCCEEDED),
        ({}, Outcome.REJECTED),
        ({"name": "Godot"}, Outcome.IGNORED),
        ({"name": 3}, Outcome.FAILED),
        (None, Outcome.UNTRANSLATED),
    ],
)
def test_content_is_delivered_as_it_is(content: Any, outcome: Outcome) -> None:
    delivery = deliver(greet, content=content)
    assert delivery.outcome is outcome
    assert delivery.acknowledged is outcome.acknowledged


def test_a_body_is_translated_first() -> None:
    assert deliver(greet, body='{"name": "Ada"}').content == {"name": "Ada"}
    assert deliver(greet, body="{").outcome is Outcome.UNTRANSLATED


def test_a_translator_may_be_a_class_an_object_or_a_name() -> None:
    class Upper:
        def translate(self, body: str, message: Message) -> dict[str, Any]:
            return {
                "content": {"name": body.upper() + str(message.attributes["kind"].value) + str(message.receive_count)}
            }

    for translator in (Upper, Upper()):
        delivery = deliver(greet, body="ada", translator=translator, attributes={"kind": "!"}, receive_count=2)
        assert delivery.content == {"name": "ADA!2"}
    named = "loafer.aws.message_translator.StringMessageTranslator"
    assert deliver(print, body="ada", translator=named).content == "ada"


def test_a_translator_that_returns_no_mapping_leaves_the_body_to_be_shown() -> None:
    class Broken:
        def translate(self, body: str) -> Any:
            return 3

    delivery = deliver(greet, body="ada", translator=Broken)
    assert delivery.outcome is Outcome.UNTRANSLATED
    assert delivery.said == "ada"


def test_what_the_handler_raised_is_there() -> None:
    delivery = deliver(greet, content={"name": 3})
    assert isinstance(delivery.error, AttributeError)
    assert repr(delivery).startswith("<failed: {'name': 3}, AttributeError(")
    assert repr(deliver(greet, content={"name": "Ada"})) == "<succeeded: {'name': 'Ada'}, at 0.000 s>"


def test_a_long_content_is_not_all_shown() -> None:
    shown = repr(deliver(greet, content={"name": "x" * 1_000_000}))
    assert shown.startswith("<succeeded: {'name': 'xxx")
    assert shown.endswith("… of 1000012 characters, at 0.000 s>")
    assert len(shown) < 400


def test_a_plain_function_runs_in_a_thread_and_may_block() -> None:
    delivery = deliver(lambda content: time.sleep(0.01), content=1)
    assert delivery.outcome is Outcome.SUCCEEDED


def test_a_coroutine_that_sleeps_takes_no_time() -> None:
    async def sleep(content: Any) -> None:
        await asyncio.sleep(3600)

    delivery = deliver(sleep, content=1)
    assert delivery.at == pytest.approx(3600)
    assert isinstance(deliver(sleep, content=1, timeout=5).error, HandlerTimeout)


def test_either_content_or_a_body_is_given() -> None:
    with pytest.raises(TypeError, match="either content="):
        deliver(greet)
    with pytest.raises(TypeError, match="either content="):
        deliver(greet, content=1, body="1")


def test_a_handler_that_waits_for_ever_is_told() -> None:
    async def wait(content: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        deliver(wait, content=1)


async def test_in_a_coroutine_test_it_says_that_it_is_for_plain_ones() -> None:
    with pytest.raises(RuntimeError, match=r"write def, not async def; where that cannot be, `await adeliver"):
        deliver(greet, content=1)
