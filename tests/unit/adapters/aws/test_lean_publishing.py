"""A message by itself goes over the lean transport, again where it has met with passing trouble."""

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from lean_fakes import Environ, FakeHttp, answered, aws_environ, lean
from sqs_fakes import FakeSQS

from loafer.adapters.aws import session
from loafer.adapters.aws.lean import plain
from loafer.adapters.aws.lean.connection import Answer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.exceptions import PublisherError
from loafer.testing.clock import run

__all__ = ["aws_environ"]

URL = "http://host/1/orders"
SENT = answered(b'{"MessageId": "1"}')


def publisher(sdk: FakeSQS, *answers: Answer | Exception, queue: str = URL) -> tuple[SQSPublisher, Any]:
    """Return an open publisher over a transport with these answers and a client, and what notes the requests."""
    transport, http = lean(*answers)
    made = SQSPublisher(queue)
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


@pytest.mark.parametrize("trouble", [answered(b"", 503), OSError("gone")])
async def test_what_may_have_been_sent_is_told_as_such_though_the_next_try_is_refused(
    trouble: Answer | Exception,
) -> None:
    refused = answered(b'{"__type": "com.amazon.coral.service#AccessDeniedException"}', 403)
    made, http = publisher(FakeSQS(), trouble, refused)
    with pytest.raises(PublisherError) as told:
        await made.publish(OutgoingMessage("body"))
    assert told.value.retryable
    throttled = answered(b'{"__type": "com.amazonaws.sqs#ThrottlingException"}', 400)
    for answers in ([refused], [throttled, refused]):
        made, http = publisher(FakeSQS(), *answers)
        with pytest.raises(PublisherError) as told:
            await made.publish(OutgoingMessage("body"))
        assert not told.value.retryable
        assert len(http.requests) == len(answers)


def test_a_publisher_that_is_opened_again_waits_for_nothing_of_an_event_loop_that_ended_in_the_midst(
    aws_environ: pytest.MonkeyPatch,
) -> None:
    made, _ = publisher(FakeSQS())
    left: list[Any] = []

    async def leave_in_the_midst() -> None:
        made._channel._company._on_their_way = 1  # as of a call that is under way
        left.append(asyncio.ensure_future(made.publish(OutgoingMessage("body"))))  # joins in the last turn

    async def open_again() -> str:
        await made.open()
        transport, _ = lean(SENT)
        made._channel._lean = transport
        async with asyncio.timeout(60):
            return await made.publish(OutgoingMessage("body"))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave_in_the_midst())
    loop.close()
    aws_environ.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert run(open_again()) == "1"
    assert not left[0].done()
    left[0]._log_destroy_pending = False  # else another test would find that in its log


async def test_a_refusal_is_not_sent_again() -> None:
    refused = answered(b'{"__type": "com.amazonaws.sqs#InvalidMessageContents", "message": "no"}', 400)
    made, http = publisher(FakeSQS(), refused)
    with pytest.raises(PublisherError, match=r"the request was refused \(InvalidMessageContents: no\)$"):
        await made.publish(OutgoingMessage("body"))
    assert len(http.requests) == 1


async def test_an_answer_without_an_id_is_an_error() -> None:
    with pytest.raises(PublisherError, match="no MessageId"):
        await publisher(FakeSQS(), answered(b"{}"))[0].publish(OutgoingMessage("body"))


@pytest.mark.usefixtures("aws_environ")
async def test_a_queue_is_looked_up_and_published_to_without_the_sdk(
    aws_environ: Environ, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, plain.__name__)
    http = FakeHttp([answered(b'{"QueueUrl": "http://host/1/orders"}'), SENT])
    aws_environ.setattr(plain, "Http", lambda *_: http)
    aws_environ.setattr(session, "create_client", None)
    made = SQSPublisher("arn:aws:sqs:sa-east-1:123456789012:orders")
    await made.open()
    assert await made.publish(OutgoingMessage("body")) == "1"
    await made.close()
    bodies = [json.loads(request.partition(b"\r\n\r\n")[2]) for request in http.requests]
    assert bodies == [
        {"QueueName": "orders", "QueueOwnerAWSAccountId": "123456789012"},
        {"QueueUrl": URL, "MessageBody": "body"},
    ]
    assert caplog.messages == [
        "queue 'orders': frequent calls go over the lean transport to https://sqs.sa-east-1.amazonaws.com/"
    ]
    assert http.closed


@pytest.mark.usefixtures("aws_environ")
async def test_a_queue_that_is_missing_is_told_with_its_region(aws_environ: Environ) -> None:
    gone = answered(b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "gone"}', 400)
    aws_environ.setattr(plain, "Http", lambda *_: FakeHttp([gone]))
    with pytest.raises(PublisherError, match=r"^queue 'orders' does not exist in region eu-west-1 .*"):
        await SQSPublisher("orders").open()


def test_what_is_not_answered_within_ten_seconds_is_sent_again() -> None:
    class Silent:
        """Answers the second request, and no other."""

        asked = 0

        async def post(self, *_: Any) -> Answer:
            self.asked += 1
            await asyncio.sleep(0 if self.asked == 2 else 3600)
            return SENT

    async def main() -> tuple[str, float]:
        made, _ = publisher(FakeSQS(), SENT)
        transport: Any = made._channel._lean
        transport.http = Silent()
        began = asyncio.get_running_loop().time()
        return await made.publish(OutgoingMessage("body")), asyncio.get_running_loop().time() - began

    identity, seconds = run(main())
    assert identity == "1"
    assert 10 <= seconds <= 11
