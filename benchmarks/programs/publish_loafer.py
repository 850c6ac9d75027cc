"""Publishes with Loafer, from a program."""

import asyncio
import sys

from publishing import measure

from loafer import Loafer

app = Loafer()
publisher = app.publisher(sys.argv[1], dict)


async def main() -> None:
    """Publish."""
    async with app.publishing():
        await measure(publisher.publish, publisher.publish_batch)


try:
    from uvloop import run
except ImportError:
    asyncio.run(main())
else:
    run(main())
