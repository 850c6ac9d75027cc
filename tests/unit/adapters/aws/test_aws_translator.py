"""The translators: strict JSON, SNS envelopes, plain text."""

import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.aws.message_translator import SNSMessageTranslator, SQSMessageTranslator, StringMessageTranslator
from loafer.domain.lifecycle import InvalidTranslation
from loafer.domain.message import Attribute, Message, Notification
from loafer.exceptions import ConfigurationError

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
SQS, SNS = SQSMessageTranslator(), SNSMessageTranslator()
TOPIC = "arn:aws:sns:sa-east-1:123456789012:orders"
ENVELOPE = {"Type": "Notification", "MessageId": "n-1", "TopicArn": TOPIC, "Message": '"hello"'}
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
    assert SNS.translate(json.dumps(ENVELOPE | {"Message": json.dumps(content)})) == {"content": content}


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
        SNS.translate(json.dumps(ENVELOPE | {"Message": body}))


def test_json_null_is_content_none() -> None:
    assert SQS.translate("null") == {"content": None}


def test_a_pair_of_escaped_surrogates_is_one_character() -> None:
    assert SQS.translate('"\\ud83d\\ude00 \\\\ud800"') == {"content": "\U0001f600 \\ud800"}


def test_an_object_with_nothing_but_a_message_is_no_envelope() -> None:
    with pytest.raises(ValueError, match="the SNS envelope has no 'Type' and no 'MessageId' and no 'TopicArn'"):
        SNS.translate(json.dumps({"Message": json.dumps("here I am")}))


@pytest.mark.parametrize("field", ["MessageId", "TopicArn", "Message"])
@pytest.mark.parametrize("value", [None, 1, {"a": 1}, ["x"]])
def test_an_envelope_without_what_sns_always_says_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"the SNS envelope has no '{field}' that is a string"):
        SNS.translate(json.dumps(ENVELOPE | {field: value}))


@pytest.mark.parametrize("body", ["1e999", "-1e999", '{"price": [1E+400]}', f"{'9' * 400}.0"])
@pytest.mark.parametrize("translator", [SQS, SNS], ids=["sqs", "sns"])
def test_a_number_that_no_float_can_be_does_not_become_infinity(
    translator: SQSMessageTranslator | SNSMessageTranslator, body: str
) -> None:
    with pytest.raises(InvalidTranslation, match="the body is not JSON: a number in it is larger than a float can be"):
        translator.translate(body)


def test_the_largest_and_the_smallest_numbers_are_read() -> None:
    assert SQS.translate("[1.7976931348623157e308, 1e-999, -0.0, 12345678901234567890]") == {
        "content": [1.7976931348623157e308, 0.0, -0.0, 12345678901234567890]
    }


@pytest.mark.parametrize("brackets", ["[]", ('{"a":', "}")], ids=["lists", "objects"])
def test_surrogates_are_looked_for_at_any_depth_that_can_be_read(brackets: tuple[str, str]) -> None:
    before, after = brackets
    for depth in range(sys.getrecursionlimit()):
        pair, half = (f"{before * depth}{text}{after * depth}" for text in ('"\\ud83d\\ude00"', '"\\ud83d"'))
        with suppress(InvalidTranslation):
            SQS.translate(pair)
        with pytest.raises(InvalidTranslation, match=r"nested too deeply|lone surrogate at character"):
            SQS.translate(half)


@given(st.text('\\u"dD8cCeE0 ', max_size=24))
def test_lone_surrogates_are_found_wherever_the_content_holds_one(text: str) -> None:
    body = f'"{text}"'
    try:
        content = json.loads(body)
    except ValueError:
        return
    try:
        content.encode()
    except UnicodeEncodeError:
        with pytest.raises(InvalidTranslation, match="lone surrogate"):
            SQS.translate(body)
    else:
        assert SQS.translate(body) == {"content": content}


