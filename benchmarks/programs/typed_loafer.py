"""Loafer with a handler that asks for a kind of type, one of `batches` of a hundred, or one that is `publishing`."""

import sys

from handlers import METER
from kinds import handler_of, publishing

from loafer import Item, Loafer

queue, kind = sys.argv[1:]
app = Loafer(max_jobs=50, prefetch=50)
HOW = {"MaxNumberOfMessages": 10, "WaitTimeSeconds": 1}


async def handle_many(batch: list[Item[dict]]) -> None:  # type: ignore[type-arg]
    """Do nothing but count."""
    for _ in batch:
        METER.count()


if kind == "batches":
    app.batch(queue, size=100, wait=0.1, prefetch=500, options=HOW)(handle_many)
elif kind == "publishing":
    app.route(queue, options=HOW)(publishing(app.publisher(f"{queue}-receipts", dict).publish))
else:
    app.route(queue, options=HOW)(handler_of(kind))
app.run()
