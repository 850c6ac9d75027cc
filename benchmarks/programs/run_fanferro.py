"""Fanferro with 50 handlers at once; 100 messages ahead and 8 pollers are where it is fastest."""

import asyncio
import os
import sys
from typing import Any

import fanferro
import handlers

client = fanferro.Client(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_DEFAULT_REGION"])
consumer = client.consumer(client.queue(sys.argv[1]), concurrency=50, prefetch=100, pollers=8, wait_time=1)
handler = getattr(handlers, sys.argv[2])


async def handle(content: dict[str, Any]) -> None:
    """Hand the content on."""
    await handler(content)


async def main() -> None:
    """Consume until SIGTERM."""
    consumer.default(handle)
    async with client:
        await consumer.run()


asyncio.run(main())