@pytest.mark.parametrize("body", [{"Message": "hello", "more": 1}, {"Type": "order"}, {"Type": ["Notification"]}, {}])
def test_any_other_object_is_a_raw_delivery(body: dict[str, Any]) -> None:
    assert SNS.translate(json.dumps(body)) == {"content": body}


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation"])
def test_what_sns_says_of_a_subscription_is_no_message(kind: str) -> None:
    with pytest.raises(ValueError, match=f"an SNS {kind}, not a message"):
        SNS.translate(json.dumps(ENVELOPE | {"Type": kind}))


def test_whoever_gives_the_whole_message_also_gets_the_notification() -> None:
    translated = SNS.translate(json.dumps(ENVELOPE | {"Subject": "greeting"}), Message("1", "", "r"))
    assert translated == {"content": "hello", "notification": Notification(TOPIC, "n-1", "greeting", "Notification")}


@pytest.mark.parametrize("subject", [{}, {"Subject": None}, {"Subject": 7}])
def test_a_notification_may_have_no_subject(subject: dict[str, Any]) -> None:
    assert SNS.translate(json.dumps(ENVELOPE | subject), Message("1", "", "r"))["notification"].subject is None


def test_a_notification_has_the_attributes_that_it_was_published_with() -> None:
    attributes = {
        "kind": {"Type": "String", "Value": "order.created"},
        "version": {"Type": "Number", "Value": "2"},
        "key": {"Type": "Binary", "Value": "AAE="},
        "list": {"Type": "String.Array", "Value": '["a"]'},
        "broken": {"Type": "Binary", "Value": "no base64"},
        "odd": ["String", "a"],
        "lacking": {"Type": "String"},
    }
    told = SNS.translate(json.dumps(ENVELOPE | {"MessageAttributes": attributes}), Message("1", "", "r"))
    assert told["notification"].attributes == {
        "kind": Attribute("order.created"),
        "version": Attribute("2", "Number"),
        "key": Attribute(b"\x00\x01", "Binary"),
        "list": Attribute('["a"]', "String.Array"),
    }


@pytest.mark.parametrize("attributes", [None, [], "kind", {}])
def test_attributes_that_are_none_are_left_out(attributes: Any) -> None:
    told = SNS.translate(json.dumps(ENVELOPE | {"MessageAttributes": attributes}), Message("1", "", "r"))
    assert told["notification"].attributes == {}


def test_raw_delivery_has_no_notification() -> None:
    assert SNS.translate('{"a": 1}', Message("1", "", "r")) == {"content": {"a": 1}}


ORDERS = SNSMessageTranslator([TOPIC])


def test_a_message_of_a_topic_that_was_named_is_taken() -> None:
    assert ORDERS.translate(json.dumps(ENVELOPE)) == {"content": "hello"}


@pytest.mark.parametrize("topic", [TOPIC + "s", TOPIC.replace("123456789012", "210987654321"), "orders", "", "x\ny"])
def test_a_message_of_another_topic_is_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic is none of those to be taken") as refused:
        ORDERS.translate(json.dumps(ENVELOPE | {"TopicArn": topic}))
    assert str(refused.value).endswith(f", but {topic}" if topic.startswith("arn:") else "to be taken")


@pytest.mark.parametrize("body", ['"hello"', "{}", '{"Message": "hello", "more": 1}', '{"Type": "order"}'])
def test_a_body_that_tells_no_topic_is_refused_where_topics_were_named(body: str) -> None:
    with pytest.raises(ValueError, match="no SNS envelope, which alone tells its topic"):
        ORDERS.translate(body)


@pytest.mark.parametrize("topics", [[], TOPIC, ["orders"], [TOPIC, "orders"], [1], [TOPIC.replace("sns", "sqs")], 5])
def test_topics_that_are_no_arns_are_a_mistake(topics: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"no ARN of a topic; give a list of them, as topics=\['arn:aws:sns:"):
        SNSMessageTranslator(topics)


@given(body=TEXT)
def test_a_string_is_its_own_content(body: str) -> None:
    assert StringMessageTranslator().translate(body) == {"content": body}


def test_a_string_with_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="lone surrogate at character 2"):
        StringMessageTranslator().translate("ab\udfff")
