"""Publishes with aiobotocore's client, as it is; ten a call, four calls at once."""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

from aiobotocore.session import get_session
from publishing import measure


async def main(queue: str) -> None:
    """Publish."""
    async with get_session().create_client("sqs") as sqs:
        url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]

        async def publish(content: dict[str, Any]) -> None:
            await sqs.send_message(QueueUrl=url, MessageBody=json.dumps(content))

        async def publish_many(contents: list[dict[str, Any]]) -> None:
            tens = (contents[first : first + 10] for first in range(0, len(contents), 10))
            await asyncio.gather(*(send(tens) for _ in range(4)))

        async def send(tens: Iterator[list[dict[str, Any]]]) -> None:
            for ten in tens:
                entries = [{"Id": str(number), "MessageBody": json.dumps(each)} for number, each in enumerate(ten)]
                await sqs.send_message_batch(QueueUrl=url, Entries=entries)

        await measure(publish, publish_many)


asyncio.run(main(sys.argv[1]))
