"""What handlers return: nothing that has to run is dropped with its message."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from concurrent.futures import CancelledError as CancelledFuture
from concurrent.futures import Future as ThreadFuture
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from functools import partial
from typing import Any

import attrs
import pytest
from world import World, queue

from loafer.application.handled import HANDLED
from loafer.application.handler import ThreadHandler
from loafer.application.lane import Lane
from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.raised import NeverRuns, NotOurs
from loafer.application.route import BatchCall

RAN: list[str] = []

A_GENERATOR = "it returned a generator or a map, which would never run; write it as a loop, without yield"
A_MANAGER = "it returned a context manager, which nobody enters"
A_FUNCTION = "it returned a function, which nobody calls; its decorator may lack its parentheses"


@pytest.fixture(autouse=True)
def nothing_has_run() -> None:
    RAN.clear()


async def work(content: str) -> None:
    await asyncio.sleep(1)
    RAN.append(content)
    if content == "bad":
        raise ValueError


async def passes_on(_: object, call_next: Callable[[], Awaitable[None]]) -> None:
    await call_next()


def some(content: str) -> Generator[str, object, None]:
    RAN.append(content)
    yield content


class Compiled(Generator[str, object, None]):
    """A generator that is none of Python's own, as compiled modules return them."""

    def __init__(self, content: str) -> None:
        self.inner = some(content)

    def send(self, value: object) -> str:
        return self.inner.send(value)

    def throw(self, *error: Any) -> str:
        return self.inner.throw(*error)


async def some_later(content: str) -> AsyncIterator[str]:
    RAN.append(content)
    yield content


def worlds(handle: Any, *bodies: str, limit: float | None = None, middleware: bool = False) -> World:
    made = World(queue("orders", *bodies), handle, Options(handler_timeout=limit))
    route = made.route()
    if middleware:
        made.dispatcher.routes = [attrs.evolve(route, call=through(route.call, [passes_on], route.around))]
    return made


async def forgets_a_coroutine(content: str) -> object:
    return work(content)


async def forgets_a_task(content: str) -> object:
    return asyncio.create_task(work(content))


async def forgets_a_gathering(content: str) -> object:
    return asyncio.gather(work(content))


@attrs.frozen
class Request(Coroutine[object, object, object]):
    """A coroutine that is none of Python's own, as clients and compiled modules return them."""

    inner: Coroutine[object, object, object]

    def send(self, value: object) -> object:
        return self.inner.send(value)

    def throw(self, *error: Any) -> object:
        return self.inner.throw(*error)

    def close(self) -> None:
        self.inner.close()

    def __await__(self) -> Any:
        return self.inner.__await__()


@attrs.frozen
class Query:
    """What begins only where it is awaited, as the queries of libraries for databases do."""

    content: str

    def __await__(self) -> Any:
        return work(self.content).__await__()


async def forgets_a_request(content: str) -> object:
    return Request(work(content))


async def forgets_a_query(content: str) -> object:
    return Query(content)


async def forgets_what_a_thread_waits_for(content: str) -> object:
    return asyncio.run_coroutine_threadsafe(work(content), asyncio.get_running_loop())


async def forgets_what_a_task_has_returned(content: str) -> object:
    task = asyncio.create_task(forgets_a_coroutine(content))
    await asyncio.wait([task])
    return task


async def forgets_a_task_of_a_coroutine(content: str) -> object:
    return forgets_a_task(content)


forgetful = pytest.mark.parametrize(
    "forgets",
    [
        forgets_a_coroutine,
        forgets_a_task,
        forgets_a_gathering,
        forgets_a_request,
        forgets_a_query,
        forgets_what_a_thread_waits_for,
        forgets_what_a_task_has_returned,
        forgets_a_task_of_a_coroutine,
    ],
)
ways = pytest.mark.parametrize(
    "way", [{}, {"limit": 9.0}, {"middleware": True}, {"limit": 9.0, "middleware": True}], ids=str
)


@ways
@forgetful
async def test_what_still_runs_when_a_handler_returns_it_is_awaited_before_its_message_is_deleted(
    forgets: Callable[[str], Awaitable[object]], way: dict[str, Any]
) -> None:
    world = await worlds(forgets, "good", "bad", **way).run_for(5)
    assert sorted(RAN) == ["bad", "good"]
    assert [message.body for message in world.queue.messages.values()] == ["bad"]


