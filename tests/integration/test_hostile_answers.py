"""What an endpoint answers without end or measure is trouble, and its connection is closed: on real sockets."""

import time

import pytest
from hostile import ATTACKS, HONEST, KILO, MEGA, ROOM, HostileEndpoint, answer, hostile
from transports import check_consumer

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.exceptions import ConsumerUnavailable

pytestmark = pytest.mark.usefixtures("aws_environ")
QUICK = {"WaitTimeSeconds": 0, "MaxNumberOfMessages": 10}
IN_FLIGHT = 12 * MEGA
"""Bytes that may lie in the buffers of both sides when a connection is closed."""


async def received(endpoint: HostileEndpoint, environ: pytest.MonkeyPatch) -> list[str]:
    environ.setenv("AWS_ENDPOINT_URL", endpoint.url)
    consumer = SQSConsumer("orders", QUICK)
    await consumer.open()
    try:
        check_consumer(consumer)
        return [message.body for message in await consumer.receive(10)]
    finally:
        await consumer.close()


LASTING = (
    "endless informational answers",
    "endless early hints",
    "endless tiny chunks",
    "an endless chunk extension",
)
"""What the SDK's transport reads for as long as a call may take."""


@pytest.mark.parametrize("attack", ATTACKS)
async def test_more_than_an_honest_answer_is_trouble_and_closes_the_connection(
    attack: str, aws_environ: pytest.MonkeyPatch
) -> None:
    with hostile(ATTACKS[attack]) as endpoint:
        with pytest.raises(ConsumerUnavailable, match="UnreadableAnswer") as caught:
            await received(endpoint, aws_environ)
        assert "\n" not in str(caught.value)
        assert endpoint.closed.wait(5)
        assert len(endpoint.sent) == 1
        assert endpoint.sent[0] <= ROOM + IN_FLIGHT


@pytest.mark.usefixtures("sdk_transport")
@pytest.mark.parametrize(
    "attack", [pytest.param(attack, marks=pytest.mark.slow if attack in LASTING else ()) for attack in ATTACKS]
)
async def test_it_is_trouble_on_the_transport_of_the_sdk_too(attack: str, aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(ATTACKS[attack]) as endpoint:
        start = time.monotonic()
        with pytest.raises(ConsumerUnavailable) as caught:
            await received(endpoint, aws_environ)
        assert time.monotonic() - start < 15
        assert "\n" not in str(caught.value)
        assert endpoint.closed.wait(5)
        assert attack in LASTING or endpoint.sent[0] <= ROOM + IN_FLIGHT


@pytest.mark.usefixtures("transport")
@pytest.mark.parametrize("kind", HONEST)
async def test_an_honest_answer_is_read_however_large(kind: str, aws_environ: pytest.MonkeyPatch) -> None:
    body = HONEST[kind]()
    with hostile(lambda: iter([answer(body)])) as endpoint:
        bodies = await received(endpoint, aws_environ)
    assert len(bodies) == body.count(b'"MessageId"')
    assert all(len(text) <= MEGA for text in bodies)


async def test_a_head_is_not_read_to_its_end_before_it_is_refused(aws_environ: pytest.MonkeyPatch) -> None:
    with hostile(ATTACKS["one endless header"]) as endpoint:
        with pytest.raises(ConsumerUnavailable, match=f"{64 * KILO} bytes"):
            await received(endpoint, aws_environ)
        assert endpoint.closed.wait(5)
        assert endpoint.sent[0] <= IN_FLIGHT
