"""What an endpoint answers without end or measure is trouble, and its connection is closed: on real sockets."""

import asyncio
import gzip
import json
import time

import pytest
from hostile import (
    ATTACKS,
    CHUNKED,
    HONEST,
    KILO,
    LOOK_UPS,
    MEGA,
    NO_MESSAGES,
    REFUSED,
    ROOM,
    XML,
    HostileEndpoint,
    answer,
    filled,
    hostile,
    in_two,
    made,
    messages,
    numbered,
)
from hostile_client import longest_pause
from transports import check_consumer, check_publisher

from loafer.adapters.aws import persistence
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import ConsumerError, ConsumerUnavailable, PublisherError

pytestmark = pytest.mark.usefixtures("aws_environ")
QUICK = {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10}
PATIENT = {"WaitTimeSeconds": 20, "MaxNumberOfMessages": 10}
"""For answers that come at once, and are so large that reading them takes a while on a busy machine."""
LONGEST_PAUSE = 0.050
FOR_ONE = {**PATIENT, "MaxNumberOfMessages": 1}
"""For what takes so long for its number of pieces: an answer with one message has a tenth of the room."""
IN_FLIGHT = 12 * MEGA
"""Bytes that may lie in the buffers of both sides when a connection is closed."""


async def received(
    endpoint: HostileEndpoint, environ: pytest.MonkeyPatch, options: dict[str, int] = QUICK
) -> list[str]:
    environ.setenv("AWS_ENDPOINT_URL", endpoint.url)
    consumer = SQSConsumer("orders", options)
    await consumer.open()
    try:
        check_consumer(consumer)
        return [message.body for message in await consumer.receive(10)]
    finally:
        await consumer.close()


LASTING = "endless tiny chunks"
"""What the SDK's transport reads for as long as a call may take."""


