"""olist-loafer with one client that everything shares, and 50 workers; its package is called `loafer`, too."""

import asyncio
import sys
from typing import Any

import handlers
from aiobotocore.session import get_session
from loafer.ext.aws.routes import SQSRoute  # type: ignore[import-not-found]
from loafer.managers import LoaferManager  # type: ignore[import-not-found]

handler = getattr(handlers, sys.argv[2])


async def handle(content: Any, _: Any) -> bool:
    """Hand the content on, and have the message deleted."""
    await handler(content)
    return True


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
sqs = loop.run_until_complete(get_session().create_client("sqs").__aenter__())
options = {"client": sqs, "options": {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}}
LoaferManager([SQSRoute(sys.argv[1], options, handler=handle)], queue_size=100, workers=50).run()
