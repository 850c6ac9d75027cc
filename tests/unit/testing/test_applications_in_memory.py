"""Whole applications in memory: in virtual time of their own, and inside the event loop of a test."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import time as epoch
from typing import Any

import attrs
import pytest

from loafer import (
    CallNext,
    ConfigurationError,
    Context,
    IgnoreMessage,
    InvalidContent,
    Item,
    LifespanError,
    Loafer,
    Message,
    RejectMessage,
    Retry,
    attribute,
)
from loafer.testing import Result, StillRunning, World, adeliver, in_memory


@dataclass
class Order:
    id: int
    total: float


@dataclass
class Receipt:
    order: int


@attrs.define
class State:
    """What the handlers of the shop share: what they did."""

    orders: list[int] = attrs.field(factory=list)
    invoices: list[int] = attrs.field(factory=list)
    urls: list[list[str]] = attrs.field(factory=list)
    seen: list[str] = attrs.field(factory=list)
    opened: list[str] = attrs.field(factory=list)


def shop(state: State) -> Loafer[State]:
    """Return a shop of three queues, one of them in batches, that publishes, and has middleware and a lifespan."""

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[State]:
        state.opened.append("open")
        yield state
        await asyncio.sleep(2)
        state.opened.append("closed")

    app = Loafer(lifespan=lifespan)
    receipts, events = app.publisher("receipts", Receipt), app.publisher(topic="shop-events", content=Receipt)

    add_invoices(app, state)

    @app.middleware
    async def noted(context: Context[State], call_next: CallNext) -> None:
        context.state.seen.append(context.route)
        await call_next()

    @app.route("orders", retry=Retry(delay=600), reject=InvalidContent)
    async def handle_order(order: Order, context: Context[State]) -> None:
        if order.total < 0:
            raise RejectMessage("a negative total")
        if order.total == 0 and context.attempt == 1:
            raise ValueError("once more")
        context.state.orders.append(order.id)
        await receipts.publish(Receipt(order.id), attributes={"tenant": "a"})
        await events.publish(Receipt(order.id))

    @app.batch("clicks", size=50, wait=1.0)
    async def save_clicks(batch: list[Item[dict[str, str]]], context: Context[State]) -> None:
        for item in batch:
            if "url" not in item.content:
                item.reject("no url")
        context.state.urls.append([item.content.get("url", "") for item in batch])

    return app


def add_invoices(app: Loafer[State], state: State) -> None:
    @app.route("https://sqs.eu-west-1.amazonaws.com/000000000000/invoices.fifo", retry=Retry(delay=5))
    def handle_invoice(invoice: dict[str, int], message: Message) -> None:
        if invoice["number"] == 1 and message.attempt == 1:
            raise ValueError("once more")
        state.invoices.append(invoice["number"])


def publish_all(publish: Callable[..., str]) -> None:
    publish("orders", {"id": 1, "total": 5})
    publish("orders", {"id": 2, "total": 0})
    publish("orders", {"id": 3, "total": -1})
    publish("orders", {"id": "four"})
    for number in range(3):
        publish("invoices.fifo", {"number": number}, group="a", deduplication_id=str(number))
    for url in ("x", "y"):
        publish("clicks", {"url": url})
    publish("clicks", {})


def check(result: Result, state: State) -> None:
    assert sorted(result.of("orders").outcomes) == ["failed", "rejected", "rejected", "succeeded", "succeeded"]
    assert {"id": "four"} in result.rejected
    assert {"id": 3, "total": -1} in [getattr(content, "__dict__", content) for content in result.rejected]
    assert result.of("invoices.fifo").outcomes == ["succeeded", "failed", "succeeded", "succeeded"]
    assert (sorted(state.orders), state.invoices) == ([1, 2], [0, 1, 2])
    assert state.urls == [["x", "y", ""]]
    assert result.of("clicks").rejected == [{}]
    assert sorted(result.published, key=str) == [
        ("receipts", {"order": 1}),
        ("receipts", {"order": 2}),
        ("shop-events", {"order": 1}),
        ("shop-events", {"order": 2}),
    ]
    assert result.of("orders").delayed == [(Order(2, 0), 600)]
    assert (result.left["orders"], result.left["invoices.fifo"], result.left["clicks"]) == ([], [], [])
    assert result.left["receipts"] == [{"order": 1}, {"order": 2}]
    assert set(state.seen) == {"orders", "invoices.fifo", "clicks"}


def test_a_whole_application_runs_in_virtual_time(loafer_world: World) -> None:
    state = State()
    app = shop(state)
    loafer_world.add(app)
    publish_all(loafer_world.publish)
    result = loafer_world.run(app)
    check(result, state)
    assert result.seconds > 600
    assert state.opened == ["open", "closed"]


def test_a_state_of_the_test_s_own_stands_in_for_the_lifespan(loafer_world: World) -> None:
    state, mine = State(), State()
    app = shop(state)
    loafer_world.add(app)
    loafer_world.publish("orders", {"id": 1, "total": 5})
    loafer_world.run(app, state=mine, only=["orders"])
    assert (mine.orders, state.orders, state.opened) == ([1], [], [])


def test_queues_that_are_there_stay_and_others_get_dead_letter_queues(loafer_world: World) -> None:
    app = Loafer()

    @app.route("orders")
    @app.route("mails.fifo")
    async def fail(content: object) -> None:
        raise ValueError

    orders = loafer_world.queue("orders", max_receive_count=2, dead_letters="lost")
    loafer_world.add(app, max_receive_count=3)
    assert loafer_world.queues["orders"] is orders
    loafer_world.publish("orders", 1)
    loafer_world.publish("mails.fifo", 2, group="a", deduplication_id="2")
    result = loafer_world.run(app)
    assert sorted(result.dead_lettered) == [1, 2]
    assert result.left == {"orders": [], "lost": [1], "mails.fifo": [], "mails-dead.fifo": [2]}


@pytest.mark.parametrize("everywhere", [True, False])
def test_what_a_route_gives_up_is_on_a_dead_letter_queue(loafer_world: World, everywhere: bool) -> None:
    given_up = Retry(delay=0, dead_letter_after=3)
    app = Loafer(retry=given_up) if everywhere else Loafer()

    async def fail(content: object) -> None:
        raise ValueError

    app.route("orders")(fail) if everywhere else app.route("orders", retry=given_up)(fail)
    loafer_world.add(app)
    loafer_world.publish("orders", 1)
    result = loafer_world.run(app)
    assert result.outcomes == ["failed"] * 3
    assert result.dead_lettered == [1]


def test_a_mistake_in_the_application_is_told(loafer_world: World) -> None:
    app = Loafer()

    @app.route("orders", max_jobs=0)
    async def handle(content: object) -> None: ...

    with pytest.raises(ConfigurationError, match="max_jobs=0"):
        loafer_world.run(app)
    app.route(None)(print)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"max_jobs=0(?s:.*)source=None"):
        loafer_world.add(app)
    app = Loafer()
    app.route("orders")(print)
    with pytest.raises(TypeError, match="grace"):
        loafer_world.run(app, grace=1)


def test_the_options_of_a_run_go_before_those_of_the_code(loafer_world: World) -> None:
    app = Loafer(max_jobs=5)
    running: list[int] = []

    @app.route("orders")
    async def handle(content: object) -> None:
        running.append(1)
        assert len(running) == 1
        await asyncio.sleep(1)
        running.pop()

    loafer_world.add(app)
    for number in range(3):
        loafer_world.publish("orders", number)
    assert loafer_world.run(app, max_jobs=1).outcomes == ["succeeded"] * 3


def test_a_lifespan_that_fails_ends_the_run(loafer_world: World) -> None:
    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        raise KeyError("no database")
        yield

    app = Loafer(lifespan=lifespan)
    app.route("orders")(print)
    loafer_world.add(app)
    loafer_world.publish("orders", 1)
    with pytest.raises(LifespanError, match="no database"):
        loafer_world.run(app)


def test_a_route_that_is_registered_while_it_runs_is_a_mistake_and_not_forgotten(loafer_world: World) -> None:
    app = Loafer()

    @app.route("orders")
    def handle(order: object) -> None:
        app.route("late")(print)

    loafer_world.add(app, max_receive_count=1)
    loafer_world.publish("orders", 1)
    [error] = loafer_world.run(app).errors
    assert isinstance(error, ConfigurationError)
    app.route("late")(print)
    assert len(app.routes()) == 2


def test_what_no_route_takes_is_kept_and_shown(loafer_world: World) -> None:
    app = Loafer()

    @app.route("events", when=attribute("type") == "created")
    async def handle(content: object) -> None: ...

    loafer_world.add(app)
    loafer_world.publish("events", 1, attributes={"type": "created"})
    loafer_world.publish("events", 2, attributes={"type": "voided"})
    result = loafer_world.run(app, seconds=10)
    assert result.acknowledged == [1]
    assert result.left == {"events": [2]}


def test_a_handler_alone_may_have_a_state_too(loafer_world: World) -> None:
    async def handle(order: Order, context: Context[State]) -> None:
        context.state.orders.append(order.id)

    state = State()
    loafer_world.queue("orders")
    loafer_world.publish("orders", {"id": 1, "total": 5})
    loafer_world.run(handle, source="orders", state=state)
    assert state.orders == [1]
    with pytest.raises(TypeError, match="run takes the source= of a handler, or an application"):
        loafer_world.run(handle)  # type: ignore[call-overload]


async def inside_the_test() -> None:
    state = State()
    async with in_memory(shop(state)) as world:
        publish_all(world.publish)
        check(await world.settle(), state)
        assert state.opened == ["open"]
        world.publish("orders", {"id": 9, "total": 5})
        result = await world.settle()
        assert result.outcomes == ["succeeded"]
        assert result.published == [("receipts", {"order": 9}), ("shop-events", {"order": 9})]
        assert world.worker.alive
    assert state.opened == ["open", "closed"]


async def test_a_whole_application_runs_inside_a_test_s_own_loop_in_virtual_time() -> None:
    await inside_the_test()


def in_real_time(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_a_whole_application_runs_inside_a_test_s_own_loop_and_nobody_waits_for_retries() -> None:
    in_real_time(inside_the_test())


@pytest.mark.parametrize("orders", ["orders", "orders.fifo"])
async def test_what_never_settles_is_told_with_what_goes_on(orders: str) -> None:
    app = Loafer()
    group = "g" if orders.endswith(".fifo") else None

    @app.route(orders, retry=Retry(delay=0))
    async def fail(content: object) -> None:
        raise ValueError

    @app.route("mails")
    async def hang(content: object) -> None:
        await asyncio.Event().wait()

    async with in_memory(app) as world:
        world.publish(orders, 1, group=group)
        with pytest.raises(StillRunning, match=r"it does not settle: after 11 deliveries .* give in_memory a max_rec"):
            await world.settle(at_most=10)
    async with in_memory(app) as world:
        world.publish("mails", 1)
        with pytest.raises(StillRunning, match=r"after 1 deliveries and .* there are 1 on 'mails', 1 of them held now"):
            await world.settle(patience=2)
    async with in_memory(app, max_receive_count=2) as world:
        world.publish(orders, 1, group=group)
        assert (await world.settle()).dead_lettered == [1]


async def test_what_ends_the_worker_is_raised() -> None:
    app = Loafer()

    @app.route("orders")
    async def leave(content: object) -> None:
        raise SystemExit(3)

    async def run() -> None:
        async with in_memory(app) as world:
            world.publish("orders", 1)
            with pytest.raises(SystemExit):
                await world.settle()

    with pytest.raises(SystemExit):
        await run()


def test_a_message_that_is_ignored_for_an_hour_comes_back_at_once_where_time_is_real() -> None:
    app = Loafer()

    @app.route("orders")
    async def later(content: object, context: Context) -> None:
        if context.attempt == 1:
            raise IgnoreMessage(delay=3600)

    async def test() -> None:
        async with in_memory(app) as world:
            world.publish("orders", 1, delay=900)
            result = await world.settle()
            assert result.outcomes == ["ignored", "succeeded"]
            assert result.delayed == [(1, 3600)]

    in_real_time(test())


async def test_a_message_is_delivered_inside_a_test_s_own_loop() -> None:
    async def handle(order: Order, context: Context[State]) -> None:
        context.state.orders.append(order.id)
        await asyncio.sleep(5)

    state = State()
    delivery = await adeliver(handle, body='{"id": 1, "total": 5}', state=state)
    assert delivery.acknowledged
    assert state.orders == [1]
    assert (await adeliver(lambda content: None, content=1)).acknowledged
    with pytest.raises(TypeError, match="either content="):
        await adeliver(handle)


@pytest.mark.parametrize("seed", range(8))
def test_an_application_whose_worker_dies_again_and_again_loses_nothing(loafer_world: World, seed: int) -> None:
    state = State()
    app = shop(state)
    loafer_world.add(app)
    for number in range(1, 21):
        loafer_world.publish("orders", {"id": number, "total": 5})
        loafer_world.publish("clicks", {"url": str(number)})
    loafer_world.faults(seed=seed, crash=0.2, duplicates=0.2, lost_acknowledgements=0.1, partial_failures=0.1)
    result = loafer_world.run(app)
    assert set(state.orders) == set(range(1, 21))
    assert {url for batch in state.urls for url in batch} == {str(number) for number in range(1, 21)}
    assert (result.left["orders"], result.left["clicks"]) == ([], [])
    assert {receipt["order"] for receipt in result.left["receipts"]} == set(range(1, 21))
    assert len(state.opened) >= result.crashes


def test_where_time_is_real_messages_were_sent_now_and_deliveries_are_counted_from_the_beginning() -> None:
    app = Loafer()

    @app.route("orders")
    async def handle(message: Message) -> None: ...

    async def test() -> None:
        async with in_memory(app) as world:
            world.publish("orders", {})
            [delivery] = (await world.settle()).deliveries
            assert delivery.message.sent_at == pytest.approx(epoch(), abs=600)
            assert 0 <= delivery.at < 600

    in_real_time(test())


def test_a_task_that_raises_system_exit_when_all_else_is_over_ends_the_run_too(loafer_world: World) -> None:
    tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield
        await asyncio.sleep(1)

    async def leaves() -> None:
        await asyncio.sleep(0.5)
        raise SystemExit(7)

    app = Loafer(lifespan=lifespan)

    @app.route("orders")
    async def handle(content: int) -> None:
        tasks.append(asyncio.create_task(leaves()))

    loafer_world.queue("orders")
    loafer_world.publish("orders", 1)
    with pytest.raises(SystemExit) as raised:
        loafer_world.run(app)
    assert raised.value.code == 7
    assert not loafer_world.run(app).deliveries
