"""What SQS says that it got is compared with what was sent."""

import hashlib

import pytest

from loafer.adapters.aws.checksums import confirms, digest_of
from loafer.domain.message import Attribute, OutgoingMessage

BODY = hashlib.md5(b"body").hexdigest()
KINDS = {"b": Attribute(b"\x00", "Binary"), "a": Attribute("é")}


def test_the_digest_of_attributes_is_that_of_names_types_and_values_in_the_order_of_names() -> None:
    data = b"\0\0\0\1a\0\0\0\6String\1\0\0\0\2\xc3\xa9\0\0\0\1b\0\0\0\6Binary\2\0\0\0\1\0"
    assert digest_of(KINDS) == hashlib.md5(data).hexdigest()


@pytest.mark.parametrize(
    ("answer", "confirmed"),
    [
        ({}, True),
        ({"MD5OfMessageBody": BODY}, True),
        ({"MD5OfMessageBody": "0" * 32}, False),
        ({"MD5OfMessageBody": BODY, "MD5OfMessageAttributes": digest_of(KINDS)}, True),
        ({"MD5OfMessageBody": BODY, "MD5OfMessageAttributes": "0" * 32}, False),
    ],
)
def test_another_digest_than_ours_confirms_nothing(answer: dict[str, str], confirmed: bool) -> None:
    assert confirms(answer, OutgoingMessage("body", KINDS)) is confirmed
