"""SNS's signature of a notification, versions 1 and 2.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from loafer.adapters.aws.sns_certificates import Certificates
from loafer.domain.lifecycle import InvalidTranslation

_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_DIGESTS = {"1": SHA1, "2": SHA256}


def signed_text(envelope: Mapping[str, Any]) -> str:
    """Return the text that SNS signs: the name and the value of each field in lines of their own, in a fixed order.

    Raises:
        InvalidTranslation: a field is no string, or missing.

    """
    names = [name for name in _SIGNED if name != "Subject" or envelope.get(name) is not None]
    wrong = [name for name in names if not isinstance(envelope.get(name), str)]
    if wrong:
        raise InvalidTranslation(f"the SNS envelope has no {wrong[0]!r} that is a string, so it is not signed")
    return "".join(f"{name}\n{envelope[name]}\n" for name in names)


def check_signature(envelope: Mapping[str, Any], certificates: Certificates) -> None:
    """Return if SNS has signed the envelope; blocks while the certificate is fetched.

    Raises:
        InvalidTranslation: it has not, or that cannot be found out.

    """
    text = signed_text(envelope)
    version, encoded = envelope.get("SignatureVersion"), envelope.get("Signature")
    digest = _DIGESTS.get(version) if isinstance(version, str) else None
    if digest is None or not isinstance(encoded, str):
        raise InvalidTranslation("the SNS envelope has no signature of version 1 or 2")
    try:
        signature = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise InvalidTranslation("the SNS envelope's signature is not Base64") from error
    key = certificates.key_of(envelope.get("SigningCertURL"))
    try:
        key.verify(signature, text.encode(), PKCS1v15(), digest())
    except InvalidSignature as error:
        raise InvalidTranslation("the SNS envelope's signature is wrong: SNS did not sign this") from error
    except UnsupportedAlgorithm as error:
        raise InvalidTranslation(f"signatures of version {version} cannot be checked on this machine") from error
