"""The SQS consumer on real endpoints."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager

import pytest
from endpoints import (
    FastSQS,
    create_queue,
    create_redriven_queue,
    free_port,
    queue_arn,
    queue_counts,
    send,
    unique,
)
from transports import check_consumer

from loafer.adapters.aws import session
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.domain.message import Attribute, Message
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable

pytestmark = pytest.mark.usefixtures("transport")

QUICK = {"WaitTimeSeconds": 1, "MaxNumberOfMessages": 10}


@asynccontextmanager
async def opened(source: str, **options: int) -> AsyncIterator[SQSConsumer]:
    consumer = SQSConsumer(source, {**QUICK, **options})
    await consumer.open()
    check_consumer(consumer)
    try:
        yield consumer
    finally:
        await consumer.close()


async def test_a_queue_is_opened_by_name_url_and_arn(aws: str) -> None:
    name = unique("orders")
    url = await create_queue(name, VisibilityTimeout="45")
    for source in (name, url, await queue_arn(url)):
        await send(url, source)
        consumer = SQSConsumer(source, QUICK)
        info = await consumer.open()
        assert (info.visibility_timeout, info.ordered, info.max_receive_count) == (45, False, None)
        [message] = await consumer.receive(1)
        assert (message.body, message.source, message.receive_count) == (source, source, 1)
        assert await consumer.acknowledge([message]) == [None]
        await consumer.close()
    assert await queue_counts(url) == (0, 0)


async def test_a_message_comes_with_all_that_was_sent(aws: str) -> None:
    url = await create_queue(unique("orders"))
    attributes = {
        "kind": {"DataType": "String", "StringValue": "new"},
        "count": {"DataType": "Number", "StringValue": "3"},
        "picture": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    message_id = await send(url, "é😀", MessageAttributes=attributes)
    async with opened(url) as consumer:
        [message] = await consumer.receive(10)
    assert (message.id, message.body) == (message_id, "é😀")
    assert message.attributes == {
        "kind": Attribute("new"),
        "count": Attribute("3", "Number"),
        "picture": Attribute(b"\x00\xff", "Binary"),
    }
    assert message.sent_at == pytest.approx(time.time(), abs=60)


async def test_a_released_message_is_there_again_and_counts_its_deliveries(aws: str) -> None:
    url = await create_queue(unique("orders"))
    await send(url, "again")
    async with opened(url) as consumer:
        [first] = await consumer.receive(1)
        assert await queue_counts(url) == (0, 1)
        assert await consumer.release([first], [0]) == [None]
        [second] = await consumer.receive(1)
    assert (second.id, second.receive_count) == (first.id, 2)
    assert second.receipt != first.receipt


async def test_an_extended_message_stays_invisible_beyond_its_visibility_timeout(on_ministack: str) -> None:
    url = await create_queue(unique("orders"), VisibilityTimeout="1")
    await send(url, "mine")
    async with opened(url) as consumer:
        [message] = await consumer.receive(1)
        assert await consumer.extend([message], 30) == [None]
        await asyncio.sleep(1.1)
        assert await consumer.receive(1) == []


async def test_extending_a_deleted_message_fails_and_is_not_to_be_repeated(aws: str) -> None:
    url = await create_queue(unique("orders"))
    await send(url, "gone")
    async with opened(url) as consumer:
        [message] = await consumer.receive(1)
        await consumer.acknowledge([message])
        [failure] = await consumer.extend([message], 30)
    assert failure is not None
    assert not failure.retryable


async def test_more_than_ten_messages_are_acknowledged_at_once(on_ministack: str) -> None:
    url = await create_queue(unique("orders"))
    for number in range(23):
        await send(url, str(number))
    async with opened(url) as consumer:
        messages = [message for _ in range(3) for message in await consumer.receive(10)]
        assert await consumer.acknowledge(messages) == [None] * 23
    assert await queue_counts(url) == (0, 0)


async def test_a_missing_queue_is_a_consumer_error_that_names_it(aws: str) -> None:
    with pytest.raises(ConsumerError, match=r"^queue 'nowhere' does not exist in region eu-west-1 "):
        await SQSConsumer("nowhere").open()


async def test_a_queue_that_is_deleted_while_polled_is_a_consumer_error(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 1)
    async with opened("orders") as consumer:
        [message] = await consumer.receive(1)
        await fast_sqs.delete("orders")
        with pytest.raises(ConsumerError, match="queue 'orders' does not exist"):
            await consumer.receive(1)
        with pytest.raises(ConsumerError, match="queue 'orders' does not exist"):
            await consumer.acknowledge([message])


async def test_no_credentials_are_a_consumer_error_that_says_what_to_set(
    on_ministack: str, aws_environ: pytest.MonkeyPatch
) -> None:
    # Credentials that a session has found stay with it.
    aws_environ.setattr(session, "_of_thread", threading.local())
    aws_environ.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ConsumerError, match="queue 'orders': no complete AWS credentials found: set AWS_ACCESS_KEY_ID"):
        await SQSConsumer("orders").open()


async def test_no_region_is_a_consumer_error_that_says_what_to_set(
    on_ministack: str, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConsumerError, match="queue 'orders': no AWS region: set AWS_DEFAULT_REGION"):
        await SQSConsumer("orders").open()


async def test_an_invalid_endpoint_is_a_consumer_error(aws_environ: pytest.MonkeyPatch) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", "nowhere")
    with pytest.raises(ConsumerError, match="queue 'orders': AWS_ENDPOINT_URL='nowhere' is no URL"):
        await SQSConsumer("orders").open()


async def test_an_endpoint_that_refuses_connections_is_unavailable(aws_environ: pytest.MonkeyPatch) -> None:
    aws_environ.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ConsumerUnavailable, match="queue 'orders' cannot be reached for now"):
        await SQSConsumer("orders").open()


@pytest.mark.parametrize("fault", ["p500", "throttle", "drop", "dropafter", "expired"])
async def test_trouble_that_passes_is_unavailable(fast_sqs: FastSQS, fault: str) -> None:
    await fast_sqs.fill("orders", 1)
    async with opened("orders") as consumer:
        [message] = await consumer.receive(1)
        await fast_sqs.chaos(**{fault: 1})
        with pytest.raises(ConsumerUnavailable, match="queue 'orders'"):
            await consumer.receive(1)
        [failure] = await consumer.acknowledge([message])
        assert failure is not None
        assert failure.retryable
        await fast_sqs.chaos()
        assert await consumer.acknowledge([message]) == [None]


async def test_access_that_is_denied_is_told_apart(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 1)
    async with opened("orders") as consumer:
        await fast_sqs.chaos(denied=1)
        with pytest.raises(AccessDenied, match="queue 'orders': access denied"):
            await consumer.receive(1)


async def test_the_entries_of_a_batch_that_failed_are_told_from_those_that_did_not(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 10)
    async with opened("orders") as consumer:
        messages = await consumer.receive(10)
        await fast_sqs.chaos(partial=0.5)
        left = [
            message for message, failure in zip(messages, await consumer.acknowledge(messages), strict=True) if failure
        ]
        assert (await fast_sqs.stats())["queues"]["orders"]["in_flight"] == len(left)
        await fast_sqs.chaos(partial=1)
        assert all(failure and failure.retryable for failure in await consumer.release(messages, [0] * 10))


async def test_a_cancelled_poll_ends_at_once_and_the_consumer_works_on(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 0)
    async with opened("orders", WaitTimeSeconds=20) as consumer:
        poll = asyncio.create_task(consumer.receive(1))
        await asyncio.sleep(0.2)
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        await fast_sqs.fill("orders", 2)
        assert await consumer.receive(1)


async def test_a_settlement_never_waits_for_the_polls(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 1)
    async with opened("orders", WaitTimeSeconds=20) as consumer:
        [message] = await consumer.receive(1)
        polls = [asyncio.create_task(consumer.receive(1)) for _ in range(consumer.max_polls)]
        while (await fast_sqs.stats())["calls"]["ReceiveMessage"] < 1 + consumer.max_polls:
            await asyncio.sleep(0.01)
        async with asyncio.timeout(10):
            assert await consumer.acknowledge([message]) == [None]
        assert (await fast_sqs.stats())["calls"]["ReceiveMessage"] == 1 + consumer.max_polls
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)


async def test_an_expired_message_is_delivered_again_and_its_old_receipt_extends_nothing(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 1, visibility=1)
    async with opened("orders", WaitTimeSeconds=3) as consumer:
        [first] = await consumer.receive(1)
        [second] = await consumer.receive(1)
        assert (second.id, second.receive_count) == (first.id, 2)
        [failure] = await consumer.extend([first], 30)
        assert failure is not None
        assert not failure.retryable


async def test_a_second_consumer_extends_leases_from_another_thread(fast_sqs: FastSQS) -> None:
    await fast_sqs.fill("orders", 0, visibility=3)
    ready, received = threading.Event(), Future[Message]()

    async def extend() -> None:
        async with opened("orders", WaitTimeSeconds=0) as other:
            assert not await other.receive(1)  # a first call takes its time, for which no lease would wait
            ready.set()
            assert await other.extend([await asyncio.wrap_future(received)], 30) == [None]

    async with opened("orders", WaitTimeSeconds=0) as consumer:
        assert not await consumer.receive(1)
        extending = asyncio.create_task(asyncio.to_thread(asyncio.run, extend()))
        await asyncio.to_thread(ready.wait, 60)
        await fast_sqs.fill("orders", 1, visibility=3)
        [message] = await consumer.receive(1)
        received.set_result(message)
        await extending
        await asyncio.sleep(3)
        assert (await fast_sqs.stats())["queues"]["orders"]["in_flight"] == 1


async def test_a_dead_letter_of_a_fifo_queue_keeps_its_group_and_frees_its_followers(on_ministack: str) -> None:
    url, dead_url = await create_redriven_queue(unique("orders.fifo"), attempts=3)
    kind = {"kind": {"DataType": "String", "StringValue": "new"}}
    await send(url, "bad", MessageGroupId="g", MessageDeduplicationId="d1", MessageAttributes=kind)
    await send(url, "good", MessageGroupId="g", MessageDeduplicationId="d2")
    consumer = SQSConsumer(url, QUICK)
    info = await consumer.open()
    assert (info.ordered, info.max_receive_count) == (True, 3)
    head, follower = await consumer.receive(10)
    assert (head.body, head.group, head.deduplication_id) == ("bad", "g", "d1")
    assert await consumer.dead_letter(head) is None
    assert await consumer.acknowledge([follower]) == [None]
    await consumer.close()
    assert await queue_counts(url) == (0, 0)
    async with opened(dead_url) as dead_letters:
        [letter] = await dead_letters.receive(10)
    assert (letter.body, letter.group, letter.deduplication_id) == ("bad", "g", head.id)
    assert letter.attributes == {"kind": Attribute("new")}
