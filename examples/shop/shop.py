"""The shop's worker: orders, invoices in each customer's order, thumbnails in threads, and clicks in batches.

Run it with `loafer run shop:app`; its queues and its topic must be there.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from database import Database

from loafer import CallNext, Context, InvalidContent, Item, Loafer, Message, RejectMessage, Retry


@dataclass
class Order:
    id: int
    total: float


@dataclass
class Invoice:
    number: int


@dataclass
class Click:
    url: str


@dataclass
class Receipt:
    order: int


@dataclass
class State:
    db: Database


@asynccontextmanager
async def lifespan() -> AsyncIterator[State]:
    with closing(Database("shop.db")) as db:
        yield State(db)


app = Loafer(lifespan=lifespan)
receipts = app.publisher("receipts", Receipt)
events = app.publisher(topic="shop-events", content=Receipt)


@app.route("orders", max_jobs=20, retry=Retry(first=1, longest=900), reject=InvalidContent)
async def handle_order(order: Order, context: Context[State]) -> None:
    if order.total < 0:
        raise RejectMessage("a negative total")
    await context.state.db.execute("replace into orders values(?, ?, ?)", order.id, context.message.id, context.attempt)
    await receipts.publish(Receipt(order=order.id), attributes={"tenant": "a"})
    await events.publish(Receipt(order=order.id))


@app.route("invoices.fifo", max_jobs=5, retry=Retry(delay=5), timeout=60)
async def handle_invoice(invoice: Invoice, message: Message) -> None:
    print(f"invoice {invoice.number} for {message.group}", flush=True)


@app.route("thumbnails", max_jobs=2)
def thumbnail(work: dict[str, int]) -> None:
    header = f"P5 {work['width']} {work['height']} 255\n".encode()
    Path(f"thumbnail-{work['image']}.pgm").write_bytes(header + bytes(work["width"] * work["height"]))


@app.batch("clicks", size=500, wait=1.0)
async def save_clicks(batch: list[Item[Click]], context: Context[State]) -> None:
    for item in batch:
        if not item.content.url:
            item.reject("no url")
    rows = [(item.message.id, item.content.url) for item in batch if item.content.url]
    await context.state.db.executemany("replace into clicks values(?, ?)", rows)


@app.middleware
async def timed(context: Context[State], call_next: CallNext) -> None:
    began = time.monotonic()
    await call_next()
    print(f"{context.route}: {time.monotonic() - began:.3f} s", flush=True)
