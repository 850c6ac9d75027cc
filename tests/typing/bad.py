"""What type checkers refuse: each line that ends in `# refused`, and no other."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from good import Order, Receipt, State, app, events, plain, receipts

from loafer import CallNext, Context, Item, Loafer, Message, Retry, Router, attribute
from loafer.testing import World


@app.route("orders")  # refused
async def of_another_state(order: Order, context: Context[int]) -> None: ...


@plain.route("orders")  # refused
async def of_a_state_where_there_is_none(order: Order, context: Context[State]) -> None: ...


@app.route("orders")  # refused
async def of_nothing() -> None: ...


@app.route("orders")  # refused
async def of_a_second_that_nobody_gives(order: Order, session: int) -> None: ...


@app.batch("orders", size=1)  # refused
async def of_one(order: Order) -> None: ...


@app.batch("orders", size=1)  # refused
async def of_many_with_another_state(orders: list[Item[Order]], context: Context[int]) -> None: ...


@app.batch("orders", size=1)  # refused
async def of_many_with_a_message(orders: list[Item[Order]], message: Message) -> None: ...


@app.middleware  # refused
async def around_another_state(context: Context[int], call_next: CallNext) -> None: ...


class Other(Protocol):
    @property
    def cache(self) -> int: ...


app.include(Router[Other]())  # refused
app.route("orders", max_job=3)  # refused
app.route("orders", retry=5)  # refused
app.route("orders", when="type")  # refused
app.route("orders", when=attribute("type"))  # refused
app.route("orders", when=(attribute("type") == "a" and attribute("b").present) or "c")  # refused
attribute("type").isin(3)  # refused
Retry(5)  # refused
app.publisher(Receipt)  # refused


@asynccontextmanager
async def with_an_argument(app: Loafer[State]) -> AsyncIterator[State]:
    raise NotImplementedError
    yield


Loafer(lifespan=with_an_argument)  # refused


async def publishes() -> None:
    await receipts.publish(Order(1, 2))  # refused
    await receipts.publish_batch([Order(1, 2)])  # refused
    await events.publish(Receipt(1), delay=5)  # refused
    await receipts.publish(Receipt(1), attributes={"a": [1]})  # refused
    await events.publish(Order(1, 2))  # refused
    await events.publish_batch([Receipt(1), Order(1, 2)])  # refused
    await events.publish_batch([Receipt(1)], delay=5)  # refused
    await receipts.publish_batch([Receipt(1)], group=lambda receipt: receipt.total)  # refused


def test_in_a_world(loafer_world: World) -> None:
    loafer_world.run(publishes)  # refused
    loafer_world.tun(app)  # refused


async def host() -> None:
    async with app.running() as worker:
        worker.pause()  # refused
        worker.live  # refused
