"""Fanferro: with 50 handlers at once, 100 messages ahead and 8 pollers, where it is fastest; or with its defaults.

`python run_fanferro.py QUEUE HANDLER [defaults | THREADS]`: a function runs in so many threads of `asyncio.to_thread`.
"""

import asyncio
import inspect
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import fanferro
import handlers

queue, named, *how = sys.argv[1:]
tuned = {"concurrency": 50, "prefetch": 100, "pollers": 8, "wait_time": 1}
client = fanferro.Client(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_DEFAULT_REGION"])
consumer = client.consumer(client.queue(queue), **({} if how == ["defaults"] else tuned))
handler = getattr(handlers, named)
waits = inspect.iscoroutinefunction(handler)


async def handle(content: dict[str, Any]) -> None:
    """Hand the content on."""
    await (handler(content) if waits else asyncio.to_thread(handler, content))


async def main() -> None:
    """Consume until SIGTERM."""
    if not waits:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(int(how[0])))
    consumer.default(handle)
    async with client:
        await consumer.run()


asyncio.run(main())
