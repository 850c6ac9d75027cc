"""Credentials that cannot be had for now are trouble that passes, whichever transport asks for them."""

import datetime as dt
from contextlib import AsyncExitStack

import pytest
from aiobotocore.credentials import AioRefreshableCredentials
from lean_fakes import Environ, aws_environ

from loafer.adapters.aws.address import queue_address
from loafer.adapters.aws.lean.choice import enter_lean_transport
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.adapters.aws.queue import Queue
from loafer.adapters.aws.session import create_client, settling, shared_session
from loafer.domain.batch import Failure
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import ConsumerUnavailable, PublisherError

__all__ = ["aws_environ"]

pytestmark = pytest.mark.usefixtures("aws_environ")

URL = "https://sqs.eu-west-1.amazonaws.com/1/orders"
HOUR = dt.timedelta(hours=1)


def lasting(duration: dt.timedelta) -> dict[str, str]:
    """Return what a source of credentials says."""
    expiry = dt.datetime.now(dt.UTC) + duration
    return {"access_key": "id", "secret_key": "secret", "token": "token", "expiry_time": expiry.isoformat()}


async def refreshed_in_vain() -> dict[str, str]:
    return lasting(-HOUR)


@pytest.fixture
def credentials(aws_environ: Environ) -> AioRefreshableCredentials:
    """The session's credentials: still good, and never better; what is refreshed stands in no variable."""
    aws_environ.delenv("AWS_ACCESS_KEY_ID")
    made = AioRefreshableCredentials.create_from_metadata(lasting(HOUR), refreshed_in_vain, "custom-process")
    shared_session()._credentials = made  # type: ignore[assignment, unused-ignore]
    return made


@pytest.mark.parametrize("lean", [True, False])
async def test_a_consumer_waits_for_credentials_that_are_still_expired_after_a_refresh(
    lean: bool, credentials: AioRefreshableCredentials
) -> None:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(create_client("sqs", None, settling()))
        transport = await enter_lean_transport(stack, client, "queue 'orders'", 1) if lean else None
        assert (transport is not None) is lean
        credentials._expiry_time -= 2 * HOUR
        with pytest.raises(ConsumerUnavailable, match="the refreshed credentials are still expired"):
            await Queue(queue_address("orders"), client, URL, lean=transport).call("receive_message")


async def test_a_publisher_fails_in_its_own_way_with_credentials_that_are_still_expired_after_a_refresh(
    credentials: AioRefreshableCredentials,
) -> None:
    publisher = SQSPublisher(URL)
    await publisher.open()
    credentials._expiry_time -= 2 * HOUR
    with pytest.raises(PublisherError, match="the refreshed credentials are still expired"):
        await publisher.publish(OutgoingMessage("x"))
    [failure] = await publisher.publish_batch([OutgoingMessage("x")])
    assert isinstance(failure, Failure)
    assert failure.retryable
    await publisher.close()
