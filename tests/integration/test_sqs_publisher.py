"""The SQS publisher on real endpoints."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from endpoints import FastSQS, create_queue, free_port, queue_arn, queue_counts, unique
from transports import check_publisher

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.batch import Failure
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.exceptions import PublisherError

pytestmark = pytest.mark.usefixtures("transport")


@asynccontextmanager
async def opened(queue: str) -> AsyncIterator[SQSPublisher]:
    publisher = SQSPublisher(queue)
    await publisher.open()
    check_publisher(publisher)
    try:
        yield publisher
    finally:
        await publisher.close()


async def received(queue: str) -> list[Message]:
    consumer = SQSConsumer(queue, {"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10})
    await consumer.open()
    messages: list[Message] = []
    while found := await consumer.receive(10):
        messages += found
    await consumer.close()
    return messages


async def test_a_message_is_published_by_name_url_and_arn(aws: str) -> None:
    name = unique("orders")
    url = await create_queue(name)
    attributes = {"kind": Attribute("new"), "picture": Attribute(b"\x00", "Binary")}
    ids = set()
    for queue in (name, url, await queue_arn(url)):
        async with opened(queue) as publisher:
            ids.add(await publisher.publish(OutgoingMessage("é😀", attributes)))
    messages = await received(url)
    assert {message.id for message in messages} == ids
    assert all((message.body, message.attributes) == ("é😀", attributes) for message in messages)


async def test_many_messages_go_out_in_order_split_by_number_and_bytes(on_ministack: str) -> None:
    url = await create_queue(unique("orders.fifo"))
    bodies = [f"{number:02}" + "x" * 200_000 * (number % 2) for number in range(23)]
    messages = [OutgoingMessage(body, group="g", deduplication_id=str(n)) for n, body in enumerate(bodies)]
    async with opened(url) as publisher:
        results = await publisher.publish_batch(messages)
    assert not [result for result in results if isinstance(result, Failure)]
    assert len(set(results)) == 23
    consumer = SQSConsumer(url, {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10})
    await consumer.open()
    seen = []
    while found := await consumer.receive(10):
        seen += [message.body for message in found]
        await consumer.acknowledge(found)
    await consumer.close()
    assert seen == bodies


async def test_a_delayed_message_is_not_visible_yet(on_ministack: str) -> None:
    url = await create_queue(unique("orders"))
    async with opened(url) as publisher:
        await publisher.publish(OutgoingMessage("later", delay=900))
    assert await queue_counts(url) == (0, 0)


@pytest.mark.parametrize("way", ["name", "url"])
async def test_a_missing_queue_is_a_publisher_error_in_one_line(aws: str, way: str) -> None:
    queue = "nowhere" if way == "name" else f"{aws}/123456789012/nowhere"
    with pytest.raises(PublisherError, match=r"^queue 'nowhere' does not exist.*: create it or correct its name$"):
        async with opened(queue) as publisher:
            await publisher.publish(OutgoingMessage("x"))


async def test_a_refused_connection_is_reported_within_ten_seconds(aws_environ: pytest.MonkeyPatch) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    start = time.monotonic()
    with pytest.raises(PublisherError, match="queue 'orders' cannot be reached for now"):
        await SQSPublisher("orders").open()
    assert time.monotonic() - start < 10


async def test_a_body_over_the_limit_sends_nothing(aws: str) -> None:
    url = await create_queue(unique("orders"))
    async with opened(url) as publisher:
        with pytest.raises(PublisherError, match="message 1: body and attributes are 1048577 bytes"):
            await publisher.publish_batch([OutgoingMessage("fine"), OutgoingMessage("x" * 1_048_577)])
    assert await queue_counts(url) == (0, 0)


async def test_a_message_that_the_queue_refuses_is_a_publisher_error_in_one_line(on_ministack: str) -> None:
    url = await create_queue(unique("orders.fifo"))
    async with opened(url) as publisher:
        with pytest.raises(
            PublisherError,
            match=r"^queue 'orders-.*the request was refused.*MessageDeduplicationId.*: give it a deduplication id$",
        ):
            await publisher.publish(OutgoingMessage("x", group="g"))


async def test_entries_that_failed_are_told_from_those_that_did_not(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 0)
    await fast_sqs.chaos(partial=0.5)
    async with opened("orders") as publisher:
        results = await publisher.publish_batch([OutgoingMessage(str(number)) for number in range(40)])
    sent = [result for result in results if isinstance(result, str)]
    assert (await fast_sqs.stats())["queues"]["orders"]["sent"] == len(sent)
    assert 0 < len(sent) < 40
    assert all(failure.retryable for failure in results if isinstance(failure, Failure))
