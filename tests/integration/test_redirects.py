"""A redirect is never followed, whichever transport a call goes over: it is trouble, and its target hears nothing."""

from collections.abc import Iterator

import pytest
from hostile import LOOK_UPS, HostileEndpoint, Pieces, answer, hostile

from loafer.adapters.aws import persistence
from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import ConsumerUnavailable, PublisherError

pytestmark = pytest.mark.usefixtures("transport")

STATUSES = [301, 302, 303, 307, 308]
QUICK = {"WaitTimeSeconds": 0}
NOT_FOLLOWED = r"redirect \(status 30\d\), which is not followed"
TOPIC = "arn:aws:sns:eu-west-1:1:orders"
MESSAGE = Message("1", "b", "r")


@pytest.fixture
def elsewhere() -> Iterator[HostileEndpoint]:
    """Where the redirects lead."""
    with hostile(lambda: iter([answer(b"{}")]), {}) as endpoint:
        yield endpoint
        assert endpoint.requests == []


@pytest.fixture(params=STATUSES)
def endpoint(
    request: pytest.FixtureRequest, elsewhere: HostileEndpoint, aws_environ: pytest.MonkeyPatch
) -> Iterator[HostileEndpoint]:
    """An endpoint that looks queues up, and answers every other call with a redirect."""

    def redirect() -> Pieces:
        location = f"Location: {elsewhere.url}/"
        yield answer(b"<html>moved</html>", request.param, location, "Content-Type: text/html")

    with hostile(redirect, LOOK_UPS) as redirecting:
        aws_environ.setenv("AWS_ENDPOINT_URL", redirecting.url)
        aws_environ.setenv("AWS_SESSION_TOKEN", "TOKEN")
        aws_environ.setattr(persistence, "FIRST_WAIT", 0.001)  # a publisher tries again
        yield redirecting


async def test_a_consumer_follows_none(endpoint: HostileEndpoint) -> None:
    consumer = SQSConsumer("orders", QUICK)
    await consumer.open()
    with pytest.raises(ConsumerUnavailable, match=NOT_FOLLOWED):
        await consumer.receive(1)
    for [failure] in (
        await consumer.acknowledge([MESSAGE]),
        await consumer.release([MESSAGE], [0]),
        await consumer.extend([MESSAGE], 30),
    ):
        assert failure is not None
        assert failure.retryable
    await consumer.close()


async def test_a_look_up_follows_none(endpoint: HostileEndpoint) -> None:
    endpoint.look_ups = {}
    with pytest.raises(ConsumerUnavailable, match=NOT_FOLLOWED):
        await SQSConsumer("orders", QUICK).open()
    for publisher in (SQSPublisher("orders"), SNSPublisher("orders")):
        with pytest.raises(PublisherError):
            await publisher.open()


@pytest.mark.parametrize("kind", [SQSPublisher, SNSPublisher])
async def test_a_publisher_follows_none(kind: type[SQSPublisher | SNSPublisher], endpoint: HostileEndpoint) -> None:
    publisher = kind("orders" if kind is SQSPublisher else TOPIC)
    await publisher.open()
    with pytest.raises(PublisherError):
        await publisher.publish(OutgoingMessage("x"))
    [failure] = await publisher.publish_batch([OutgoingMessage("x")])
    assert isinstance(failure, Failure)
    assert failure.retryable
    await publisher.close()
