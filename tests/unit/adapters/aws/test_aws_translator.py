"""The translators: strict JSON, SNS envelopes, plain text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.aws.message_translator import SNSMessageTranslator, SQSMessageTranslator, StringMessageTranslator

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
SQS, SNS = SQSMessageTranslator(), SNSMessageTranslator()
REFUSED = {
    "no JSON": "here I am",
    "an empty body": "",
    "NaN": '{"a": NaN}',
    "Infinity": "[Infinity]",
    "minus infinity": "-Infinity",
    "an escaped lone surrogate": '{"a": ["\\ud800"]}',
    "an escaped lone surrogate as a key": '{"\\uDC00": 1}',
    "a literal lone surrogate": '"\ud800"',
    "100 000 nested brackets": "[" * 100_000 + "]" * 100_000,
}


@given(content=JSON, ascii_only=st.booleans())
def test_the_content_of_a_json_body_is_its_json(content: Any, ascii_only: bool) -> None:
    assert SQS.translate(json.dumps(content, ensure_ascii=ascii_only)) == {"content": content}


@given(content=JSON)
def test_the_content_of_a_notification_is_the_json_in_its_message(content: Any) -> None:
    envelope = {"Type": "Notification", "MessageId": "1", "Message": json.dumps(content)}
    assert SNS.translate(json.dumps(envelope)) == {"content": content}


@given(content=JSON.filter(lambda content: not isinstance(content, dict)))
def test_raw_delivery_of_what_is_no_object_is_translated_as_it_is(content: Any) -> None:
    assert SNS.translate(json.dumps(content)) == {"content": content}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("translator", [SQS, SNS], ids=["sqs", "sns"])
def test_a_body_that_is_no_strict_json_is_refused(
    translator: SQSMessageTranslator | SNSMessageTranslator, body: str
) -> None:
    with pytest.raises(ValueError, match="the body "):
        translator.translate(body)


@pytest.mark.parametrize("body", [text for name, text in REFUSED.items() if name != "a literal lone surrogate"])
def test_an_inner_message_that_is_no_strict_json_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match="the SNS envelope's 'Message'"):
        SNS.translate(json.dumps({"Type": "Notification", "Message": body}))


def test_json_null_is_content_none() -> None:
    assert SQS.translate("null") == {"content": None}


def test_a_pair_of_escaped_surrogates_is_one_character() -> None:
    assert SQS.translate('"\\ud83d\\ude00 \\\\ud800"') == {"content": "\U0001f600 \\ud800"}


def test_an_object_with_nothing_but_a_message_is_an_envelope() -> None:
    assert SNS.translate(json.dumps({"Message": json.dumps("here I am")})) == {"content": "here I am"}


@pytest.mark.parametrize("body", [{"Message": "hello", "more": 1}, {"Type": "order"}, {"Type": ["Notification"]}, {}])
def test_any_other_object_is_a_raw_delivery(body: dict[str, Any]) -> None:
    assert SNS.translate(json.dumps(body)) == {"content": body}


@pytest.mark.parametrize("message", [None, 1, {"a": 1}, ["x"]])
def test_an_envelope_whose_message_is_no_string_is_refused(message: Any) -> None:
    with pytest.raises(ValueError, match="no 'Message' that is a string"):
        SNS.translate(json.dumps({"Type": "Notification", "Message": message}))


def test_a_subscription_confirmation_is_refused_and_says_so() -> None:
    with pytest.raises(ValueError, match="SubscriptionConfirmation, not a message"):
        SNS.translate(json.dumps({"Type": "SubscriptionConfirmation", "Message": "1"}))


@given(body=TEXT)
def test_a_string_is_its_own_content(body: str) -> None:
    assert StringMessageTranslator().translate(body) == {"content": body}


def test_a_string_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="lone surrogate at character 2"):
        StringMessageTranslator().translate("ab\udfff")
