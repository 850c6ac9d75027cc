"""What middleware calls on to in a task of its own belongs to its message: it is waited for, cancelled and heard."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, cast

import attrs
import pytest
from world import World, queue

from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.route import Handler
from loafer.application.walk import TOO_LATE
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import HandlerTimeout

Next = Callable[[], Awaitable[None]]
Middleware = Callable[[Any, Next], Awaitable[None]]
KEPT: "list[asyncio.Future[None]]" = []
"""Tasks that are referred to until their test has ended."""


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    """Refer to tasks no longer than a test runs, and have asyncio complain of none that nobody listened to."""
    yield
    for task in KEPT:
        if task.done() and not task.cancelled():
            task.exception()
    KEPT.clear()


names = pytest.mark.parametrize("name", ["orders", "orders.fifo"])


def apart(call_next: Next) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(call_next())
    KEPT.append(task)
    return task


def world(handle: Handler, *wraps: Middleware, name: str = "orders", bodies: str = "1", **options: Any) -> World:
    """Return a world with a message a letter, all of one group."""
    letters = queue(name.replace("orders", "dead"))
    source = queue(name, visibility_timeout=600, max_receive_count=2, dead_letters=letters)
    for body in bodies:
        source.send(OutgoingMessage(body, group="g" if source.fifo else None))
    made = World(source, handle, Options(**options))
    route = made.route()
    call = through(route.call, wraps, route.around)
    made.dispatcher.routes = [attrs.evolve(route, retry=Retry(delay=1), call=call)]
    return made


async def returns_at_once(_: object, call_next: Next) -> None:
    apart(call_next)


async def starts_what_starts_it(_: object, call_next: Next) -> None:
    async def later() -> None:
        await asyncio.sleep(1)
        await call_next()

    apart(later)
    await asyncio.sleep(0.5)


async def shields(_: object, call_next: Next) -> None:
    await asyncio.shield(apart(call_next))


async def makes_an_error_of_its_cancellation(_: object, call_next: Next) -> None:
    try:
        await asyncio.wait({apart(call_next)})
    except asyncio.CancelledError:
        raise RuntimeError("interrupted") from None


async def swallows_its_cancellation(_: object, call_next: Next) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.wait({apart(call_next)})


cancelled_in_vain = [shields, makes_an_error_of_its_cancellation, swallows_its_cancellation]


async def raises(_: object, call_next: Next) -> None:
    apart(call_next)
    await asyncio.sleep(0)
    raise SystemError("a bug")


@names
@pytest.mark.parametrize("wraps", [(returns_at_once,), (returns_at_once, returns_at_once), (returns_at_once, shields)])
async def test_a_handler_that_middleware_only_makes_a_task_of_runs_once_and_is_done(
    wraps: tuple[Middleware, ...], name: str
) -> None:
    there: list[int] = []

    async def handle(_: object) -> None:
        await asyncio.sleep(5)
        there.append(len(made.queue))

    made = world(handle, *wraps, name=name)
    await made.run_for(30)
    assert (there, len(made.queue), made.dispatcher.counts["succeeded"]) == ([1], 0, 1)


@names
async def test_what_calls_on_once_its_message_is_settled_is_told_so_and_the_handler_does_not_run(name: str) -> None:
    ran: list[object] = []

    async def handle(content: object) -> None:
        ran.append(content)

    made = world(handle, starts_what_starts_it, name=name)
    KEPT.clear()
    await made.run_for(0.9)
    await asyncio.sleep(5)
    assert (ran, len(made.queue), made.dispatcher.counts["ignored"]) == ([], 1, 1)
    [late] = KEPT
    assert isinstance(late, asyncio.Task)
    assert str(late.exception()) == TOO_LATE


@names
@pytest.mark.parametrize("wrap", [*cancelled_in_vain, returns_at_once, raises])
async def test_a_handler_in_a_task_of_middlewares_own_is_cancelled_by_a_time_limit_before_it_runs_again(
    wrap: Middleware, name: str
) -> None:
    running: list[object] = []
    beside: list[list[object]] = []

    async def handle(content: object) -> None:
        running.append(content)
        beside.append(list(running))
        try:
            await asyncio.sleep(3 if beside[1:] else 20)
        finally:
            running.remove(content)

    made = world(handle, wrap, name=name, handler_timeout=5, max_jobs=1)
    await made.run_for(30)
    assert (len(beside), max(map(len, beside))) == (2, 1)


@names
@pytest.mark.parametrize("wrap", [*cancelled_in_vain, returns_at_once])
async def test_a_handler_in_a_task_of_middlewares_own_is_cancelled_by_a_stop_before_its_message_is_given_back(
    wrap: Middleware, name: str
) -> None:
    ends: list[tuple[str, int]] = []

    async def handle(_: object) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(1)
            ends.append(("cancelled", len(made.queue.visible)))
            raise

    made = world(handle, wrap, name=name, grace_period=2)
    await made.run_for(3)
    assert (ends, len(made.queue.visible)) == ([("cancelled", 0)], 1)


@names
@pytest.mark.parametrize("after", [0, 0.5, 2])
async def test_what_a_handler_raises_that_nobody_listens_to_keeps_its_message(after: float, name: str) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(after)
        raise ValueError("unheard of")

    async def goes_ahead(_: object, call_next: Next) -> None:
        apart(call_next)
        await asyncio.sleep(1)

    made = world(handle, goes_ahead, name=name)
    await made.run_for(2.5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (1, 0)


@names
async def test_what_a_later_run_makes_good_that_nobody_waits_for_is_done(name: str) -> None:
    runs: list[int] = []

    async def handle(_: object) -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError

    async def goes_ahead(_: object, call_next: Next) -> None:
        apart(call_next)
        await asyncio.sleep(1)

    async def tries_again(_: object, call_next: Next) -> None:
        with suppress(ValueError):
            await call_next()
        await asyncio.sleep(2)
        await call_next()

    made = world(handle, goes_ahead, tries_again, name=name)
    await made.run_for(10)
    assert (len(runs), len(made.queue)) == (2, 0)


async def does_not_listen(_: object, call_next: Next) -> None:
    await asyncio.wait({apart(call_next)})


async def waits_in_vain(_: object, call_next: Next) -> None:
    await asyncio.wait({apart(call_next)}, timeout=0.1)


async def gives_up(_: object, call_next: Next) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(apart(call_next)), 0.1)


async def only_looks(_: object, call_next: Next) -> None:
    apart(call_next).add_done_callback(lambda task: task.exception())


async def does_not_gather(_: object, call_next: Next) -> None:
    asyncio.gather(call_next())


async def wraps_it(_: object, call_next: Next) -> None:
    async def wrapper() -> None:
        await call_next()

    apart(wrapper)


@names
@pytest.mark.parametrize(
    "wrap", [returns_at_once, does_not_listen, waits_in_vain, gives_up, only_looks, does_not_gather, wraps_it]
)
@pytest.mark.parametrize("shared", ["a future", "an error", "nothing"])
async def test_one_error_that_several_handlers_raise_keeps_all_their_messages(
    wrap: Middleware, name: str, shared: str
) -> None:
    connected, error = asyncio.get_running_loop().create_future(), ConnectionError()

    async def handle(_: object) -> None:
        if shared == "a future":
            await connected
        await asyncio.sleep(0.5)
        raise error if shared == "an error" else ConnectionError

    made = world(handle, wrap, name=name, bodies="12345")
    made.dispatcher.routes = [attrs.evolve(made.dispatcher.routes[0], retry=Retry(delay=900))]
    async with made:
        await asyncio.sleep(0.3)
        connected.set_exception(error)
        connected.exception()
        await asyncio.sleep(5)
        assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (5, 0)


@names
async def test_one_error_that_is_also_raised_elsewhere_keeps_the_message_of_a_handler_that_nobody_listens_to(
    name: str,
) -> None:
    error = ConnectionError()

    async def handle(_: object) -> None:
        raise error

    async def raises_it_too(_: object, call_next: Next) -> None:
        await asyncio.wait({apart(call_next)})
        with suppress(ConnectionError):
            raise error

    made = world(handle, raises_it_too, name=name)
    await made.run_for(0.5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (1, 0)


@names
async def test_one_error_that_goes_through_several_steps_is_swallowed_as_any_other(name: str) -> None:
    error = ConnectionError()

    async def handle(_: object) -> None:
        raise error

    async def swallows(_: object, call_next: Next) -> None:
        with suppress(ConnectionError):
            await call_next()

    async def awaits_it_apart(_: object, call_next: Next) -> None:
        await apart(call_next)

    made = world(handle, swallows, awaits_it_apart, name=name, bodies="123")
    await made.run_for(2.5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (0, 3)


@names
async def test_what_a_handler_raises_keeps_its_message_while_a_task_of_middlewares_own_still_cleans_up(
    name: str,
) -> None:
    async def handle(_: object) -> None:
        raise ValueError("unheard of")

    async def goes_ahead(_: object, call_next: Next) -> None:
        async def cleans_up() -> None:
            try:
                await call_next()
            finally:
                await asyncio.sleep(0.5)

        apart(cleans_up)
        await asyncio.sleep(0.1)

    made = world(handle, goes_ahead, name=name)
    await made.run_for(0.9)
    assert len(made.queue) == 1
    assert [str(each.error) for each in made.deliveries] == ["unheard of"]


async def test_of_two_runs_apart_the_one_that_fails_counts_though_the_other_ends_later() -> None:
    runs: list[float] = [1, 2]

    async def handle(_: object) -> None:
        await asyncio.sleep(runs.pop(0))
        if runs:
            return
        raise ValueError("unheard of")

    async def twice(_: object, call_next: Next) -> None:
        apart(call_next)
        apart(call_next)

    made = world(handle, twice)
    await made.run_for(2.5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (1, 0)


async def waits_for_another_one_beside_it(_: object, call_next: Next) -> None:
    async def fails() -> None:
        await asyncio.sleep(0.1)
        raise OSError

    with suppress(OSError):
        await asyncio.gather(call_next(), fails())
    await asyncio.sleep(1)


async def shields_what_is_gathered(_: object, call_next: Next) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await asyncio.shield(asyncio.gather(call_next()))
    await asyncio.sleep(1)


async def is_cancelled_with_its_group(_: object, call_next: Next) -> None:
    async def fails() -> None:
        await asyncio.sleep(0.1)
        raise OSError

    with suppress(BaseExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            group.create_task(call_next())  # type: ignore[arg-type]


async def makes_another_error_apart(_: object, call_next: Next) -> None:
    async def fails_too() -> None:
        try:
            await call_next()
        except ValueError as error:
            raise OSError from error

    apart(fails_too)
    await asyncio.sleep(1)


@names
@pytest.mark.parametrize(
    "wrap",
    [
        waits_for_another_one_beside_it,
        shields_what_is_gathered,
        is_cancelled_with_its_group,
        makes_another_error_apart,
    ],
)
async def test_what_asyncio_alone_has_looked_at_keeps_its_message(wrap: Middleware, name: str) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(0.2)
        raise ValueError("unheard of")

    made = world(handle, wrap, name=name)
    await made.run_for(2.5)
    assert made.queue.dead_letters is not None
    assert (len(made.queue) + len(made.queue.dead_letters), made.dispatcher.counts["succeeded"]) == (1, 0)


async def looks_and_tries_again(_: object, call_next: Next) -> None:
    task = apart(call_next)
    await asyncio.wait([task])
    if task.exception() is not None:
        await call_next()


async def takes_the_first_of_two(_: object, call_next: Next) -> None:
    _, pending = await asyncio.wait([apart(call_next), apart(call_next)], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.sleep(0.1)


@pytest.mark.parametrize(("wrap", "fails"), [(looks_and_tries_again, 1), (takes_the_first_of_two, 0)])
async def test_a_run_that_is_well_makes_good_what_failed_or_was_cancelled_before(wrap: Middleware, fails: int) -> None:
    runs: list[int] = []

    async def handle(_: object) -> None:
        runs.append(1)
        await asyncio.sleep(len(runs))
        if len(runs) <= fails:
            raise ValueError("once")

    made = world(handle, wrap)
    await made.run_for(5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"], len(runs)) == (0, 1, 2)


async def hears_and_swallows(_: object, call_next: Next) -> None:
    with suppress(ValueError):
        await apart(call_next)


async def tries_again_apart(_: object, call_next: Next) -> None:
    async def tries() -> None:
        with suppress(ValueError):
            await call_next()
        await call_next()

    apart(tries)
    await asyncio.sleep(0)


async def has_it_swallowed_apart(_: object, call_next: Next) -> None:
    async def swallows() -> None:
        with suppress(ValueError):
            await call_next()

    apart(swallows)
    await asyncio.sleep(2)


async def swallows(_: object, call_next: Next) -> None:
    with suppress(ValueError):
        await call_next()


@pytest.mark.parametrize(
    "wraps", [(hears_and_swallows,), (tries_again_apart,), (has_it_swallowed_apart,), (returns_at_once, swallows)]
)
async def test_what_middleware_swallows_in_a_task_of_its_own_has_the_message_deleted(
    wraps: tuple[Middleware, ...],
) -> None:
    errors = [ValueError("once")]

    async def handle(_: object) -> None:
        await asyncio.sleep(0)
        if errors:
            raise errors.pop()

    made = world(handle, *wraps)
    await made.run_for(3)
    assert (len(made.queue), made.dispatcher.counts["succeeded"], made.dispatcher.counts["failed"]) == (0, 1, 0)


class Compiled(Coroutine[Any, None, None]):
    """A coroutine that is none of Python's own, as one of a compiled module."""

    def __init__(self, inner: Coroutine[Any, None, None]) -> None:
        self.inner = inner

    def send(self, value: None) -> Any:
        return self.inner.send(value)

    def throw(self, *error: Any) -> Any:
        return self.inner.throw(*error)

    def close(self) -> None:
        self.inner.close()

    def __await__(self) -> Any:
        return self.inner.__await__()


