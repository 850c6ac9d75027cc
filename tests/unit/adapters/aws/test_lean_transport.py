"""Calls over the lean transport: what is sent, what is read, and what is raised where that fails."""

import json
import ssl
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.credentials import Credentials
from botocore.parsers import ResponseParserError
from lean_fakes import BINARY, MESSAGE, FakeHttp, answered, lean

from loafer.adapters.aws.lean.http import Lost
from loafer.adapters.aws.lean.signature import Signer
from loafer.adapters.aws.lean.transport import LeanTransport


async def received(body: bytes, status: int = 200, **headers: str) -> dict[str, Any]:
    return await lean(answered(body, status, **headers))[0].call("receive_message", {"QueueUrl": "http://host/1/q"})


async def test_binary_attributes_go_both_ways() -> None:
    transport, http = lean(answered(json.dumps({"Messages": [MESSAGE]}).encode()))
    entry = {
        "Id": "0",
        "MessageBody": "x",
        "MessageAttributes": {"p": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
    }
    answer = await transport.call("send_message_batch", {"QueueUrl": "u", "Entries": [entry]})
    sent = json.loads(http.requests[0].partition(b"\r\n\r\n")[2])
    assert sent["Entries"][0]["MessageAttributes"]["p"] == {"DataType": "Binary", "BinaryValue": BINARY}
    assert answer["Messages"][0]["MessageAttributes"]["picture"]["BinaryValue"] == b"\x00\xff"


async def test_what_json_has_no_type_for_is_not_sent() -> None:
    transport, http = lean(answered(b"{}"))
    for unsendable in (object(), "\ud800"):
        with pytest.raises(sdk.ParamValidationError):
            await transport.call("receive_message", {"QueueUrl": unsendable})
    assert http.requests == []


async def test_lone_surrogates_in_one_message_do_not_cost_the_others() -> None:
    body = b'{"Messages": [{"MessageId": "1", "Body": "\\ud83d"}, {"MessageId": "2", "Body": "\\u00e9"}]}'
    assert [message["Body"] for message in (await received(body))["Messages"]] == ["\ud83d", "é"]


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b"", None),
        (b'{"Messages": null}', None),
        (b'{"Messages": [{"MessageId": "1", "MessageAttributes": null}]}', 1),
        (b'{"Messages": [{"MessageAttributes": {"a": {"StringValue": "x", "BinaryValue": null}}}]}', 1),
    ],
    ids=["nothing", "no messages", "no attributes", "no bytes"],
)
async def test_what_is_left_out_may_be_null(body: bytes, messages: int | None) -> None:
    assert len((await received(body)).get("Messages") or ()) == (messages or 0)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"\xff",
        b"[]",
        b'"text"',
        b'{"Messages": [1]}',
        b'{"Messages": [{"MessageAttributes": {"a": {"BinaryValue": "x"}}}]}',
        b'{"Messages": [{"MessageAttributes": {"a": {"BinaryValue": 1}}}]}',
        b'{"Messages": [{"MessageId": "1"}',
    ],
)
async def test_an_answer_that_cannot_be_read_is_passing_trouble(body: bytes) -> None:
    with pytest.raises(ResponseParserError):
        await received(body)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Lost("gone"), sdk.ConnectionClosedError),
        (ConnectionRefusedError(111, "refused"), sdk.EndpointConnectionError),
        (OSError("no such host"), sdk.EndpointConnectionError),
        (RuntimeError("unable to perform operation"), sdk.EndpointConnectionError),
        (ssl.SSLError("wrong certificate"), sdk.SSLError),
        (TimeoutError(), TimeoutError),
    ],
)
async def test_trouble_on_the_way_is_the_sdks(raised: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        await lean(raised)[0].call("receive_message", {})
    assert type(caught.value) is expected


async def test_neither_errors_nor_the_transport_show_a_secret() -> None:
    async def credentials() -> Credentials:
        return Credentials("id", "TOPSECRET", "TOPTOKEN")

    http: Any = FakeHttp([Lost("gone")])
    transport = LeanTransport("http://host/", Signer("host", "/", "eu-west-1", "test"), http, credentials)
    with pytest.raises(sdk.ConnectionClosedError) as caught:
        await transport.call("receive_message", {})
    http.requests.clear()
    assert "TOP" not in f"{transport!r}{caught.value!r}{caught.value}{caught.value.__cause__!r}"
