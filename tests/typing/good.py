"""What type checkers accept; `tests/typing/test_types.py` has them check it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, assert_type

from loafer import (
    Attribute,
    AttributeValue,
    CallNext,
    Context,
    Failure,
    InvalidContent,
    Item,
    Loafer,
    Message,
    QueuePublisher,
    RejectMessage,
    Retry,
    Router,
    TopicPublisher,
    Worker,
    attribute,
    body,
    group,
)
from loafer.testing import Result, World, adeliver, in_memory


@dataclass
class Database:
    url: str

    async def execute(self, statement: str, *values: object) -> None: ...


@dataclass
class State:
    db: Database


@dataclass
class Order:
    id: int
    total: int


@dataclass
class Receipt:
    order: int


@asynccontextmanager
async def lifespan() -> AsyncIterator[State]:
    yield State(Database("sqlite://"))


app = Loafer(lifespan=lifespan, max_jobs=50)
assert_type(app, Loafer[State])
plain = Loafer()
assert_type(plain, Loafer[None])

receipts = app.publisher("receipts", Receipt)
assert_type(receipts, QueuePublisher[Receipt])
events = app.publisher(topic="shop-events", content=Receipt)
assert_type(events, TopicPublisher[Receipt])
anything = app.publisher("anything")
assert_type(anything, QueuePublisher[Any])


@app.route("orders", max_jobs=20, retry=Retry(first=1, longest=900), reject=InvalidContent)
async def handle_order(order: Order, context: Context[State]) -> None:
    if order.total < 0:
        raise RejectMessage("a negative total")
    await context.state.db.execute("insert", order.id, context.message.id, context.attempt)
    await receipts.publish(Receipt(order=order.id), attributes={"tenant": "a"}, delay=5)
    await events.publish(Receipt(order=order.id), group="a", deduplication_id="1")
    attributes: dict[str, AttributeValue] = {"a": 1, "b": 1.5, "c": b"", "d": Attribute("1", "Number")}
    results = await receipts.publish_batch([Receipt(order=1)], attributes=attributes, group="a")
    assert_type(results, list[str | Failure])
    await events.publish_batch([Receipt(1)], group=lambda receipt: str(receipt.order))
    async with app.publishing():
        await anything.publish({"any": "thing"})


def takes_receipts(publisher: QueuePublisher[Receipt]) -> None: ...


def whatever_takes_more_takes_receipts(publisher: QueuePublisher[object]) -> None:
    takes_receipts(publisher)


@app.route("invoices.fifo", max_jobs=5, retry=Retry(delay=5), timeout=60, reject=(InvalidContent, ValueError))
async def handle_invoice(invoice: Order, message: Message) -> int:
    return message.receive_count


@app.route("thumbnails", max_jobs=2)
def thumbnail(work: dict[str, int]) -> int:
    return len(work)


@app.route("untyped")
async def untyped(content: Any) -> None: ...


@app.route("everything")
async def any_state(content: dict[str, Any], context: Context) -> None: ...


@app.route("context")
async def context_alone(context: Context[State]) -> None: ...


@app.route("message")
def message_alone(message: Message) -> str:
    return message.body


@app.route("defaults")
async def with_a_default(order: Order, times: int = 3) -> None: ...


@app.route("more")
async def with_a_default_after(order: Order, context: Context[State], times: int = 3) -> None: ...


@app.route("class")
class Handler:
    async def __call__(self, order: Order, context: Context[State]) -> None: ...


@app.route("created", when=attribute("type") == "order.created")
@app.route("void", when=body("kind").isin({"refund", "void"}) & ~group.startswith("test-") | attribute("old").present)
@app.route("own", when=lambda message: message.receive_count > 3)
async def several(order: Order) -> None: ...


@app.batch("clicks", size=500, wait=1.0)
async def save_clicks(batch: list[Item[Order]], context: Context[State]) -> None:
    for item in batch:
        if not item.content.total:
            item.reject("no total")
        elif item.attempt > 3:
            item.ignore(delay=60)
    await context.state.db.execute("insert", *(message.id for message in context.messages))


@app.batch("sequences", size=10)
def any_sequence(batch: Sequence[Item[Order]]) -> None: ...


@app.middleware
async def timed(context: Context[State], call_next: CallNext) -> None:
    await call_next()


async def calls_its_handlers() -> None:
    state, message = State(Database("")), Message("1", "{}", "receipt")
    context = Context(state, message)
    await handle_order(Order(1, 2), context)
    assert_type(await handle_invoice(invoice=Order(1, 2), message=message), int)
    assert_type(thumbnail(work={"a": 1}), int)
    assert_type(message_alone(message=message), str)
    await with_a_default(order=Order(1, 2), times=4)
    await with_a_default_after(Order(1, 2), context, times=4)
    await save_clicks([Item(Order(1, 2)), Item(Order(1, 2), message=message)], context)
    await Handler()(Order(1, 2), context)


class HasDatabase(Protocol):
    """The part of a state that a router needs."""

    @property
    def db(self) -> Database: ...


router = Router[HasDatabase]()


@router.route("parcels")
async def handle_parcel(order: Order, context: Context[HasDatabase]) -> None: ...


app.include(router)

free = Router()


@free.route("free")
async def handle_free(order: Order, context: Context[int]) -> None: ...


app.include(free)


async def host() -> None:
    async with app.running() as worker:
        assert_type(worker, Worker)
        await worker.ready()
        assert_type(worker.alive, bool)
        assert_type(worker.error, BaseException | None)
        assert_type(worker.held, int)
        assert_type(worker.counts["received"], int)
        worker.pause("orders")
    await plain.serve()


def test_in_a_world(loafer_world: World) -> None:
    loafer_world.add(app)
    result = loafer_world.run(app, state=State(Database("sqlite://")), only=["orders"], grace_period=3)
    assert_type(result, Result)
    assert result.acknowledged[0].id == result.published[0][1]["order"]
    loafer_world.run(handle_alone, source="orders", retry_delay=3)


async def test_inside() -> None:
    async with in_memory(app) as world:
        world.publish("orders", {"id": 1})
        assert_type(await world.settle(), Result)
        assert_type(world.worker, Worker)
    assert (await adeliver(handle_alone, content={})).acknowledged


async def handle_alone(content: dict[str, int]) -> None: ...
