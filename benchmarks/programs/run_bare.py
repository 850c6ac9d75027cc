"""The least that consumes with aiobotocore: four loops of receive 10, decode, await the handler, delete 10."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import handlers
from aiobotocore.session import get_session

Handler = Callable[[Any], Awaitable[None]]


async def consume(sqs: Any, url: str, handle: Handler, wait: int) -> None:
    """Consume for ever; a poll waits for so many seconds."""
    while True:
        answer = await sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        done = []
        for number, message in enumerate(answer.get("Messages", [])):
            await handle(json.loads(message["Body"]))
            done.append({"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]})
        if done:
            await sqs.delete_message_batch(QueueUrl=url, Entries=done)


async def main(queue: str, handle: Handler, wait: int = 1) -> None:
    """Consume a queue four times at once."""
    async with get_session().create_client("sqs") as sqs:
        url = (await sqs.get_queue_url(QueueName=queue))["QueueUrl"]
        await asyncio.gather(*(consume(sqs, url, handle, wait) for _ in range(4)))


asyncio.run(main(sys.argv[1], getattr(handlers, sys.argv[2]), *map(int, sys.argv[3:])))
