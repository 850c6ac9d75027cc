"""What errors tell: nothing that was signed or sent, whatever the services and the SDK repeat of it."""

import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_plus

import aiohttp
import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws import errors
from loafer.adapters.aws.address import queue_address
from loafer.adapters.aws.errors import consumer_error, diagnose, publisher_error
from loafer.adapters.aws.publisher import _SQS
from loafer.adapters.aws.publishing import Channel
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.telling import told, told_code, told_of_ours
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import LoaferError

PLACE = "queue 'orders'"
KEY, SECRET = "ASIAQWERTYUIOP123456", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYzEXAMPLEKEY"
TOKEN = "FwoGZXIvYXdzEBYaDHqa0AP+1/abcDEF==" * 9
SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
BODY = '{"name": "TOPSECRET", "card": "4111 1111"}'
SECRETS = (KEY, SECRET, TOKEN, SIGNATURE, "TOPSECRET", "4111")
CODES = sorted(
    errors._MISSING | errors._DENIED | errors._PASSING | {"AccessDenied", "RequestThrottled", "SomethingNew"}
)

HEADERS = (
    f"content-type:application/x-amz-json-1.0\nhost:sqs.eu-west-1.amazonaws.com\nx-amz-date:20261124T000000Z\n"
    f"x-amz-security-token:{TOKEN}\nx-amz-target:AmazonSQS.SendMessage\n\ncontent-type;host;x-amz-security-token\n"
)
ECHOES = {
    "canonical request": f"The Canonical String should have been\n'POST\n/\n\n{HEADERS}'",
    "headers": HEADERS,
    "header": f"Authorization: AWS4-HMAC-SHA256 Credential={KEY}/20261124/sqs, Signature={SIGNATURE}",
    "token": f"The token {TOKEN} is not valid",
    "bare token": TOKEN,
    "quoted token": f"{{'token': '{TOKEN}', 'key': \"{KEY}\"}}",
    "key": f"The key {KEY} does not exist",
    "secret": f"secret={SECRET}",
    "signature": f"expected {SIGNATURE}, or {SIGNATURE.upper()}",
    "body": f"Value {BODY} for parameter MessageBody is invalid",
    "JSON of the body": f"cannot read {json.dumps({'MessageBody': BODY})}",
    "form of the body": f"cannot read Action=Publish&Message={quote_plus(BODY)}",
}


def refusal(code: str, message: str, status: int = 400) -> sdk.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return sdk.ClientError(response, "SendMessage")


def shows(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text or secret[:24] in text]


@pytest.mark.parametrize("kind", ECHOES)
@pytest.mark.parametrize("code", CODES)
def test_no_error_tells_what_the_service_repeats_of_the_request(code: str, kind: str) -> None:
    error = refusal(code, ECHOES[kind])
    for told_of in (consumer_error(error, PLACE, "eu-west-1", [BODY]), publisher_error(error, PLACE, None, [BODY])):
        assert shows(str(told_of)) == []
        assert str(told_of).startswith(PLACE)
        assert "\n" not in str(told_of)


@pytest.mark.parametrize("kind", [kind for kind in ECHOES if "body" not in kind])
def test_an_error_code_is_told_unless_it_is_none(kind: str) -> None:
    assert shows(str(consumer_error(refusal(ECHOES[kind], "no"), PLACE))) == []
    assert told_code("AWS.SimpleQueueService.NonExistentQueue") == "AWS.SimpleQueueService.NonExistentQueue"
    assert told_code("two\nlines") == told_code("") == told_code("x" * 200) == ""


SAID = [
    "User: arn:aws:iam::123456789012:user/worker-of-team-12345 is not authorized to perform: sqs:receivemessage",
    "The call is not allowed on resource: arn:aws:sqs:eu-west-1:123456789012:orders-of-2026-11-24 by any policy",
    "The security token included in the request is expired",
    "Value 50000 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200, if provided.",
    "Unknown Attribute ApproximateNumberOfMessagesNotVisible.",
    "The batch request contains more entries than permissible.",
]


@pytest.mark.parametrize("message", SAID)
def test_what_helps_is_told_whole(message: str) -> None:
    assert told(message) == message[:300].rstrip()


@given(text=st.text(max_size=400))
def test_whatever_is_said_is_told_in_one_short_printable_line(text: str) -> None:
    line = told(text)
    assert len(line) <= 300
    assert line.isprintable()


PARTS = ["-", "x", "x-", "//", "://", "a://", "/x?", "@", "x ", " ", "\n", "signature ", "9", "'"]


