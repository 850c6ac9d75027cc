"""Signature version 4 for one endpoint: of a request only its operation, its body and its date are new each time.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import time
from hashlib import sha256
from typing import Any, Protocol

import attrs

from loafer.adapters.aws.safety import check_credentials

CONTENT_TYPE = "application/x-amz-json-1.0"

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = "content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode"
_SIGNED_WITH_TOKEN = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target;x-amzn-query-mode"  # noqa: S105 - names


class Credentials(Protocol):
    """What a request is signed with; `token` is the session token of temporary credentials, else None."""

    @property
    def access_key(self) -> str: ...  # noqa: D102 - as the class says
    @property
    def secret_key(self) -> str: ...  # noqa: D102
    @property
    def token(self) -> str | None: ...  # noqa: D102


@attrs.frozen(repr=False)
class _Form:
    """A request's head, and what is signed of it, as far as neither depends on the body.

    Attributes:
        made_for: The second of Unix time and the credentials that it is good for.
        hashed: The hash of the request, as far as it comes before the body's.
        signed: What signs, having taken what comes before that hash.
        head: What comes before the signature.

    """

    made_for: tuple[int | str | None, ...]
    hashed: Any
    signed: hmac.HMAC
    head: str


@attrs.define(eq=False)
class Signer:
    """Writes the heads of signed POST requests to one endpoint.

    Attributes:
        host: The endpoint's host, with its port unless that is the scheme's own.
        path: The endpoint's path, `/` as a rule.
        region: The region that the signature is for.
        user_agent: What the requests say of who sends them.

    """

    host: str
    path: str
    region: str
    user_agent: str
    _forms: dict[str, _Form] = attrs.field(factory=dict, init=False, repr=False)
    _key_of: tuple[str | None, ...] = attrs.field(default=(), init=False, repr=False)
    _mac: hmac.HMAC = attrs.field(init=False, repr=False)

    def head(self, target: str, body: bytes, credentials: Credentials, now: float) -> bytes:
        """Return request line and headers for an operation (`AmazonSQS.ReceiveMessage`) at `now`, seconds of Unix time.

        The `X-Amzn-Query-Mode` header asks for the error codes that SQS always had.

        Raises:
            UnusableCredentials: the credentials would break the headers.

        """
        form = self._form(target, credentials, int(now))
        hashed, signed = form.hashed.copy(), form.signed.copy()
        hashed.update(sha256(body).hexdigest().encode())
        signed.update(hashed.hexdigest().encode())
        rest = f"{signed.hexdigest()}\r\nAccept-Encoding: identity\r\nContent-Length: {len(body)}\r\n\r\n"
        return (form.head + rest).encode()

    def _form(self, target: str, credentials: Credentials, second: int) -> _Form:
        """Return the form of an operation's requests, which is made once a second."""
        access_key, token = credentials.access_key, credentials.token
        made_for = second, access_key, credentials.secret_key, token
        form = self._forms.get(target)
        if form is not None and form.made_for == made_for:
            return form
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
        signed = self._mac_of(credentials, date[:8]).copy()
        names = _SIGNED_WITH_TOKEN if token else _SIGNED
        scope = f"{date[:8]}/{self.region}/sqs/aws4_request"
        canonical = (
            f"POST\n{self.path}\n\ncontent-type:{CONTENT_TYPE}\nhost:{self.host}\nx-amz-date:{date}\n"
            + (f"x-amz-security-token:{token}\n" if token else "")
            + f"x-amz-target:{target}\nx-amzn-query-mode:true\n\n{names}\n"
        )
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: {self.host}\r\nUser-Agent: {self.user_agent}\r\n"
            f"Content-Type: {CONTENT_TYPE}\r\nX-Amz-Date: {date}\r\n"
            + (f"X-Amz-Security-Token: {token}\r\n" if token else "")
            + f"X-Amz-Target: {target}\r\nX-Amzn-Query-Mode: true\r\n"
            f"Authorization: {_ALGORITHM} Credential={access_key}/{scope}, SignedHeaders={names}, Signature="
        )
        signed.update(f"{_ALGORITHM}\n{date}\n{scope}\n".encode())
        form = self._forms[target] = _Form(made_for, sha256(canonical.encode()), signed, head)
        return form

    def _mac_of(self, credentials: Credentials, day: str) -> hmac.HMAC:
        """Return what signs with the key of a day; it is made once, when the credentials are looked at too."""
        key_of = credentials.secret_key, day, credentials.access_key, credentials.token
        if self._key_of != key_of:
            check_credentials(credentials)
            key = signing_key(credentials.secret_key, day, self.region, "sqs")
            self._mac, self._key_of = hmac.new(key, digestmod="sha256"), key_of
        return self._mac


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Return what requests to a service in a region are signed with on a day (`20150830`)."""
    key = b"AWS4" + secret.encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
