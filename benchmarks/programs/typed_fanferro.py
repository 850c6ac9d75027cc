"""Fanferro with a handler that asks for a kind of type; options as in `run_fanferro.py`."""

import asyncio
import os
import sys

import fanferro
from kinds import handler_of

queue, kind = sys.argv[1:]
client = fanferro.Client(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_DEFAULT_REGION"])
consumer = client.consumer(client.queue(queue), concurrency=50, prefetch=100, pollers=8, wait_time=1)


async def main() -> None:
    """Consume until SIGTERM."""
    consumer.default(handler_of(kind))
    async with client:
        await consumer.run()


asyncio.run(main())
