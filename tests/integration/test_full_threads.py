"""Handlers may fill the threads of the event loop for as long as they like: nothing of ours waits behind them."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from strict.strict_control import StrictEndpoint
from transports import check_consumer

from loafer.adapters.aws.consumer import SQSConsumer
from loafer.adapters.aws.publisher import SQSPublisher
from loafer.domain.message import OutgoingMessage


@asynccontextmanager
async def full_threads() -> AsyncIterator[None]:
    """Fill the threads that `asyncio.to_thread` uses."""
    loop, ends = asyncio.get_running_loop(), threading.Event()
    loop.set_default_executor(ThreadPoolExecutor(1))
    filled = loop.run_in_executor(None, ends.wait, 90)
    try:
        yield
    finally:
        ends.set()
        await filled


def test_calls_go_out_though_handlers_fill_the_threads_of_the_event_loop(
    strict: StrictEndpoint, transport: str, aws_environ: pytest.MonkeyPatch
) -> None:
    strict.create("orders")
    aws_environ.setenv("AWS_ENDPOINT_URL", f"http://localhost:{urlsplit(strict.url).port}")

    async def main() -> None:
        consumer, publisher = SQSConsumer("orders", {"WaitTimeSeconds": 0}), SQSPublisher("orders")
        async with full_threads(), asyncio.timeout(60):
            await consumer.open()
            check_consumer(consumer)
            await publisher.open()
            await publisher.publish(OutgoingMessage("here"))
            messages = await consumer.receive(1)
            assert [message.body for message in messages] == ["here"]
            assert await consumer.acknowledge(messages) == [None]
            await publisher.close()
            await consumer.close()

    asyncio.run(main())  # on uvloop, which has threads of its own for names, it would not show
