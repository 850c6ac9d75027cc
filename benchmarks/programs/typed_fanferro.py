"""Fanferro with a handler that asks for a kind of type, or is `publishing`; options as in `run_fanferro.py`."""

import asyncio
import os
import sys

import fanferro
from kinds import handler_of, publishing

queue, kind = sys.argv[1:]
client = fanferro.Client(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_DEFAULT_REGION"])
consumer = client.consumer(client.queue(queue), concurrency=50, prefetch=100, pollers=8, wait_time=1)


async def main() -> None:
    """Consume until SIGTERM."""
    receipts = client.queue(f"{queue}-receipts")
    consumer.default(publishing(receipts.publish) if kind == "publishing" else handler_of(kind))
    async with client:
        await consumer.run()


asyncio.run(main())