@pytest.mark.parametrize("part", PARTS)
def test_whatever_is_said_is_read_at_once_however_long(part: str) -> None:
    text, bodies = part * (1_000_000 // len(part)), [BODY * 10_000] * 10
    start = time.process_time()
    assert len(told(text, bodies)) <= 300
    assert len(told_of_ours(text)) <= 300
    assert time.process_time() - start < 2  # seconds; hours where the rest is looked through for each character


@pytest.mark.parametrize("before", range(3_980, 4_010))
def test_no_beginning_of_a_secret_is_told_where_a_text_is_cut(before: int) -> None:
    # What is left out before it makes the text short enough to be told to its end.
    assert told(f"{'9' * (before - 1)} {KEY} {SECRET}") in {"", "…", "… …", "… … …"}


URLS = {
    "http://me:TOPSECRET@nowhere/": "http://nowhere/",
    "http://me:TOP/SECRET@x@nowhere:80/a": "http://nowhere:80/a",
    "https://nowhere/?token=TOPSECRET#TOPSECRET": "https://nowhere/",
}


@pytest.mark.parametrize("url", URLS)
def test_an_endpoint_is_told_without_what_may_be_a_secret(url: str) -> None:
    for error in (sdk.EndpointConnectionError(endpoint_url=url), ValueError(f"Invalid endpoint: {url}"), OSError(url)):
        said = str(consumer_error(error, PLACE))
        assert "SECRET" not in said
        assert URLS[url] in said


LOUD = {
    "the whole answer": ResponseParserError(f"Unable to parse response, invalid XML received:\n{HEADERS}{BODY}"),
    "a parameter": sdk.ParamValidationError(
        report=f"Invalid type for parameter Entries[0].MessageBody, value: {BODY}, type: <class 'dict'>, valid types: s"
    ),
    "a header": sdk.HTTPClientError(error=aiohttp.ClientError(f"Bad line: x-amz-security-token: {TOKEN}")),
    "aiohttp": aiohttp.ClientPayloadError(f"Not enough data: {TOKEN} {SIGNATURE}"),
    "a process": sdk.CredentialRetrievalError(provider="custom-process", error_msg=f"key {KEY}: {SECRET}"),
    "a metadata service": sdk.MetadataRetrievalError(error_msg=f"no JSON: {{'Token': '{TOKEN}'}}"),
}


@pytest.mark.parametrize("kind", LOUD)
def test_no_error_tells_what_the_sdk_repeats(kind: str) -> None:
    said = str(consumer_error(LOUD[kind], PLACE))
    assert shows(said) == []
    assert type(LOUD[kind]).__name__ in said


def test_a_parameter_that_the_sdk_refuses_is_named() -> None:
    assert "Entries[0].MessageBody" in diagnose(LOUD["a parameter"], PLACE).sentence


def test_files_and_profiles_are_told_whole() -> None:
    long = "/var/run/secrets/of-the-team-2026/token-1234567890abcdef"
    assert long in str(consumer_error(FileNotFoundError(2, "No such file", long), PLACE))
    profile = "production-eu-west-1-readonly"
    assert profile in str(consumer_error(sdk.ProfileNotFound(profile=profile), PLACE))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_trouble(status: int) -> None:
    found = diagnose(refusal(str(status), f"Found {TOKEN}", status), PLACE)
    assert found.kind is errors.Kind.PASSING
    assert found.sentence == f"{PLACE} answers with a redirect (status {status}), which is not followed"


class Refusing:
    """A client of the SDK that refuses everything in the same way."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.meta = SimpleNamespace(region_name="eu-west-1")

    def __getattr__(self, operation: str) -> Callable[..., Awaitable[Any]]:
        async def call(**parameters: object) -> Any:
            raise self.error

        return call


async def consumes(error: Exception) -> None:
    await Queue(queue_address("orders"), Refusing(error), "http://host/1/orders").call("send_message", MessageBody=BODY)


async def publishes(error: Exception) -> None:
    channel = Channel(_SQS, queue_address("orders"))
    channel._client, channel._stack = Refusing(error), object()  # type: ignore[assignment]
    await channel.publish(OutgoingMessage(BODY))


@pytest.mark.parametrize("call", [consumes, publishes])
@pytest.mark.parametrize("error", [*(refusal("Some", echo) for echo in ECHOES.values()), *LOUD.values()], ids=repr)
async def test_no_traceback_shows_what_the_sdk_said(
    error: Exception, call: Callable[[Exception], Awaitable[None]]
) -> None:
    with pytest.raises(LoaferError) as caught:
        await call(error)
    shown = "".join(traceback.format_exception(caught.value))
    assert shows(shown) == []
    assert caught.value.__cause__ is caught.value.__context__ is None


async def test_where_it_came_from_is_told_to_those_who_debug_in_nobodys_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, errors.__name__)
    for error in (*map(partial(refusal, "Some"), ECHOES.values()), *LOUD.values()):
        with pytest.raises(LoaferError):
            await consumes(error)
    assert len(caplog.records) == len(ECHOES) + len(LOUD)
    assert "queue 'orders': ClientError (test_aws_telling.py:" in caplog.text
    assert shows(caplog.text) == []
