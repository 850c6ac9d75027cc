"""A web application with a worker inside: orders come over HTTP, wait on a queue, and are handled in the same process.

Run it with `uvicorn shop_api:web`; the queue `orders` must be there.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, HTTPException, Request, Response

from loafer import Loafer, RejectMessage, Worker


@dataclass
class Order:
    """What is ordered."""

    id: int
    total: float


worker_app = Loafer(grace_period=5)
orders = worker_app.publisher("orders", Order)
handled: dict[int, float] = {}


@worker_app.route("orders", max_jobs=20, options={"WaitTimeSeconds": 5})
async def handle_order(order: Order) -> None:
    """Handle one order; a negative one is deleted."""
    if order.total < 0:
        raise RejectMessage("a negative total")
    handled[order.id] = order.total


@asynccontextmanager
async def lifespan(web: FastAPI) -> AsyncIterator[None]:
    """Run the worker while the web application runs."""
    async with worker_app.running() as worker:
        await worker.ready()
        web.state.worker = worker
        yield


web = FastAPI(lifespan=lifespan)


@web.post("/orders", status_code=202)
async def take_order(order: Order) -> dict[str, str]:
    """Queue an order."""
    return {"message": await orders.publish(order)}


@web.get("/orders/{number}")
async def show_order(number: int) -> Order:
    """Show an order that has been handled."""
    if number not in handled:
        raise HTTPException(404)
    return Order(number, handled[number])


@web.get("/livez")
async def livez(request: Request, response: Response) -> dict[str, object]:
    """Tell whether the worker lives; whoever asks, such as Kubernetes, starts the process anew where it does not."""
    worker: Worker = request.app.state.worker
    response.status_code = 200 if worker.alive else 503
    return {"alive": worker.alive, "held": worker.held, "counts": dict(worker.counts), "error": str(worker.error or "")}
