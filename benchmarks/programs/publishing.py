"""Publishes so many messages in one of three ways, and prints what it cost; a tenth of them first, to warm up."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

Publish = Callable[[dict[str, Any]], Awaitable[Any]]
PublishMany = Callable[[list[dict[str, Any]]], Awaitable[Any]]


def contents(number: int) -> list[dict[str, Any]]:
    """Return contents of about 200 bytes."""
    return [{"n": each, "pad": "x" * 180} for each in range(number)]


async def measure(publish: Publish, publish_many: PublishMany) -> None:
    """Publish as the command line says, and print the figures."""
    way, number = sys.argv[2], int(sys.argv[3])
    await _publish(publish, publish_many, way, number // 10)
    cpu, wall = time.process_time(), time.perf_counter()
    await _publish(publish, publish_many, way, number)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    sys.stdout.write(json.dumps({"cpu_us": cpu / number * 1e6, "messages_per_s": number / wall}))


async def _publish(publish: Publish, publish_many: PublishMany, way: str, number: int) -> None:
    if way == "in batches":
        await publish_many(contents(number))
        return
    left = iter(contents(number))

    async def one_by_one() -> None:
        for content in left:
            await publish(content)

    await asyncio.gather(*(one_by_one() for _ in range(20 if way == "20 at once" else 1)))
