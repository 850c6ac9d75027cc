"""Calls over the lean transport: what is sent, what is read, and what is raised where that fails."""

import json
import ssl
from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.credentials import Credentials
from lean_fakes import BINARY, MESSAGE, FakeHttp, answered, lean

from loafer.adapters.aws.answers import messages_in
from loafer.adapters.aws.bounds import Excess
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.lean.connection import Lost
from loafer.adapters.aws.lean.signature import Signer
from loafer.adapters.aws.lean.transport import LeanTransport
from loafer.domain.message import Attribute, Message

KILO, MEGA = 1024, 1024 * 1024
RECEIVE = {"QueueUrl": "http://host/1/q", "MaxNumberOfMessages": 10}


async def received(body: bytes, status: int = 200, **headers: str) -> list[Message]:
    answer = await lean(answered(body, status, **headers))[0].call("receive_message", RECEIVE)
    return messages_in(answer, "orders", 10)


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
    [message] = messages_in(answer, "orders", 1)
    assert message.attributes["picture"] == Attribute(b"\x00\xff", "Binary")


async def test_what_json_has_no_type_for_is_not_sent() -> None:
    transport, http = lean(answered(b"{}"))
    for unsendable in (object(), "\ud800"):
        with pytest.raises(sdk.ParamValidationError):
            await transport.call("receive_message", {"QueueUrl": unsendable})
    assert http.requests == []


async def test_lone_surrogates_in_one_message_do_not_cost_the_others() -> None:
    entries = [{**MESSAGE, "MessageId": "1", "Body": "\ud83d"}, {**MESSAGE, "MessageId": "2", "Body": "é"}]
    assert [message.body for message in await received(json.dumps({"Messages": entries}).encode())] == ["\ud83d", "é"]


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b"[]", b'"text"', b"1", b'{"Messages": [{"MessageId": "1"}'])
async def test_an_answer_that_is_no_json_object_is_passing_trouble(body: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        await received(body)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
async def test_an_answer_that_is_nested_too_deeply_is_passing_trouble(opening: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        await received(opening * 20_000)


ENTRIES = [{"Id": "0", "ReceiptHandle": "r"}] * 3


@pytest.mark.parametrize(
    ("operation", "parameters", "room"),
    [
        ("receive_message", RECEIVE, 60 * MEGA + 64 * KILO),
        ("receive_message", {"MaxNumberOfMessages": 1}, 6 * MEGA + 64 * KILO),
        ("receive_message", {}, 6 * MEGA + 64 * KILO),
        ("delete_message_batch", {"Entries": ENTRIES}, MEGA),
        ("send_message_batch", {"Entries": ENTRIES}, MEGA),
    ],
)
async def test_an_answer_may_be_no_larger_than_what_was_asked_for(
    operation: str, parameters: dict[str, Any], room: int
) -> None:
    transport, http = lean(answered(b"{}"))
    await transport.call(operation, parameters)
    assert http.rooms == [room]


@pytest.mark.parametrize(
    ("operation", "parameters", "answer"),
    [
        ("receive_message", {"MaxNumberOfMessages": 2}, {"Messages": [MESSAGE] * 3}),
        ("receive_message", {}, {"Messages": [{}, {}]}),
        ("delete_message_batch", {"Entries": ENTRIES}, {"Successful": [{"Id": "0"}] * 4}),
        ("send_message_batch", {"Entries": ENTRIES}, {"Failed": [1] * 4}),
    ],
)
async def test_more_entries_than_were_asked_for_are_trouble_and_close_the_connection(
    operation: str, parameters: dict[str, Any], answer: dict[str, Any]
) -> None:
    transport, http = lean(answered(json.dumps(answer).encode()))
    with pytest.raises(UnreadableAnswer, match="entries"):
        await transport.call(operation, parameters)
    assert http.idle_closed


async def test_an_error_that_is_larger_than_one_can_be_is_trouble_and_not_decoded() -> None:
    body = b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "' + b"x" * 70_000 + b'"}'
    with pytest.raises(UnreadableAnswer, match="status 400"):
        await received(body, 400)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (Lost("gone"), sdk.ConnectionClosedError),
        (Excess("too much"), UnreadableAnswer),
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