@ways
@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize(
    ("lazy", "why"),
    [
        (some, A_GENERATOR),
        (Compiled, A_GENERATOR),
        (lambda content: map(RAN.append, content), A_GENERATOR),
        (contextmanager(some), A_MANAGER),
        (asynccontextmanager(some_later), A_MANAGER),
        (lambda content: lambda: RAN.append(content), A_FUNCTION),
        (lambda content: partial(RAN.append, content), A_FUNCTION),
    ],
)
async def test_a_handler_that_returns_what_would_never_run_fails(
    lazy: Callable[[str], object], why: str, function: bool, way: dict[str, Any]
) -> None:
    async def returns_it(content: str) -> object:
        return lazy(content)

    with ThreadPool(1) as pool:
        made = worlds(ThreadHandler(lazy, pool) if function else returns_it, "one", **way)
        made.dispatcher.routes = [attrs.evolve(route, reject=(Exception,)) for route in made.dispatcher.routes]
        await made.run_for(1)
    assert (RAN, type(made.deliveries[0].error), len(made.queue)) == ([], NeverRuns, 1)
    assert str(made.deliveries[0].error) == why


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize("taken", [10, 0.1, 3])
async def test_the_coroutine_of_a_cache_that_was_awaited_before_fails_the_message_of_who_returns_it(
    taken: float, function: bool
) -> None:
    """Another one awaits it, or has: what came of it is not known here."""
    cached: list[Coroutine[object, object, None]] = []

    def works(content: str) -> object:
        cached[:] = cached or [work("bad")]
        return cached[0]

    async def works_in_a_coroutine(content: str) -> object:
        await asyncio.sleep(0 if content == "first" else taken)
        return works(content)

    with ThreadPool(1) as pool:
        made = worlds(ThreadHandler(works, pool) if function else works_in_a_coroutine, "first", "second")
        made.dispatcher.routes = [attrs.evolve(route, reject=(RuntimeError,)) for route in made.dispatcher.routes]
        await made.run_for(20)
    assert (RAN, len(made.queue)) == (["bad"], 2)
    assert {type(delivery.error) for delivery in made.deliveries} == {ValueError, NeverRuns}


@pytest.mark.parametrize("limit", [None, 9.0])
@forgetful
async def test_what_a_function_returns_is_awaited_to_its_end(
    forgets: Callable[[str], Awaitable[object]], limit: float | None
) -> None:
    def function(content: str) -> object:
        return forgets(content)

    with ThreadPool(1) as pool:
        made = await worlds(ThreadHandler(function, pool), "good", "bad", limit=limit).run_for(5)
    assert sorted(RAN) == ["bad", "good"]
    assert [message.body for message in made.queue.messages.values()] == ["bad"]


@forgetful
async def test_what_a_handler_returns_has_what_is_left_of_its_time(
    forgets: Callable[[str], Awaitable[object]],
) -> None:
    world = await worlds(forgets, "one", limit=0.5).run_for(2)
    assert (RAN, len(world.queue)) == ([], 1)


@pytest.mark.parametrize("middleware", [False, True])
async def test_a_coroutine_that_a_handler_of_batches_returns_is_awaited(middleware: bool) -> None:
    async def forgets_to_await(_: object) -> object:
        return work("batch")

    world = World(queue("orders", "1", "2"), forgets_to_await)
    route = attrs.evolve(world.route(), call=BatchCall(forgets_to_await, size=2, wait=1))
    call = through(route.call, [passes_on] if middleware else [], route.around)
    world.dispatcher.routes = [attrs.evolve(route, call=call)]
    await world.run_for(5)
    assert (RAN, len(world.queue)) == (["batch"], 0)


async def test_a_task_of_a_cache_that_has_failed_fails_each_message_and_attempt_though_it_was_heard_before() -> None:
    cache: dict[str, asyncio.Task[None]] = {}

    async def asks_once(content: str) -> object:
        if content not in cache:
            cache[content] = asyncio.create_task(work(content))
        return cache[content]

    made = worlds(asks_once, "one", "bad", "bad")
    made.queue.visibility_timeout = 5
    await made.run_for(20)
    assert (sorted(RAN), len(made.queue)) == (["bad", "one"], 2)
    assert made.dispatcher.counts["failed"] > 4


async def fails_at_once() -> None:
    raise ValueError


async def cancels_itself() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("ends", [fails_at_once, cancels_itself])
async def test_a_task_that_has_failed_or_was_cancelled_and_that_nobody_looked_at_fails_the_message_of_who_returns_it(
    ends: Callable[[], Coroutine[object, object, None]],
) -> None:
    async def returns_it_later(_: str) -> object:
        task = asyncio.create_task(ends())
        await asyncio.sleep(0.1)
        return task

    assert len((await worlds(returns_it_later, "one").run_for(1)).queue) == 1