async def starts_it_compiled(_: object, call_next: Next) -> None:
    KEPT.append(asyncio.ensure_future(Compiled(cast("Coroutine[Any, None, None]", call_next()))))
    await asyncio.sleep(1)


def of_eager_tasks() -> None:
    factory: Any = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("tasks cannot start at once before Python 3.12")
    asyncio.get_running_loop().set_task_factory(factory)


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize("wrap", [returns_at_once, starts_it_compiled])
async def test_what_a_handler_raises_at_once_keeps_its_message_however_its_task_is_made(
    wrap: Middleware, eager: bool
) -> None:
    async def handle(_: object) -> None:
        raise ValueError("unheard of")

    if eager:
        of_eager_tasks()
    made = world(handle, wrap)
    await made.run_for(2)
    assert (made.dispatcher.counts["succeeded"], len(made.queue)) == (0, 1)


@pytest.mark.parametrize("eager", [False, True])
async def test_what_middleware_swallows_of_a_task_that_was_over_at_once_has_the_message_deleted(eager: bool) -> None:
    async def handle(_: object) -> None:
        raise ValueError("swallowed")

    if eager:
        of_eager_tasks()
    made = world(handle, hears_and_swallows)
    await made.run_for(2)
    assert (made.dispatcher.counts["succeeded"], len(made.queue)) == (1, 0)