@pytest.mark.parametrize("attack", ATTACKS)
async def test_more_than_an_honest_answer_is_trouble_and_closes_the_connection(
    attack: str, aws_environ: pytest.MonkeyPatch
) -> None:
    options, room = (FOR_ONE, ROOM // 10 + 64 * KILO) if attack == LASTING else (PATIENT, ROOM)
    with hostile(made(ATTACKS[attack])) as endpoint:
        with pytest.raises(ConsumerUnavailable, match="UnreadableAnswer") as caught:
            await received(endpoint, aws_environ, options)
        assert "\n" not in str(caught.value)
        assert endpoint.closed.wait(60)
        assert len(endpoint.sent) == 1
        assert endpoint.sent[0] <= room + IN_FLIGHT


@pytest.mark.usefixtures("sdk_transport")
@pytest.mark.parametrize(
    "attack", [pytest.param(attack, marks=pytest.mark.slow if attack == LASTING else ()) for attack in ATTACKS]
)
async def test_it_is_trouble_on_the_transport_of_the_sdk_too(attack: str, aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(made(ATTACKS[attack])) as endpoint:
        start = time.monotonic()
        with pytest.raises(
            ConsumerUnavailable, match=r"UnreadableAnswer|HTTPClientError|ConnectionClosedError|Timeout"
        ) as caught:
            await received(endpoint, aws_environ)
        assert time.monotonic() - start < 15
        assert attack == LASTING or "Timeout" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert endpoint.closed.wait(60)
        assert len(endpoint.sent) == 1
        assert endpoint.sent[0] <= ROOM + IN_FLIGHT


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("kind", REFUSED)
async def test_what_is_no_http_behind_the_head_is_trouble_at_once(kind: str, aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(lambda: in_two(CHUNKED, REFUSED[kind])) as endpoint:
        with pytest.raises(ConsumerUnavailable, match=r"ConnectionClosedError|HTTPClientError"):  # and no TimeoutError
            await received(endpoint, aws_environ)
        assert endpoint.closed.wait(60)
        assert len(endpoint.sent) == 1


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_that_says_it_is_too_large_is_not_waited_for(
    status: int, aws_environ: pytest.MonkeyPatch
) -> None:
    head = f"HTTP/1.1 {status} -\r\nContent-Length: {ROOM + 1}\r\n\r\n".encode()
    with hostile(lambda: in_two(head, b"{")) as endpoint:
        with pytest.raises(ConsumerUnavailable, match="larger than what was asked for"):
            await received(endpoint, aws_environ)
        assert endpoint.closed.wait(60)


@pytest.mark.usefixtures("transport")
async def test_a_publisher_tries_again_after_a_hostile_answer_so_often_and_no_more(
    aws_environ: pytest.MonkeyPatch,
) -> None:
    aws_environ.setattr(persistence, "FIRST_WAIT", 0.001)
    with hostile(lambda: in_two(CHUNKED, b"garbage")) as endpoint:
        aws_environ.setenv("AWS_ENDPOINT_URL", endpoint.url)
        publisher = SQSPublisher("orders")
        await publisher.open()
        check_publisher(publisher)
        with pytest.raises(PublisherError, match="cannot be reached for now") as caught:
            await publisher.publish(OutgoingMessage("x"))
        assert caught.value.retryable
        assert len(endpoint.sent) == persistence.ATTEMPTS
        await publisher.close()


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("kind", NO_MESSAGES)
async def test_what_is_no_message_of_sqs_is_left_out(
    kind: str, aws_environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    body = NO_MESSAGES[kind]()
    with hostile(lambda: iter([answer(body)])) as endpoint:
        assert await received(endpoint, aws_environ) == []
        [record] = caplog.records
        assert len(record.getMessage()) < 400


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("kind", HONEST)
async def test_an_honest_answer_is_read_however_large(kind: str, aws_environ: pytest.MonkeyPatch) -> None:
    body = HONEST[kind]()
    with hostile(lambda: iter([answer(body)])) as endpoint:
        bodies = await received(endpoint, aws_environ, PATIENT)
    assert len(bodies) == body.count(b'"MessageId"')
    assert all(len(text) <= MEGA for text in bodies)


def compressed(body: bytes, status: int = 200) -> bytes:
    """Return an answer as a proxy gives it that compresses what nobody asked it to."""
    return answer(gzip.compress(body), status, "Content-Encoding: gzip")


@pytest.mark.usefixtures("transport")
async def test_an_answer_that_was_compressed_on_the_way_is_read(aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(lambda: iter([compressed(messages("x", "y"))])) as endpoint:
        assert await received(endpoint, aws_environ) == ["x", "y"]
    refusal = b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "x"}'
    with (
        hostile(lambda: iter([compressed(refusal, 400)])) as endpoint,
        pytest.raises(ConsumerError, match="does not exist"),
    ):
        await received(endpoint, aws_environ)


@pytest.mark.usefixtures("transport")
async def test_what_a_little_becomes_is_no_more_than_was_asked_for(aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(lambda: iter([compressed(filled(b'{"Messages":[', b" ", b"]}", 2 * ROOM))])) as endpoint:
        with pytest.raises(ConsumerUnavailable, match="larger than what was asked for"):
            await received(endpoint, aws_environ, PATIENT)
        assert endpoint.closed.wait(60)


async def test_xml_that_was_compressed_on_the_way_is_read(aws_environ: pytest.MonkeyPatch) -> None:
    body = b"<PublishResponse><PublishResult><MessageId>m1</MessageId></PublishResult></PublishResponse>"
    with hostile(lambda: iter([compressed(body)])) as endpoint:
        aws_environ.setenv("AWS_ENDPOINT_URL", endpoint.url)
        publisher = SNSPublisher("arn:aws:sns:eu-west-1:1:orders")
        await publisher.open()
        assert await publisher.publish(OutgoingMessage("x")) == "m1"
        await publisher.close()


async def test_a_head_is_not_read_to_its_end_before_it_is_refused(aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(ATTACKS["one endless header"]) as endpoint:
        with pytest.raises(ConsumerUnavailable, match=f"{64 * KILO} bytes"):
            await received(endpoint, aws_environ)
        assert endpoint.closed.wait(60)
        assert endpoint.sent[0] <= IN_FLIGHT


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("kind", XML)
async def test_nor_is_more_read_of_xml_and_a_publisher_tries_again_so_often_and_no_more(
    kind: str, status: int, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.setattr(persistence, "FIRST_WAIT", 0.001)
    body = XML[kind]()
    with hostile(lambda: iter([answer(body, status)])) as endpoint:
        aws_environ.setenv("AWS_ENDPOINT_URL", endpoint.url)
        publisher = SNSPublisher("arn:aws:sns:eu-west-1:1:orders")
        await publisher.open()
        start = time.process_time()
        with pytest.raises(PublisherError, match="UnreadableAnswer"):
            await publisher.publish(OutgoingMessage("x"))
        assert time.process_time() - start < 0.3 * persistence.ATTEMPTS
        assert len(endpoint.sent) == persistence.ATTEMPTS
        assert await asyncio.to_thread(endpoint.closed.wait, 60)
        await publisher.close()


@pytest.mark.parametrize("attributes", [{"VisibilityTimeout": "30", **numbered("", 70_000)}, {}], ids=["many", "none"])
async def test_a_look_up_takes_what_it_needs_of_however_many_attributes(
    attributes: dict[str, object], aws_environ: pytest.MonkeyPatch
) -> None:
    look_ups = {**LOOK_UPS, b"GetQueueAttributes": json.dumps({"Attributes": attributes}).encode()}
    with hostile(lambda: iter([answer(b"{}")]), look_ups) as endpoint:
        aws_environ.setenv("AWS_ENDPOINT_URL", endpoint.url)
        consumer = SQSConsumer("orders", QUICK)
        assert (await consumer.open()).visibility_timeout == 30
        pauses: list[float] = []
        watching = asyncio.create_task(longest_pause(pauses))
        await consumer.look_again()
        watching.cancel()
        await consumer.close()
        assert max(pauses, default=0) <= LONGEST_PAUSE
