"""What the lean transport makes of answers is what the SDK makes of them."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from aiobotocore.awsrequest import AioAWSResponse
from botocore import exceptions as sdk
from hypothesis import given, settings
from hypothesis import strategies as st
from lean_fakes import MESSAGE, answered, clean, lean

from loafer.adapters.aws.answers import messages_in
from loafer.adapters.aws.batches import results_of
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.errors import diagnose, sdk_errors
from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.session import create_client, settling
from loafer.testing.clock import run, runner

QUEUE = {"QueueUrl": "http://host/1/q"}
PARAMETERS: dict[str, Any] = {
    "receive_message": {**QUEUE, "MaxNumberOfMessages": 10},
    "delete_message_batch": {**QUEUE, "Entries": [{"Id": str(number), "ReceiptHandle": "r"} for number in range(2)]},
}


@attrs.define
class Theirs:
    """A client of the SDK that gets a given answer to whatever it sends."""

    client: Any
    runner: asyncio.Runner
    answer: Answer | None = None

    def answers(self, **_: object) -> AioAWSResponse:
        assert self.answer is not None
        raw = SimpleNamespace(read=self.read)
        return AioAWSResponse("http://host/", self.answer.status, self.answer.headers, raw)

    async def read(self) -> bytes:
        assert self.answer is not None
        return bytes(self.answer.body)

    def makes_of(self, answer: Answer, operation: str = "receive_message") -> Any:
        """Return what the SDK makes of an answer: what it returns, or the error it raises."""
        self.answer = answer
        try:
            return self.runner.run(getattr(self.client, operation)(**PARAMETERS[operation]))
        except Exception as error:  # noqa: BLE001 - whatever it is
            return error


async def entered(context: AbstractAsyncContextManager[Any]) -> Any:
    return await context.__aenter__()


async def left(context: AbstractAsyncContextManager[Any]) -> None:
    await context.__aexit__(None, None, None)


@pytest.fixture(scope="module")
def theirs() -> Iterator[Theirs]:
    with pytest.MonkeyPatch.context() as environ, runner() as running:
        clean(environ)
        context = create_client("sqs", None, settling())
        sdk = Theirs(running.run(entered(context)), running)
        sdk.client.meta.events.register("before-send.sqs", sdk.answers)
        yield sdk
        running.run(left(context))


def of_ours(answer: Answer, operation: str = "receive_message") -> Any:
    try:
        return run(lean(answer)[0].call(operation, PARAMETERS[operation]))
    except sdk_errors() as error:
        return error


def told(error: sdk.ClientError) -> tuple[Any, ...]:
    response = error.response
    metadata = response["ResponseMetadata"]
    return response.get("Error"), metadata["HTTPStatusCode"], metadata.get("RequestId"), error.operation_name


REFUSALS = {
    "missing queue": answered(
        b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}',
        400,
        x_amzn_query_error="AWS.SimpleQueueService.NonExistentQueue;Sender",
        x_amzn_requestid="7",
    ),
    "query error without a kind": answered(b'{"__type": "a#B"}', 400, x_amzn_query_error="Code"),
    "throttled": answered(b'{"__type":"com.amazonaws.sqs#RequestThrottled","message":"slow"}', 400),
    "no namespace": answered(b'{"__type":"ExpiredTokenException","Message":"old"}', 403),
    "url in the type": answered(b'{"__type":"InvalidAddress:http://x"}', 404),
    "html 503": answered(b"<html><body><b>Service Unavailable</b></body></html>", 503),
    "html with a doctype": answered(b"<!DOCTYPE html><html></html>", 502),
    "html 403": answered(b"<html>Forbidden</html>", 403, content_type="text/html"),
    "empty 500": answered(b"", 500),
    "empty 400": answered(b"", 400),
    "empty object": answered(b"{}", 400),
    "null": answered(b'{"__type": null, "message": null}', 400),
    "redirect": answered(b"", 302, location="http://elsewhere/"),
    "not modified": answered(b"", 304),
    "multiple choices": answered(b"{}", 300),
    "too large": answered(b"no", 413),
    "too many": answered(b"", 429),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_is_that_of_the_sdk(kind: str, theirs: Theirs) -> None:
    found, expected = of_ours(REFUSALS[kind]), theirs.makes_of(REFUSALS[kind])
    assert isinstance(found, sdk.ClientError)
    assert isinstance(expected, sdk.ClientError)
    assert told(found) == told(expected)
    assert diagnose(found, "queue 'q'") == diagnose(expected, "queue 'q'")


CODES = st.from_regex(
    r"(com\.amazonaws\.sqs#|com\.amazon\.coral\.service#|)[A-Za-z.]{1,20}(:http://x/)?", fullmatch=True
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
BODIES = st.one_of(
    st.fixed_dictionaries({}, optional={"__type": CODES, "message": TEXTS, "Message": TEXTS}).map(json.dumps),
    st.recursive(st.none() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)).map(
        json.dumps
    ),
    TEXTS,
    TEXTS.map("<html>{}</html>".format),
)
ANSWERS = st.builds(
    answered,
    BODIES.map(str.encode) | st.binary(max_size=20),
    st.sampled_from([300, 301, 400, 403, 404, 408, 413, 429, 500, 502, 503, 599]),
    x_amzn_query_error=st.sampled_from(["AWS.SimpleQueueService.NonExistentQueue;Sender", "A;B;C", ";", ""]),
) | st.builds(answered, BODIES.map(str.encode), st.integers(300, 599))


@settings(deadline=None)
@given(answer=ANSWERS)
def test_any_refusal_that_the_sdk_can_read_is_that_of_the_sdk(answer: Answer, theirs: Theirs) -> None:
    found, expected = of_ours(answer), theirs.makes_of(answer)
    if isinstance(expected, sdk.ClientError):
        assert told(found) == told(expected)
    else:
        assert isinstance(found, UnreadableAnswer | sdk.ClientError)


ACCEPTED: dict[str, dict[str, Any]] = {
    "messages": {"Messages": [MESSAGE, {**MESSAGE, "MessageId": "2"}]},
    "none": {},
    "null": {"Messages": None},
    "little": {"Messages": [{"MessageId": "1", "Body": "b", "ReceiptHandle": "r"}]},
    "nulls": {"Messages": [{**MESSAGE, "Attributes": None, "MessageAttributes": None, "Body": None}]},
    "null values": {
        "Messages": [
            {**MESSAGE, "MessageAttributes": {"a": {"StringValue": "x", "BinaryValue": None, "DataType": None}}},
            {**MESSAGE, "Attributes": {"MessageGroupId": None, "SentTimestamp": None}},
        ]
    },
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_messages_are_those_of_the_sdk(kind: str, theirs: Theirs) -> None:
    answer = answered(json.dumps(ACCEPTED[kind]).encode())
    found, expected = (messages_in(given, "orders", 10) for given in (of_ours(answer), theirs.makes_of(answer)))
    assert found == expected
    assert len(found) == len(ACCEPTED[kind].get("Messages") or ())


def test_the_results_of_a_batch_are_those_of_the_sdk(theirs: Theirs) -> None:
    failed = [{"Id": "1", "Code": "InternalError", "Message": "try", "SenderFault": False}]
    answer = answered(json.dumps({"Successful": [{"Id": "0"}], "Failed": failed}).encode())
    found, expected = (
        results_of(given, 2)
        for given in (of_ours(answer, "delete_message_batch"), theirs.makes_of(answer, "delete_message_batch"))
    )
    assert found == expected
    assert found[0] is None