@names
async def test_of_two_calls_the_first_that_is_done_counts_where_middleware_cancels_the_other_and_returns(
    name: str,
) -> None:
    runs: list[int] = []

    async def handle(_: object) -> None:
        runs.append(1)
        await asyncio.sleep(60 if len(runs) == 1 else 1)

    async def hedges(_: object, call_next: Next) -> None:
        calls = {apart(call_next)}
        await asyncio.wait(calls, timeout=1)
        calls.add(apart(call_next))
        _, late = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        for call in late:
            call.cancel()

    made = world(handle, hedges, name=name)
    await made.run_for(5)
    assert (len(runs), len(made.queue), made.dispatcher.counts["succeeded"]) == (2, 0, 1)


class Hiding(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError


@names
@pytest.mark.parametrize("error", [ValueError, GeneratorExit, Hiding])
@pytest.mark.parametrize("gathers", [False, True])
async def test_a_handler_that_still_runs_is_waited_for_whatever_has_ended_its_middleware(
    error: type[BaseException], gathers: bool, name: str
) -> None:
    ends: list[tuple[int, int]] = []

    async def handle(_: object) -> None:
        calls.append(1)
        if len(calls) == 1 and gathers:
            raise error
        await asyncio.sleep(50)
        ends.append((len(made.deliveries), len(made.queue.visible)))

    async def calls_on(_: object, call_next: Next) -> None:
        if gathers:
            await asyncio.gather(call_next(), call_next())
        apart(call_next)
        await asyncio.sleep(0.1)
        raise error

    calls: list[int] = []
    made = world(handle, calls_on, name=name)
    async with made:
        await asyncio.sleep(51)
    assert ends == [(0, 0)]


@names
@pytest.mark.parametrize("seconds", [0, 1, 5])
async def test_no_handler_starts_any_more_once_a_stop_has_cancelled_its_message(seconds: int, name: str) -> None:
    starts: list[float] = []

    async def handle(_: object) -> None:
        starts.append(asyncio.get_running_loop().time())
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(seconds)
            raise ValueError from None

    async def tries_again(_: object, call_next: Next) -> None:
        for _ in range(2):
            with suppress(ValueError):
                await call_next()

    made = world(handle, tries_again, name=name, grace_period=1)
    await made.run_for(1)
    await asyncio.sleep(60)
    assert len(starts) == 1


@names
async def test_what_a_handler_raises_in_an_event_loop_of_another_thread_keeps_its_message(name: str) -> None:
    async def handle(_: object) -> None:
        raise ValueError("unheard of")

    async def runs_a_loop(_: object, call_next: Next) -> None:
        async def call() -> None:
            await call_next()

        def run() -> None:
            with suppress(ValueError):
                asyncio.run(call())

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    made = world(handle, runs_a_loop, name=name)
    await made.run_for(0.5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (1, 0)


@names
async def test_middleware_that_calls_on_again_and_again_in_a_stop_lets_the_event_loop_go_on(name: str) -> None:
    tries: list[int] = []
    went_on: list[bool] = []

    async def handle(_: object) -> None:
        await asyncio.sleep(60)

    async def never_gives_up(_: object, call_next: Next) -> None:
        while not went_on and len(tries) < 10_000:
            try:
                await call_next()
            except asyncio.CancelledError:
                if not tries:
                    asyncio.get_running_loop().call_soon(went_on.append, True)
                tries.append(1)

    await world(handle, never_gives_up, name=name, grace_period=1).run_for(1)
    assert len(tries) < 10


@names
async def test_a_coroutine_is_not_called_by_middleware_that_swallows_the_end_of_its_time(name: str) -> None:
    runs: list[str] = []

    async def handle(content: str) -> None:
        runs.append(content)

    async def swallows(_: object, call_next: Next) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await call_next()

    made = world(handle, swallows, name=name, handler_timeout=1)
    async with made:
        await asyncio.sleep(1.5)
        assert (runs, type(made.deliveries[0].error)) == ([], HandlerTimeout)


async def test_a_handler_that_ends_well_after_the_middleware_that_waits_for_it_was_given_up_is_done() -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(3)

    async def gives_up(_: object, call_next: Next) -> None:
        task = apart(call_next)
        await asyncio.wait({task}, timeout=1)
        task.cancel()
        await asyncio.wait({task})

    async def waits(_: object, call_next: Next) -> None:
        await asyncio.wait({apart(call_next)})

    made = world(handle, gives_up, waits)
    await made.run_for(5)
    assert (len(made.queue), made.dispatcher.counts["succeeded"]) == (0, 1)
