"""What is fuzzed of SNS's signatures: envelopes that claim to be signed, and what is in the place of certificates."""

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from loafer.adapters.aws.sns_certificates import Certificates
from loafer.adapters.aws.sns_signature import signed_text
from loafer.adapters.aws.translator import SNSMessageTranslator
from loafer.domain.lifecycle import InvalidTranslation

URL = "https://sns.eu-west-1.amazonaws.com/x.pem"
FIELDS = {
    "Type": "Notification",
    "MessageId": "1",
    "TopicArn": "arn:aws:sns:eu-west-1:1:news",
    "Subject": "s",
    "Message": '{"a":1}',
    "Timestamp": "2026-11-24T00:00:00.000Z",
    "SigningCertURL": URL,
}


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def certificate_of_sns() -> bytes:
    """Return a certificate in the place of SNS's, as PEM."""
    name, began = x509.Name([]), datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, _key().public_key(), 1).not_valid_before(began)
    signed = builder.not_valid_after(began + timedelta(days=365)).sign(_key(), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def signed_envelope() -> bytes:
    """Return an envelope that is signed."""
    signature = _key().sign(signed_text(FIELDS).encode(), padding.PKCS1v15(), hashes.SHA256())
    return json.dumps({**FIELDS, "SignatureVersion": "2", "Signature": base64.b64encode(signature).decode()}).encode()


@cache
def _checking() -> SNSMessageTranslator:
    return SNSMessageTranslator([FIELDS["TopicArn"]], verify=True, fetch=lambda _: certificate_of_sns())


def signature(data: bytes) -> None:
    """An envelope: it is refused, unless every signed field is as it was signed."""
    body = data.decode("utf-8", "replace")
    try:
        _checking().translate(body)
    except InvalidTranslation:
        return
    if signed_text(json.loads(body)) != signed_text(FIELDS):
        raise AssertionError("what nobody has signed was taken")


def certificate(data: bytes) -> None:
    """What is at the address of a certificate."""
    try:
        Certificates(lambda _: data).key_of(URL)
    except InvalidTranslation as error:
        if not str(error):
            raise AssertionError("it is refused without a reason") from error
