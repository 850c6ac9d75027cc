"""A worker in an event loop that is someone else's: it tells how it is, and ends within its bound."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from world import Faults, FlakyConsumer, now, queue

from loafer import Context, Loafer
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.connection import Connection
from loafer.application.connections import Connections
from loafer.application.dispatcher import Dispatcher
from loafer.application.lifespan import Lifespan
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.worker.course import Course
from loafer.entrypoints.worker.hosted import hosted, inside
from loafer.exceptions import ConfigurationError, ConsumerError, ConsumerUnavailable, LifespanError, PublisherError

if TYPE_CHECKING:
    from loafer.entrypoints.worker.handle import Worker

BOUND = 8


async def quick(content: Any) -> None: ...


@attrs.define(eq=False)
class Shop:
    """A source, and what goes wrong with it."""

    handle: Callable[[Any], Awaitable[object]] = quick
    orders: MemoryQueue = attrs.field(factory=lambda: queue("orders", "one", "two"))
    faults: Faults = attrs.field(factory=Faults)
    grace_period: float = 2

    def course(self, lifespan: Lifespan | None = None) -> Course:
        route = Route("orders", "orders", self.consumer, lambda message: {"content": message.body}, self.handle)
        options = Options(grace_period=self.grace_period)
        return Course(Dispatcher([route], options, clock=now, threaded_heartbeat=False), lifespan)

    def consumer(self) -> FlakyConsumer:
        return FlakyConsumer(self.orders, 1, faults=self.faults)


@asynccontextmanager
async def hangs() -> AsyncIterator[None]:
    await asyncio.sleep(1000)
    yield


@asynccontextmanager
async def fails() -> AsyncIterator[None]:
    raise KeyError("no database")
    yield


async def refresh() -> None:
    await asyncio.sleep(3)
    raise ConnectionError("cannot refresh")


@asynccontextmanager
async def fails_meanwhile() -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(refresh())
        yield


@asynccontextmanager
async def times_out_meanwhile() -> AsyncIterator[None]:
    async with asyncio.timeout(3):
        yield


@asynccontextmanager
async def ends_meanwhile() -> AsyncIterator[None]:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3):
            yield


@attrs.define
class Ends:
    """A block of a host that ends with an error, which it keeps."""

    error: BaseException | None = None


@asynccontextmanager
async def host(course: Course) -> AsyncIterator[tuple["Worker", Ends]]:
    """Give a worker, and keep what the block ends with."""
    ends = Ends()
    stack = AsyncExitStack()
    worker = await stack.enter_async_context(inside(course))
    yield worker, ends
    try:
        await stack.aclose()
    except BaseException as error:  # noqa: BLE001 - a SystemExit, too
        ends.error = error


async def stay_until(let_go: asyncio.Event) -> None:
    while not let_go.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await let_go.wait()


async def test_it_runs_while_the_block_runs_and_tells_how_it_is() -> None:
    shop = Shop()
    async with inside(shop.course()) as worker:
        await worker.ready()
        await asyncio.sleep(1)
        assert (worker.alive, worker.error, worker.held) == (True, None, 0)
        assert (worker.counts["received"], worker.counts["succeeded"], worker.counts["failed"]) == (2, 2, 0)
        assert {type(name) for name in worker.counts} == {str}
    assert not worker.alive
    assert len(shop.orders) == 0


async def test_what_is_held_can_be_seen() -> None:
    async def long(content: Any) -> None:
        await asyncio.sleep(1)

    async with inside(Shop(long).course()) as worker:
        await asyncio.sleep(0.5)
        assert worker.held == 2
        await asyncio.sleep(1)
        assert worker.held == 0


async def test_it_is_ready_once_its_source_has_answered() -> None:
    shop = Shop(faults=Faults(opening=[ConsumerUnavailable("later")] * 2))
    async with inside(shop.course()) as worker:
        await worker.ready()
        assert shop.faults.opening == []


async def test_a_failure_for_good_is_logged_when_it_happens_and_raised_when_the_block_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    shop = Shop()
    async with host(shop.course()) as (worker, ends):
        await worker.ready()
        assert worker.alive
        shop.faults.receiving.append(ConsumerError("the queue is gone"))
        shop.orders.send(OutgoingMessage("three"))
        await asyncio.sleep(2)
        assert not worker.alive
        assert isinstance(worker.error, ConsumerError)
        errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
        assert errors == ["the worker stops: the queue is gone"]
        await asyncio.sleep(3600)
    assert ends.error is worker.error
    assert caplog.text.count("the worker stops") == 1


async def test_what_fails_for_good_before_it_is_ready_is_raised_to_whoever_waits_for_that() -> None:
    async with host(Shop(faults=Faults(opening=[ConsumerError("no such queue")])).course()) as (worker, ends):
        with pytest.raises(ConsumerError, match="no such queue"):
            await worker.ready()
    assert ends.error is worker.error


async def test_what_the_block_raises_goes_before_what_failed() -> None:
    async def fail() -> None:
        async with inside(Shop(faults=Faults(opening=[ConsumerError("no such queue")])).course()):
            await asyncio.sleep(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_one_that_was_stopped_before_it_was_ready_says_so() -> None:
    async with inside(Shop().course(hangs)) as worker:
        worker.stop()
        with pytest.raises(RuntimeError, match="the worker was stopped before it was ready"):
            await worker.ready()


async def test_a_handler_that_asks_the_program_to_end_ends_the_worker_and_not_the_host(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave(content: Any) -> None:
        raise SystemExit(3)

    async with host(Shop(leave).course()) as (worker, ends):
        await asyncio.sleep(1)
        assert (worker.alive, type(worker.error)) == (False, SystemExit)
        assert "the worker stops: SystemExit: 3" in caplog.text
    assert type(ends.error) is SystemExit


async def test_a_lifespan_that_does_not_start_within_a_minute_ends_it() -> None:
    began = now()
    async with host(Shop().course(hangs)) as (worker, ends):
        with pytest.raises(LifespanError, match=r"did not start within 60 s \(LOAFER_START_TIMEOUT\)"):
            await worker.ready()
        assert now() - began == pytest.approx(60, abs=0.5)
        assert not worker.alive
    assert isinstance(ends.error, LifespanError)


async def test_a_lifespan_that_fails_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async with host(Shop().course(fails)) as (worker, ends):
        await worker.ended()
        assert not worker.alive
    assert "the lifespan failed at its start: KeyError: 'no database'" in str(ends.error)
    assert "in fails" in caplog.text


@pytest.mark.parametrize(
    ("lifespan", "told"),
    [
        (fails_meanwhile, "the lifespan failed while the worker ran: ConnectionError: cannot refresh"),
        (times_out_meanwhile, "the lifespan failed while the worker ran: TimeoutError"),
        (ends_meanwhile, "the lifespan ended while the worker ran: it is to last until its handlers have ended"),
    ],
)
async def test_a_lifespan_that_ends_meanwhile_ends_the_worker_at_once_and_nothing_more_is_received(
    lifespan: Lifespan, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()
    async with host(shop.course(lifespan)) as (worker, ends):
        await worker.ready()
        await asyncio.sleep(2)
        assert worker.alive
        await asyncio.sleep(1.5)
        assert not worker.alive
        assert str(worker.error) == told
        shop.orders.send(OutgoingMessage("three"))
        await asyncio.wait_for(worker.ended(), 3)
        await asyncio.sleep(60)
        assert worker.counts["received"] == 2
    assert ends.error is worker.error
    assert isinstance(ends.error, LifespanError)
    assert [record.message for record in caplog.records if record.levelno == logging.ERROR] == [
        f"the worker stops: {told}"
    ]


async def test_what_runs_when_the_lifespan_ends_has_the_grace_period() -> None:
    ended: list[Any] = []

    async def long(content: Any) -> None:
        await asyncio.sleep(4)
        ended.append(content)

    async with host(Shop(long, queue("orders", "one")).course(fails_meanwhile)) as (worker, ends):
        await asyncio.wait_for(worker.ended(), 10)
        assert ended == ["one"]
    assert isinstance(ends.error, LifespanError)


async def test_a_lifespan_that_ends_in_a_stop_already_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    async def long(content: Any) -> None:
        await asyncio.sleep(4)

    async with host(Shop(long).course(fails_meanwhile)) as (worker, ends):
        await asyncio.sleep(2)
        worker.stop()
    assert str(ends.error) == "the lifespan failed while the worker ran: ConnectionError: cannot refresh"
    assert caplog.text.count("the worker stops") == 1


async def test_what_ended_the_worker_before_its_lifespan_did_is_what_is_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leave(content: Any) -> None:
        if content == "one":
            await asyncio.sleep(2)
            raise SystemExit(3)
        await asyncio.sleep(4)

    async with host(Shop(leave).course(fails_meanwhile)) as (worker, ends):
        await asyncio.wait_for(worker.ended(), 10)
    assert type(ends.error) is SystemExit
    assert "the lifespan failed while the worker ran: ConnectionError: cannot refresh" in caplog.messages


async def test_a_lifespan_that_ends_as_soon_as_it_has_started_lets_nothing_be_received() -> None:
    @asynccontextmanager
    async def short() -> AsyncIterator[None]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                yield

    shop = Shop()
    async with host(shop.course(short)) as (worker, ends):
        await asyncio.wait_for(worker.ended(), 10)
    assert isinstance(ends.error, LifespanError)
    assert (len(shop.orders.visible), shop.orders.in_flight) == (2, [])


async def test_a_lifespan_that_somebody_cancels_is_told_with_one_sentence() -> None:
    test = asyncio.current_task()
    async with host(Shop().course(lambda: contextlib.nullcontext("state"))) as (worker, ends):
        await worker.ready()
        for task in asyncio.all_tasks() - {test}:
            if "Living" in str(task.get_coro()):
                task.cancel()
        await asyncio.sleep(1)
        assert not worker.alive
    assert str(ends.error) == "code in this process, such as a handler, cancelled the lifespan while the worker ran"
    assert ends.error is not None
    assert ends.error.__cause__ is None


async def test_a_lifespan_that_is_cancelled_with_all_tasks_is_not_what_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    test = asyncio.current_task()

    async def cancels_all(_: Any) -> None:
        for task in asyncio.all_tasks() - {test}:
            task.cancel()
        await asyncio.sleep(1)

    course = Shop(cancels_all).course(lambda: contextlib.nullcontext("state"))
    running = asyncio.ensure_future(course.run())
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "lifespan" not in caplog.text


@pytest.mark.parametrize("asked", [1, 2])
async def test_the_block_ends_within_its_bound_though_tasks_swallow_their_cancellation(asked: int) -> None:
    let_go = asyncio.Event()
    began = now()
    async with inside(Shop(lambda _: stay_until(let_go)).course()) as worker:
        await asyncio.sleep(1)
        for _ in range(asked):
            worker.stop()
        assert worker.alive
        began = now()
    assert now() - began < 2 + BOUND
    let_go.set()


@pytest.mark.parametrize(("breaks", "told"), [(False, "could not be closed in time"), (True, "could not be closed")])
async def test_a_publisher_that_does_not_close_is_left_behind(
    breaks: bool, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Stubborn(MemoryPublisher):
        async def close(self) -> None:
            if breaks:
                raise KeyError
            await asyncio.Event().wait()

    publisher = Loafer().publisher("receipts")
    connection = Connection(Stubborn(queue("receipts")), str)
    course = Shop().course()
    course.connections = Connections([(publisher.outlet, connection)])
    async with inside(course) as worker:
        await worker.ready()
        await publisher.publish(1)
        began = now()
    assert now() - began < BOUND
    assert told in caplog.text
    with pytest.raises(PublisherError, match="the application has ended"):
        await publisher.publish(1)


async def test_a_block_that_is_cancelled_ends_the_worker_first_and_at_once_when_it_is_cancelled_again() -> None:
    async def long(content: Any) -> None:
        await asyncio.sleep(100)

    shop = Shop(long, grace_period=50)
    workers: list[Worker] = []

    async def block() -> None:
        async with inside(shop.course()) as worker:
            workers.append(worker)
            await asyncio.Event().wait()

    running = asyncio.create_task(block())
    await asyncio.sleep(1)
    running.cancel()
    await asyncio.sleep(10)
    assert workers[0].held == 2
    running.cancel()
    began = now()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert now() - began < BOUND
    assert (workers[0].held, workers[0].alive) == (0, False)


@pytest.mark.parametrize(("said", "done"), [("by the scope", True), (None, False)])
async def test_a_block_that_is_cancelled_in_each_turn_has_its_grace_period_where_all_say_the_same(
    said: str | None, done: bool
) -> None:
    ended: list[object] = []

    async def long(content: Any) -> None:
        await asyncio.sleep(5)
        ended.append(content)

    async def block() -> None:
        async with inside(Shop(long, grace_period=50).course()):
            await asyncio.Event().wait()

    running = asyncio.create_task(block())
    await asyncio.sleep(1)
    while not running.done():
        running.cancel(said)
        await asyncio.sleep(0.01)
    assert running.cancelled()
    assert bool(ended) == done


async def test_a_worker_whose_tasks_are_cancelled_in_its_host_says_so_and_leaves_nothing_behind(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with host(Shop().course()) as (worker, ends):
        await worker.ready()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await worker.ended()
        assert not worker.alive
    said = "code in this process, such as a handler, cancelled all tasks, loafer's own too: it has stopped"
    assert (str(worker.error), ends.error) == (said, worker.error)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [f"the worker stops: {said}"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("lifespan", [None, lambda: contextlib.nullcontext("state")])
async def test_what_ended_a_worker_is_told_though_its_tasks_are_cancelled_afterwards(lifespan: Any) -> None:
    async def long(content: Any) -> None:
        await asyncio.sleep(5)

    async with host(Shop(long, grace_period=10).course(lifespan)) as (worker, ends):
        await worker.ready()
        await asyncio.sleep(0.5)
        cause = ConsumerError("the queue is gone")
        worker._runs.dispatcher.fail(cause)
        await asyncio.sleep(0.5)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await worker.ended()
        assert worker.error is cause
    assert ends.error is cause


async def test_a_worker_whose_lifespan_is_cancelled_with_all_its_tasks_says_so() -> None:
    async with host(Shop().course(lambda: contextlib.nullcontext("state"))) as (worker, ends):
        await worker.ready()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await worker.ended()
    assert str(ends.error).startswith("code in this process, such as a handler, cancelled all tasks")


@pytest.mark.parametrize("stopped", [False, True])
async def test_a_host_that_cancels_all_its_tasks_as_it_ends_is_told_of_no_error(
    stopped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def block() -> None:
        async with inside(Shop().course()) as worker:
            await worker.ready()
            if stopped:
                worker.stop()
            await asyncio.Event().wait()

    running = asyncio.create_task(block())
    await asyncio.sleep(1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_route_is_paused_and_goes_on_also_before_it_runs() -> None:
    shop = Shop()
    async with inside(shop.course()) as worker:
        worker.pause("orders")
        await asyncio.sleep(5)
        assert worker.counts["received"] == 0
        worker.resume("orders")
        await asyncio.sleep(5)
        assert worker.counts["received"] == 2
        with pytest.raises(LookupError, match="there is no route 'order', but orders"):
            worker.pause("order")
        with pytest.raises(LookupError):
            worker.resume("order")


QUICK = {"WaitTimeSeconds": 0.05}


def test_an_application_runs_in_a_loop_of_somebody_else_and_leaves_signals_and_logs_as_they_were() -> None:
    def those() -> list[object]:
        signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        return [*signals, [*logging.root.handlers], logging.root.level, logging.getLogger("loafer").level]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[list[int]]:
        yield seen

    seen, states = list[int](), list[object]()
    call_handlers = logging.Logger.callHandlers
    app, broker = Loafer(lifespan=lifespan), MemoryBroker()

    @app.route("memory://orders", options=QUICK)
    async def handle(order: int, context: Context[list[int]]) -> None:
        context.state.append(order)
        states.append(those())

    async def program() -> None:
        states.append(those())
        broker.queue("orders").send(OutgoingMessage("7"))
        async with hosted(app, broker) as worker:
            await worker.ready()
            while not worker.counts["succeeded"]:
                await asyncio.sleep(0.01)
        states.append(those())

    asyncio.run(program())
    assert seen == [7]
    before, during, after = states
    assert before == during == after
    assert logging.Logger.callHandlers is call_handlers


def test_it_serves_until_it_is_cancelled() -> None:
    app = Loafer(grace_period=0)
    app.route("memory://orders", options=QUICK)(quick)

    async def program() -> None:
        serving = asyncio.create_task(app.serve())
        await asyncio.sleep(0.05)
        assert not serving.done()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(program())


def test_all_that_is_wrong_is_said_before_the_block_begins() -> None:
    async def of_three(content: Any, one: Any, two: Any) -> None: ...

    app = Loafer()
    app.route("orders", max_jobs=0)(of_three)

    async def program() -> None:
        async with app.running():
            pytest.fail("it began")

    with pytest.raises(ConfigurationError, match="max_jobs=0"):
        asyncio.run(program())
    app = Loafer()
    with pytest.raises(ConfigurationError, match="has no routes"):
        asyncio.run(app.serve())


def test_several_processes_are_not_for_a_worker_inside_another_program(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAFER_PROCESSES", "3")
    app = Loafer()
    app.route("memory://orders", options=QUICK)(quick)

    async def program() -> None:
        async with app.running() as worker:
            await worker.ready()

    asyncio.run(program())
    assert "processes=3 (environment variable) is not for a worker inside another program: it runs alone" in caplog.text