@pytest.mark.parametrize("forgets", [forgets_a_coroutine, forgets_a_request, forgets_a_task_of_a_coroutine])
async def test_what_is_returned_after_a_stop_has_cancelled_its_handler_does_not_begin(
    forgets: Callable[[str], Awaitable[object]],
) -> None:
    async def works_on(content: str) -> object:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return forgets(content)

    made = worlds(works_on, "one")
    made.dispatcher.options = Options(grace_period=0)
    await made.run_for(0.5)
    await asyncio.sleep(10)
    assert (RAN, len(made.queue)) == ([], 1)


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize("error", [StopIteration, ValueError, CancelledFuture])
async def test_what_a_pool_of_threads_that_a_handler_returns_has_raised_fails_its_message(
    error: type[Exception], function: bool
) -> None:
    def fails(content: str) -> object:
        future: ThreadFuture[object] = ThreadFuture()
        end = future.cancel if error is CancelledFuture else partial(future.set_exception, error())
        asyncio_loop.call_later(1, end)
        return future

    async def fails_in_a_coroutine(content: str) -> object:
        return fails(content)

    asyncio_loop = asyncio.get_running_loop()
    with ThreadPool(1) as pool:
        made = await worlds(ThreadHandler(fails, pool) if function else fails_in_a_coroutine, "one").run_for(5)
    found = type(made.deliveries[0].error)
    assert (found, len(made.queue)) == (asyncio.CancelledError if error is CancelledFuture else error, 1)


async def test_a_pool_of_threads_is_told_that_nobody_waits_for_it_any_more() -> None:
    future: ThreadFuture[object] = ThreadFuture()

    async def hands_on(_: str) -> object:
        return future

    await worlds(hands_on, "one", limit=1.0).run_for(2)
    assert future.cancelled()


async def test_a_client_that_comes_to_itself_where_it_is_awaited_is_awaited_once() -> None:
    class Client:
        def __await__(self) -> Any:
            RAN.append("connects")
            yield from asyncio.sleep(0).__await__()
            return self

    async def returns_its_client(_: str) -> object:
        return Client()

    made = await worlds(returns_its_client, "one").run_for(1)
    assert (RAN, len(made.queue)) == (["connects"], 0)


@ways
@pytest.mark.parametrize("reject", [RuntimeError, StopIteration])
@pytest.mark.parametrize("function", [False, True])
async def test_a_handler_that_raises_stopiteration_has_raised_that_and_nothing_else(
    function: bool, reject: type[Exception], way: dict[str, Any]
) -> None:
    def finds_nothing(_: object) -> object:
        return next(iter(()))

    async def finds_nothing_in_a_coroutine(_: object) -> object:
        return finds_nothing(_)

    with ThreadPool(1) as pool:
        handle = ThreadHandler(finds_nothing, pool) if function else finds_nothing_in_a_coroutine
        made = worlds(handle, "one", **way)
        made.dispatcher.routes = [attrs.evolve(route, reject=(reject,)) for route in made.dispatcher.routes]
        await made.run_for(1)
    assert type(made.deliveries[0].error) is StopIteration
    assert len(made.queue) == (0 if reject is StopIteration else 1)


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize("limit", [None, 9.0])
async def test_what_is_returned_to_be_awaited_does_not_begin_once_its_lease_has_ended(
    limit: float | None, function: bool
) -> None:
    def takes_long(content: str) -> object:
        handling = HANDLED.get()
        assert handling is not None
        lane = handling[0]
        assert isinstance(lane, Lane)
        [held] = lane.leases.all()
        held.deadline = 0.0  # as where the process stood still
        return work(content)

    async def takes_long_in_a_coroutine(content: str) -> object:
        return takes_long(content)

    with ThreadPool(1) as pool:
        made = worlds(ThreadHandler(takes_long, pool) if function else takes_long_in_a_coroutine, "one", limit=limit)
        await made.run_for(1)
    assert (RAN, type(made.deliveries[0].error), len(made.queue)) == ([], NotOurs, 1)


async def test_what_runs_already_is_awaited_though_the_lease_has_ended() -> None:
    async def starts_it(content: str) -> object:
        handling = HANDLED.get()
        assert handling is not None
        assert isinstance(handling[0], Lane)
        [held] = handling[0].leases.all()
        held.deadline = 0.0
        return asyncio.ensure_future(work(content))

    await worlds(starts_it, "one").run_for(1)
    assert RAN == ["one"]


async def test_a_handler_that_returns_its_own_task_waits_for_nothing() -> None:
    async def returns_its_own(_: str) -> object:
        return asyncio.current_task()

    assert len((await worlds(returns_its_own, "one").run_for(1)).queue) == 0


@ways
@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize("ended", [False, True])
async def test_a_future_of_another_event_loop_that_a_handler_returns_fails_its_message_unless_it_has_ended_well(
    ended: bool, function: bool, way: dict[str, Any]
) -> None:
    other = asyncio.new_event_loop()
    future = other.create_future()
    if ended:
        future.set_result(None)

    def returns_what_nobody_here_can_await(_: str) -> object:
        return future

    async def returns_it(_: str) -> object:
        return future

    with closing(other), ThreadPool(1) as pool:
        made = worlds(ThreadHandler(returns_what_nobody_here_can_await, pool) if function else returns_it, "one", **way)
        made.dispatcher.routes = [attrs.evolve(route, reject=(Exception,)) for route in made.dispatcher.routes]
        await made.run_for(1)
    assert len(made.queue) == (0 if ended else 1)
