"""A message by itself goes over the lean transport, again where it has met with passing trouble."""

import json
from contextlib import AsyncExitStack
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from lean_fakes import answered, lean
from sqs_fakes import FakeSQS

from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.exceptions import PublisherError

URL = "http://host/1/orders"
SENT = answered(b'{"MessageId": "1"}')


def publisher(sdk: FakeSQS, *answers: Answer | Exception) -> tuple[SQSPublisher, Any]:
    """Return an open publisher over a transport with these answers and a client, and what notes the requests."""
    transport, http = lean(*answers)
    made = SQSPublisher(URL)
    channel = made._channel
    channel._stack, channel._client, channel._lean, channel._target = AsyncExitStack(), sdk, transport, URL
    return made, http


async def test_a_message_goes_over_the_lean_transport_as_it_is() -> None:
    sdk = FakeSQS()
    made, http = publisher(sdk, SENT)
    assert await made.publish(OutgoingMessage("body", {"a": Attribute(b"\x00", "Binary")}, delay=3)) == "1"
    head, _, body = http.requests[0].partition(b"\r\n\r\n")
    assert b"X-Amz-Target: AmazonSQS.SendMessage\r\n" in head
    assert json.loads(body) == {
        "QueueUrl": URL,
        "MessageBody": "body",
        "MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "AA=="}},
        "DelaySeconds": 3,
    }
    assert sdk.calls == []


@pytest.mark.parametrize(
    "trouble", [answered(b"", 503), EndpointConnectionError(endpoint_url=URL), TimeoutError(), OSError("gone")]
)
async def test_what_met_with_passing_trouble_is_sent_again(trouble: Answer | Exception) -> None:
    sdk = FakeSQS()
    made, http = publisher(sdk, trouble, SENT)
    assert await made.publish(OutgoingMessage("body")) == "1"
    assert len(http.requests) == 2
    assert sdk.calls == []


async def test_a_refusal_is_not_sent_again() -> None:
    refused = answered(b'{"__type": "com.amazonaws.sqs#InvalidMessageContents", "message": "no"}', 400)
    made, http = publisher(FakeSQS(), refused)
    with pytest.raises(PublisherError, match=r"the request was refused \(InvalidMessageContents: no\)$"):
        await made.publish(OutgoingMessage("body"))
    assert len(http.requests) == 1


async def test_an_answer_without_an_id_is_an_error() -> None:
    with pytest.raises(PublisherError, match="no MessageId"):
        await publisher(FakeSQS(), answered(b"{}"))[0].publish(OutgoingMessage("body"))
