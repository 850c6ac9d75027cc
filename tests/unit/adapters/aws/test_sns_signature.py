"""Only what SNS has signed is translated, where that is asked for."""

import base64
import json
from typing import Any

import pytest
from sns_signing import FIELDS, SIGNER, TOPIC, URL, Signer

from loafer.adapters.aws.sns_signature import signed_text
from loafer.aws.message_translator import SNSMessageTranslator
from loafer.domain.message import Attribute, Message

STRANGER = Signer()
CONTENT = {"content": {"caf\u00e9": "Hello\nworld!"}}


def certificate_at(url: str) -> bytes:
    assert url == URL
    return SIGNER.certificate


@pytest.fixture(scope="module")
def checking() -> SNSMessageTranslator:
    return SNSMessageTranslator([TOPIC], verify=True, fetch=certificate_at)


def test_the_signed_text_is_the_documented_one() -> None:
    assert signed_text({**FIELDS, "Message": "My Test Message"}) == (
        "Message\nMy Test Message\nMessageId\n22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\nSubject\nMy First Message\n"
        "Timestamp\n2026-05-02T00:54:06.655Z\nTopicArn\narn:aws:sns:sa-east-1:123456789012:orders\n"
        "Type\nNotification\n"
    )


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", ["My First Message", None, "", "two\nlines"])
def test_what_sns_has_signed_is_taken(checking: SNSMessageTranslator, version: str, subject: str | None) -> None:
    assert checking.translate(json.dumps(SIGNER.signed(version, Subject=subject))) == CONTENT


def test_a_subject_that_is_null_is_none() -> None:
    checking = SNSMessageTranslator([TOPIC], verify=True, fetch=certificate_at)
    assert checking.translate(json.dumps({**SIGNER.signed(Subject=None), "Subject": None})) == CONTENT


def test_a_checked_envelope_tells_its_notification(checking: SNSMessageTranslator) -> None:
    translated = checking.translate(json.dumps(SIGNER.signed()), Message("1", "", "r"))
    assert translated["notification"].topic == TOPIC


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Message": '"other"'}, "the SNS envelope's signature is wrong: SNS did not sign this"),
        ({"MessageId": "1"}, "signature is wrong"),
        ({"Subject": "other"}, "signature is wrong"),
        ({"Subject": None}, "signature is wrong"),
        ({"Subject": 5}, "no 'Subject' that is a string, so it is not signed"),
        ({"Timestamp": "2026-05-02T00:54:07.655Z"}, "signature is wrong"),
        ({"Timestamp": None}, "no 'Timestamp' that is a string"),
        ({"SignatureVersion": "1"}, "signature is wrong"),
        ({"SignatureVersion": "3"}, "no signature of version 1 or 2"),
        ({"SignatureVersion": 2}, "no signature of version 1 or 2"),
        ({"SignatureVersion": ["2"]}, "no signature of version 1 or 2"),
        ({"Signature": None}, "no signature of version 1 or 2"),
        ({"Signature": "no Base64"}, "signature is not Base64"),
        ({"Signature": "caf\u00e9"}, "signature is not Base64"),
        ({"Signature": ""}, "signature is wrong"),
        ({"Signature": base64.b64encode(b"x" * 256).decode()}, "signature is wrong"),
        ({"SigningCertURL": None}, "certificate is not at an address of SNS"),
        ({"SigningCertURL": 7}, "certificate is not at an address of SNS"),
    ],
)
def test_an_envelope_that_was_changed_is_refused(
    checking: SNSMessageTranslator, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        checking.translate(json.dumps({**SIGNER.signed(), **changes}))


def test_the_attributes_in_an_envelope_are_told_though_nobody_has_signed_them(checking: SNSMessageTranslator) -> None:
    changed = {**SIGNER.signed(), "MessageAttributes": {"tenant": {"Type": "String", "Value": "anybody's"}}}
    notification = checking.translate(json.dumps(changed), Message("1", "", "r"))["notification"]
    assert notification.attributes == {"tenant": Attribute("anybody's")}


@pytest.mark.parametrize("version", ["1", "2"])
def test_what_another_key_has_signed_is_refused(checking: SNSMessageTranslator, version: str) -> None:
    with pytest.raises(ValueError, match="SNS did not sign this"):
        checking.translate(json.dumps(STRANGER.signed(version)))


def test_a_signed_envelope_of_another_topic_is_refused_before_anything_is_fetched() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return b""

    checking = SNSMessageTranslator([TOPIC + "s"], verify=True, fetch=fetch)
    with pytest.raises(ValueError, match="topic is none of those"):
        checking.translate(json.dumps(SIGNER.signed()))
    assert asked == []


@pytest.mark.parametrize("body", ['"hello"', '{"a": 1}', '{"Message": "1", "more": 1}'])
def test_a_raw_body_is_refused_where_signatures_are_checked(checking: SNSMessageTranslator, body: str) -> None:
    with pytest.raises(ValueError, match="no SNS envelope"):
        checking.translate(body)


def test_signatures_without_topics_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    checking = SNSMessageTranslator(verify=True, fetch=certificate_at)
    assert [record.getMessage() for record in caplog.records] == [
        "verify=True without topics takes whatever SNS has signed, for anybody's topic"
    ]
    assert checking.translate(json.dumps(SIGNER.signed())) == CONTENT


def test_only_a_translator_that_checks_signatures_blocks(checking: SNSMessageTranslator) -> None:
    assert checking.blocking
    assert not SNSMessageTranslator().blocking
