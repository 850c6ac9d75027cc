"""The certificates that SNS signs with: fetched from SNS's own hosts alone, kept for a day."""

import os
import re
import ssl
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    UnknownHandler,
)

import attrs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import InvalidVersion, load_pem_x509_certificate

from loafer.domain.lifecycle import InvalidTranslation

LARGEST = 16 * 1024
"""Bytes of a certificate's answer at most; SNS's have about 2 000."""

PATIENCE = 5.0
"""Seconds that each step of a fetch may take: to connect, and to read."""

KEPT = 24 * 60 * 60.0
"""Seconds that a certificate is believed without being fetched again."""

REFUSED = 60.0
"""Seconds for which an address that gave no certificate is not asked again: many messages may name it."""

MOST = 64
"""Addresses that are remembered; SNS has one a region at a time, strangers may make up any number."""

# No bucket of S3 has such a name: s3-eu-west-1 has a digit where regions have none.
_SNS = re.compile(r"https://(sns\.(?:[a-z]+-)+[0-9]{1,2}\.amazonaws\.com(?:\.cn)?)/[A-Za-z0-9-]+\.pem")


@attrs.frozen
class _Known:
    """What an address is known to have given, until then: a key, or the reason why there is none."""

    until: float
    key: RSAPublicKey | None
    reason: str = ""


def download(url: str, context: ssl.SSLContext | None = None) -> bytes:
    """Return what a host answers over TLS, by way of the proxy that the environment names; follows no redirect.

    Raises:
        OSError: it does not answer, or with anything but success.
        HTTPException: its answer is no HTTP.
        ValueError: the answer is longer than a certificate.

    """
    context = context or ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    opener = OpenerDirector()
    errors = HTTPErrorProcessor(), HTTPDefaultErrorHandler(), UnknownHandler()  # and nobody who follows redirects
    for handler in (ProxyHandler(), HTTPSHandler(context=context), *errors):
        opener.add_handler(handler)
    with opener.open(url, timeout=PATIENCE) as answer:
        content: bytes = answer.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it is longer than {LARGEST} bytes")
    return content


@attrs.define(eq=False)
class Certificates:
    """The public keys of certificates by their address; may be asked from several threads, and blocks.

    Attributes:
        fetch: Returns what is at an address, which is always one of SNS's own; may raise as `download` does.
        clock: Seconds that never go back.

    """

    fetch: Callable[[str], bytes] = download
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Known] = attrs.field(factory=dict, init=False, repr=False)
    _fetching: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def key_of(self, url: object) -> RSAPublicKey:
        """Return the public key of the certificate at an address.

        Raises:
            InvalidTranslation: it is none of SNS's addresses, or there is no certificate to be had.

        """
        host = _SNS.fullmatch(url) if isinstance(url, str) else None
        if host is None or not isinstance(url, str):
            raise InvalidTranslation("the SNS envelope's certificate is not at an address of SNS")
        known = self._current(url)
        if known is None:
            with self._fetching:  # one asks, and the others have it
                known = self._current(url) or self._remember(url, self._ask(url))
        if known.key is None:
            raise InvalidTranslation(f"there is no certificate to be had from {host[1]}: {known.reason}")
        return known.key

    def _current(self, url: str) -> _Known | None:
        known = self._known.get(url)
        return known if known is not None and self.clock() < known.until else None

    def _remember(self, url: str, known: _Known) -> _Known:
        self._known.pop(url, None)
        while len(self._known) >= MOST:
            del self._known[self._least_worth()]
        self._known[url] = known
        return known

    def _least_worth(self) -> str:
        """Return the oldest refusal, or the oldest key where nothing was refused: strangers push no key of SNS out."""
        return next((url for url, known in self._known.items() if known.key is None), next(iter(self._known)))

    def _ask(self, url: str) -> _Known:
        try:
            key = load_pem_x509_certificate(self.fetch(url)).public_key()
        except (OSError, HTTPException, ValueError, UnsupportedAlgorithm, InvalidVersion) as error:
            return _Known(self.clock() + REFUSED, None, _reason(error))
        if not isinstance(key, RSAPublicKey):
            return _Known(self.clock() + REFUSED, None, "its key is not RSA")
        return _Known(self.clock() + KEPT, key)


def _reason(error: Exception) -> str:
    """Return the kind of an error, and its HTTP status if it has one: the text may be the host's own."""
    status = getattr(error, "code", None)
    return f"{type(error).__name__}{'' if status is None else f' {status}'}"
