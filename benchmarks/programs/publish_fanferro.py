"""Publishes with fanferro."""

import asyncio
import os
import sys

import fanferro
from publishing import measure

client = fanferro.Client(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_DEFAULT_REGION"])
queue = client.queue(sys.argv[1])


async def main() -> None:
    """Publish."""
    async with client:
        await measure(queue.publish, queue.publish_batch)


asyncio.run(main())
