"""The consumer on an endpoint as strict as SQS: answers of others than SQS, and every name of a lost lease."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from strict.strict_control import StrictEndpoint
from strict.strict_faults import UNCODED
from transports import check_consumer

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import ConsumerUnavailable, PublisherError

QUICK = {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10}

pytestmark = pytest.mark.usefixtures("transport")


@asynccontextmanager
async def opened(source: str) -> AsyncIterator[SQSConsumer]:
    consumer = SQSConsumer(source, QUICK)
    await consumer.open()
    check_consumer(consumer)
    try:
        yield consumer
    finally:
        await consumer.close()


@pytest.mark.parametrize("answer", UNCODED)
async def test_an_answer_that_is_not_sqs_s_is_trouble_whatever_was_asked(strict: StrictEndpoint, answer: str) -> None:
    strict.create_redriven("orders", 9)
    strict.fill("orders", ["1", "2"])
    async with opened("orders") as consumer:
        first, second = await consumer.receive(10)
        strict.faults({"*": {"uncoded": answer}})
        for call in (consumer.receive(1), consumer.look_again(), SQSConsumer("orders", QUICK).open()):
            with pytest.raises(ConsumerUnavailable):
                await call
        results = [
            *await consumer.acknowledge([first]),
            *await consumer.extend([first], 30),
            *await consumer.release([first], [0]),
            await consumer.dead_letter(second),
        ]
        assert [(result is not None and result.retryable) for result in results] == [True] * 4
        strict.faults({})
        assert await consumer.acknowledge([first]) == [None]
        assert await consumer.dead_letter(second) is None
    assert (strict.left("orders"), strict.left("orders-dead")) == (0, 1)


async def test_what_extends_leases_looks_nothing_up_that_is_known(strict: StrictEndpoint) -> None:
    strict.create("orders", VisibilityTimeout=30)
    strict.fill("orders", ["1"])
    async with opened("orders") as consumer:
        messages = await consumer.receive(1)
        strict.faults({"GetQueueUrl": {"denied": True}, "GetQueueAttributes": {"throttled": 1}})
        other = SQSConsumer("orders", QUICK)
        other.learn_from(consumer)
        assert (await other.open()).visibility_timeout == 30
        assert await other.extend(messages, 60) == [None]
        await other.close()


@pytest.mark.slow
@pytest.mark.parametrize("answer", UNCODED)
async def test_what_was_not_answered_by_sqs_may_be_published_again(strict: StrictEndpoint, answer: str) -> None:
    strict.create("orders")
    publisher = SQSPublisher("orders")
    await publisher.open()
    strict.faults({"*": {"uncoded": answer}})
    with pytest.raises(PublisherError):
        await publisher.publish(OutgoingMessage("x"))
    [result] = await publisher.publish_batch([OutgoingMessage("x")])
    assert isinstance(result, Failure)
    assert result.retryable
    await publisher.close()


@pytest.mark.parametrize(
    "code", ["InvalidParameterValue", "InvalidParameterValueException", "ReceiptHandleIsInvalid", "MessageNotInflight"]
)
async def test_a_lease_is_lost_by_whatever_code_it_is_told(strict: StrictEndpoint, code: str) -> None:
    strict.create("orders.fifo")
    strict.fill("orders.fifo", ["1"], ["g"])
    strict.lost_leases_are(code)
    async with opened("orders.fifo") as consumer:
        [message] = await consumer.receive(1)
        assert await consumer.acknowledge([message]) == [None]
        results = [*await consumer.extend([message], 30), *await consumer.release([message], [0])]
    assert [(result is not None and not result.retryable) for result in results] == [True, True]


async def test_of_a_group_nothing_is_sent_after_one_of_it_failed_and_what_was_not_may_be_sent_again(
    strict: StrictEndpoint,
) -> None:
    strict.create("orders.fifo")
    batch = [OutgoingMessage(f"{n:02}", group=f"g{n % 3}", deduplication_id=str(n)) for n in range(60)]
    publisher = SQSPublisher("orders.fifo")
    await publisher.open()
    strict.faults({"SendMessageBatch": {"failed": 0.1}}, seed=1)
    left, rounds = batch, 0
    while left:
        results = await publisher.publish_batch(left)
        assert len(results) == len(left)
        for group in {message.group for message in left}:
            failed = [isinstance(r, Failure) for m, r in zip(left, results, strict=True) if m.group == group]
            assert failed == sorted(failed), "a message was sent after one of its group had failed"
        left, rounds = [m for m, r in zip(left, results, strict=True) if isinstance(r, Failure)], rounds + 1
    assert rounds > 1
    await publisher.close()
    came = await received_in_order(strict, len(batch))
    assert came == {f"g{g}": [m.body for m in batch if m.group == f"g{g}"] for g in range(3)}


async def received_in_order(strict: StrictEndpoint, number: int) -> dict[str | None, list[str]]:
    """Receive and acknowledge so many messages, and return the bodies of each group as they came."""
    strict.faults({})
    came: dict[str | None, list[str]] = {}
    async with opened("orders.fifo") as consumer:
        while sum(map(len, came.values())) < number:
            messages = await consumer.receive(10)
            for message in messages:
                came.setdefault(message.group, []).append(message.body)
            await consumer.acknowledge(messages)
    return came
