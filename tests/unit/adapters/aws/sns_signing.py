"""SNS in a few lines: a key, its certificate, and envelopes signed with it as AWS documents."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

TOPIC = "arn:aws:sns:sa-east-1:123456789012:orders"
URL = "https://sns.sa-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
FIELDS: Mapping[str, Any] = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": TOPIC,
    "Subject": "My First Message",
    "Message": '{"caf\u00e9": "Hello\\nworld!"}',
    "Timestamp": "2026-05-02T00:54:06.655Z",
    "SigningCertURL": URL,
    "UnsubscribeURL": "https://sns.sa-east-1.amazonaws.com/?Action=Unsubscribe",
}
ORDER = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")


@attrs.frozen
class Signer:
    """Signs envelopes as SNS does."""

    key: rsa.RSAPrivateKey = attrs.field(factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def certificate(self) -> bytes:
        """The certificate of the key, as PEM."""
        return certificate_of(self.key)

    def signed(self, version: object = "2", **changes: Any) -> dict[str, Any]:
        """Return an envelope with these fields, signed; a field that is None is left out."""
        fields = {name: value for name, value in {**FIELDS, **changes}.items() if value is not None}
        text = "".join(f"{name}\n{fields[name]}\n" for name in ORDER if name in fields)
        digest = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), digest)
        return {**fields, "SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}


def certificate_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Return a certificate that a key has signed for itself, as PEM."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")])
    began = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(began).not_valid_after(began + timedelta(days=365))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


SIGNER = Signer()
