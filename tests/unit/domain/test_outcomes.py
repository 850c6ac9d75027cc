"""The rules of a delivery's end, over everything that translators return and handlers raise."""

from types import MappingProxyType
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.lifecycle import InvalidTranslation, Outcome, content_of, message_with, outcome_of
from loafer.domain.message import Message, Notification
from loafer.exceptions import IgnoreMessage, InvalidContent, LoaferError, RejectMessage


class Pickier(RejectMessage):
    """A rejection of a user's own."""


def _kinds(root: type[BaseException]) -> list[type[BaseException]]:
    return [root, *(found for kind in root.__subclasses__() for found in _kinds(kind))]


PLAIN = [kind for kind in _kinds(BaseException) if kind.__module__ == "builtins" and not issubclass(kind, UnicodeError)]
OURS = [kind for kind in _kinds(LoaferError) if kind.__module__.startswith("loafer.")]  # not those of other tests


def _raised(kind: type[BaseException]) -> BaseException:
    if issubclass(kind, InvalidContent):
        return kind("$", "text")
    return kind("group", [ValueError()]) if issubclass(kind, BaseExceptionGroup) else kind()


errors = st.none() | st.sampled_from([*PLAIN, *OURS]).map(_raised)
contents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(contents, errors)
def test_acknowledged_is_what_was_translated_and_then_returned_or_was_rejected(
    content: object, error: BaseException | None
) -> None:
    expected = content is not None and (error is None or isinstance(error, RejectMessage))
    assert outcome_of(content, error).acknowledged is expected


@pytest.mark.parametrize(
    ("content", "error", "outcome"),
    [
        (None, None, Outcome.UNTRANSLATED),
        (None, RejectMessage(), Outcome.UNTRANSLATED),
        (0, None, Outcome.SUCCEEDED),
        ("", RejectMessage("bad"), Outcome.REJECTED),
        ("", Pickier(), Outcome.REJECTED),
        ([], IgnoreMessage(delay=3), Outcome.IGNORED),
        ({}, ValueError(), Outcome.FAILED),
        ({}, SystemExit(), Outcome.FAILED),
    ],
)
def test_each_end_has_one_outcome(content: object, error: BaseException | None, outcome: Outcome) -> None:
    assert outcome_of(content, error) is outcome


@pytest.mark.parametrize("outcome", Outcome)
def test_only_what_succeeded_or_was_rejected_is_acknowledged(outcome: Outcome) -> None:
    assert outcome.acknowledged is (outcome in {Outcome.SUCCEEDED, Outcome.REJECTED})


@given(contents.filter(lambda content: content is not None), st.dictionaries(st.text(), st.integers()))
def test_anything_but_none_is_content(content: object, others: dict[str, Any]) -> None:
    assert content_of({**others, "content": content}) is content


async def fetched() -> None: ...


@given(contents.filter(lambda result: not (isinstance(result, dict) and "content" in result)))
def test_a_result_without_content_is_invalid(result: object) -> None:
    with pytest.raises(InvalidTranslation, match=r"^the translator returned "):
        content_of(result)


@pytest.mark.parametrize(
    ("result", "sentence"),
    [
        (None, "the translator returned NoneType, not a mapping with 'content'"),
        (["content"], "the translator returned list, not a mapping with 'content'"),
        ({}, "the translator returned a mapping without 'content'"),
        ({"content": None}, "the translator returned content None"),
        ({"content": fetched()}, "the translator returned a coroutine as its content, and has not awaited it"),
    ],
)
def test_an_invalid_result_is_told_in_one_sentence(result: object, sentence: str) -> None:
    with pytest.raises(InvalidTranslation) as caught:
        content_of(result)
    assert str(caught.value) == sentence


class Odd:
    """A content that claims to equal everything, and to be false."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False


def test_content_is_none_only_if_it_is_none() -> None:
    odd = Odd()
    assert content_of({"content": odd}) is odd
    assert outcome_of(odd, None) is Outcome.SUCCEEDED


def test_what_a_translator_tells_of_a_notification_comes_with_the_message_and_nothing_else_does() -> None:
    message = Message("1", "{}", "r")
    told = Notification("arn:aws:sns:eu-west-1:000000000000:orders", "n1")
    assert message_with(told, message) == attrs.evolve(message, notification=told)
    assert message_with({"topic": "orders"}, message) is message


def test_any_mapping_is_a_translators_result() -> None:
    assert content_of(MappingProxyType({"content": 1})) == 1


def test_what_succeeded_or_was_rejected_is_deleted_and_nothing_else() -> None:
    assert [each for each in Outcome if each.acknowledged] == [Outcome.SUCCEEDED, Outcome.REJECTED]
    assert {type(each.acknowledged) for each in Outcome} == {bool}
