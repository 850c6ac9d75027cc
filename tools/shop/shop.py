"""A shop that is busy by itself, on queues in memory: what the picture of `loafer top` shows."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from loafer import Loafer, RejectMessage


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Publish for as long as the application runs."""
    task = asyncio.create_task(publish())
    yield
    task.cancel()


app = Loafer(lifespan=lifespan, grace_period=0)
PACES = {"orders": 40.0, "invoices": 12.0, "clicks": 150.0, "thumbnails": 2.0, "reports": 0.2}
publishers = {name: app.publisher(f"memory://{name}") for name in PACES}


async def publish() -> None:
    """Publish at a pace that comes and goes."""
    began = time.monotonic()
    while True:
        wave = 1 + 0.8 * random.random() * ((time.monotonic() - began) % 20 < 8)
        for name, pace in PACES.items():
            for _ in range(int(pace * wave * 0.2 + random.random())):
                await publishers[name].publish({"n": random.randrange(1000)})
        await asyncio.sleep(0.2)


@app.route("memory://orders", name="orders", max_jobs=10)
async def order(content: Any) -> None:
    """Fail now and then."""
    await asyncio.sleep(random.uniform(0.01, 0.15))
    if content["n"] < 10:
        raise ValueError("no such customer")


@app.route("memory://invoices", name="invoices", max_jobs=10)
async def invoice(content: Any) -> None:
    """Take long."""
    await asyncio.sleep(random.uniform(0.1, 0.6))


@app.route("memory://clicks", name="clicks", max_jobs=20)
async def click(content: Any) -> None:
    """Reject now and then."""
    await asyncio.sleep(0.005)
    if content["n"] < 5:
        raise RejectMessage("no url")


@app.route("memory://thumbnails", name="thumbnails", max_jobs=2)
def thumbnail(content: Any) -> None:
    """Work in a thread."""
    time.sleep(random.uniform(0.1, 0.4))


@app.route("memory://reports", name="reports", max_jobs=1)
async def report(content: Any) -> None:
    """Get stuck."""
    await warehouse_lock.acquire()


warehouse_lock = asyncio.Lock()
