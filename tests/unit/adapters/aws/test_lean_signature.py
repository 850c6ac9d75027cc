"""The lean transport's signatures are those of the SDK's own signer, and of what AWS published."""

import datetime as dt
import hmac
from urllib.parse import urlsplit

import attrs
import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from loafer.adapters.aws.lean import signature as module
from loafer.adapters.aws.lean.choice import _PLAIN_PATH
from loafer.adapters.aws.lean.http import host_of
from loafer.adapters.aws.lean.signature import Signer, signing_key

NOT_OURS = "Accept-Encoding", "Authorization", "Content-Length", "Host", "User-Agent", "X-Amz-Date"
"""Headers that the SDK's signer writes itself, or never signs."""

DAY = 1_440_892_800.0
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
HOSTS = st.sampled_from(["sqs.eu-west-1.amazonaws.com", "localhost", "127.0.0.1", "[::1]", "QUEUE.example"])
PORTS = st.sampled_from(["", ":80", ":443", ":4566", ":9324"])
URLS = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    HOSTS,
    PORTS,
    st.from_regex(_PLAIN_PATH, fullmatch=True),
)
CREDENTIALS = st.builds(Credentials, TEXT, TEXT, st.none() | TEXT)
TIMES = st.floats(0, 4e9)


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode().removesuffix("\r\n\r\n").split("\r\n")[1:]
    return dict(line.split(": ", 1) for line in lines)


def signed_by_the_sdk(request: AWSRequest, credentials: Credentials, service: str, region: str, now: float) -> str:
    """Return the Authorization header that the SDK's signer writes at a time."""
    with pytest.MonkeyPatch.context() as patch:
        then = dt.datetime.fromtimestamp(int(now), dt.UTC)
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_: then)
        SigV4Auth(credentials, service, region).add_auth(request)
    return str(request.headers["Authorization"])


@settings(deadline=None)
@given(url=URLS, region=TEXT, credentials=CREDENTIALS, call=st.tuples(TEXT, st.binary(max_size=200)), now=TIMES)
def test_a_signature_is_that_of_the_sdk(
    url: str, region: str, credentials: Credentials, call: tuple[str, bytes], now: float
) -> None:
    target, body = call
    parts = urlsplit(url)
    head = Signer(host_of(parts), parts.path or "/", region, "test").head(target, body, credentials, now)
    headers = headers_of(head)
    request = AWSRequest("POST", url, {name: text for name, text in headers.items() if name not in NOT_OURS}, body)
    assert headers["Authorization"] == signed_by_the_sdk(request, credentials, "sqs", region, now)
    assert headers["X-Amz-Date"] == request.headers["X-Amz-Date"]
    assert headers.get("X-Amz-Security-Token") == credentials.token
    assert int(headers["Content-Length"]) == len(body)


@settings(deadline=None)
@given(calls=st.lists(st.tuples(CREDENTIALS, st.sampled_from([0, 1, 86_399, 86_400, 86_401]), st.binary(max_size=5))))
def test_a_signer_that_has_signed_before_signs_as_a_new_one(calls: list[tuple[Credentials, int, bytes]]) -> None:
    used = Signer("host", "/", "eu-west-1", "test")
    for credentials, second, body in calls:
        new = Signer("host", "/", "eu-west-1", "test")
        assert used.head("t", body, credentials, DAY + second) == new.head("t", body, credentials, DAY + second)


def test_the_key_is_worked_out_once_a_day_and_for_new_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    worked_out = []

    def noted(secret: str, day: str, region: str, service: str) -> bytes:
        worked_out.append((secret, day))
        return signing_key(secret, day, region, service)

    monkeypatch.setattr(module, "signing_key", noted)
    signer = Signer("host", "/", "eu-west-1", "test")
    old, new = Credentials("id", "old", "token"), Credentials("id", "new", "token")
    for credentials, second in ((old, 0), (old, 1), (old, 86_399), (old, 86_400), (new, 86_401), (new, 86_402)):
        signer.head("t", b"", credentials, DAY + second)
    assert worked_out == [("old", "20150830"), ("old", "20150831"), ("new", "20150831")]


def test_a_new_session_token_is_sent_and_signed_with_a_kept_key() -> None:
    signer = Signer("host", "/", "eu-west-1", "test")
    heads = [headers_of(signer.head("t", b"", Credentials("id", "s", token), DAY)) for token in ("one", "two", None)]
    assert [head.get("X-Amz-Security-Token") for head in heads] == ["one", "two", None]
    assert len({head["Authorization"] for head in heads}) == 3


def test_a_signer_shows_no_secret() -> None:
    signer = Signer("host", "/", "eu-west-1", "test")
    signer.head("t", b"", Credentials("id", "TOPSECRET", "TOPTOKEN"), DAY)
    assert "TOP" not in repr(signer)
    assert str(signing_key("TOPSECRET", "20150830", "eu-west-1", "sqs")) not in repr(signer)


TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRq"
    "TflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75Y"
    "U9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9K"
    "SYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def test_the_key_is_that_of_the_example_in_the_documentation_of_aws() -> None:
    # "Examples of how to derive a signing key" in the AWS General Reference, as it was up to 2022.
    key = signing_key(SECRET, "20150830", "us-east-1", "iam")
    assert key.hex() == "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"


@attrs.frozen
class Vector:
    """A request of AWS's Signature Version 4 test suite, and how it is to be signed.

    The suite is in the source distribution of botocore, tests/unit/auth/aws4_testsuite (Apache License 2.0).
    """

    name: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    canonical_hash: str
    signed: str
    signature: str

    @property
    def scope(self) -> str:
        return "20150830/us-east-1/service/aws4_request"


VECTORS = [
    Vector(
        "post-vanilla",
        (),
        b"",
        "553f88c9e4d10fc9e109e2aeb65f030801b70c2f6468faca261d401ae622fc87",
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    Vector(
        "post-x-www-form-urlencoded",
        (("Content-Type", "application/x-www-form-urlencoded"),),
        b"Param1=value1",
        "42a5e5bb34198acb3e84da4f085bb7927f2bc277ca766e6d19c73c2154021281",
        "content-type;host;x-amz-date",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    Vector(
        "post-sts-header-before",
        (
            (
                "X-Amz-Security-Token",
                TOKEN,
            ),
        ),
        b"",
        "c237e1b440d4c63c32ca95b5b99481081cb7b13c7e40434868e71567c1a882f6",
        "host;x-amz-date;x-amz-security-token",
        "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
    ),
]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_published_string_is_signed_as_published(vector: Vector) -> None:
    text = f"AWS4-HMAC-SHA256\n20150830T123600Z\n{vector.scope}\n{vector.canonical_hash}"
    key = signing_key(SECRET, "20150830", "us-east-1", "service")
    assert hmac.digest(key, text.encode(), "sha256").hex() == vector.signature


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_signer_that_ours_is_compared_with_signs_as_published(vector: Vector) -> None:
    headers = dict(vector.headers)
    credentials = Credentials("AKIDEXAMPLE", SECRET, headers.get("X-Amz-Security-Token"))
    request = AWSRequest("POST", "https://example.amazonaws.com/", headers, vector.body)
    now = dt.datetime(2015, 8, 30, 12, 36, tzinfo=dt.UTC).timestamp()
    assert signed_by_the_sdk(request, credentials, "service", "us-east-1", now) == (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{vector.scope}, "
        f"SignedHeaders={vector.signed}, Signature={vector.signature}"
    )
