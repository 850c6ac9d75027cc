"""What middleware makes of what comes out of `call_next` deletes no message whose handler has not run to its end."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError as CancelledFuture
from contextlib import suppress
from typing import Any, cast

import attrs
import pytest
from world import World, queue

from loafer.application.handler import ThreadHandler
from loafer.application.middleware import through
from loafer.application.pool import ThreadPool
from loafer.application.route import Handler
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import IgnoreMessage, RejectMessage

Next = Callable[[], Awaitable[None]]
Middleware = Callable[[Any, Next], Awaitable[None]]


STARTED: list["asyncio.Future[None]"] = []


@pytest.fixture(autouse=True)
def nothing_is_told_of_tasks() -> Iterator[None]:
    """Nobody listens to some of these tasks, and asyncio is not to tell of that."""
    yield
    for task in STARTED:
        if task.done() and not task.cancelled():
            task.exception()
    STARTED.clear()


def world(handle: Handler, *wraps: Middleware, name: str = "orders", retry: Retry | None = None) -> World:
    """Return a world with one message, on a route that rejects every error."""
    letters = queue(name.replace("orders", "dead"))
    source = queue(name, visibility_timeout=600, max_receive_count=2, dead_letters=letters)
    source.send(OutgoingMessage("one", group="g" if source.fifo else None))
    made = World(source, handle)
    route = made.route()
    call = through(route.call, wraps, route.around)
    made.dispatcher.routes = [attrs.evolve(route, reject=(Exception,), retry=retry, call=call)]
    return made


async def swallows(_: object, call_next: Next) -> None:
    with suppress(Exception):
        await call_next()


async def makes_another_error(_: object, call_next: Next) -> None:
    try:
        await call_next()
    except Exception as error:
        raise ValueError("it failed") from error


async def rejects(_: object, call_next: Next) -> None:
    try:
        await call_next()
    except Exception as error:
        raise RejectMessage("it failed") from error


async def never_calls_on(_: object, call_next: Next) -> None: ...


def refuses(_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@pytest.mark.parametrize("wrap", [swallows, makes_another_error, rejects])
async def test_a_function_that_no_thread_was_started_for_is_kept_whatever_middleware_makes_of_that(
    wrap: Middleware, name: str
) -> None:
    ran: list[object] = []
    handle = ThreadHandler(ran.append, ThreadPool(1, start=refuses))
    made = world(handle, wrap, name=name, retry=Retry(dead_letter_after=1))
    await made.run_for(3)
    assert (len(made.queue), len(made.queue.dead_letters or []), ran) == (1, 0, [])


async def test_a_function_that_runs_when_middleware_calls_on_again_is_done() -> None:
    refusals, ran = [True], list[object]()

    def start(thread: Any) -> None:
        if refusals:
            refusals.pop()
            refuses(thread)
        thread.start()

    async def tries_twice(_: object, call_next: Next) -> None:
        await swallows(_, call_next)
        await call_next()

    with ThreadPool(1, start=start) as pool:
        made = world(ThreadHandler(ran.append, pool), tries_twice)
        await made.run_for(3)
    assert (len(made.queue), ran) == (0, ["one"])


async def test_a_message_that_inner_middleware_does_not_call_on_for_is_kept_though_another_swallows_that() -> None:
    ran: list[object] = []

    async def handle(content: object) -> None:
        ran.append(content)

    made = world(handle, swallows, never_calls_on)
    await made.run_for(3)
    assert (len(made.queue), ran) == (1, [])
    assert made.dispatcher.counts["ignored"] == 1


async def limits(_: object, call_next: Next) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await call_next()


async def waits_for(_: object, call_next: Next) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(call_next(), 1)


async def does_something_beside(_: object, call_next: Next) -> None:
    async def fails() -> None:
        raise ValueError

    with suppress(ExceptionGroup):
        async with asyncio.TaskGroup() as group:
            group.create_task(fails())
            await call_next()


async def swallows_all(_: object, call_next: Next) -> None:
    with suppress(asyncio.CancelledError):
        await call_next()


async def closes(_: object, call_next: Callable[[], Coroutine[Any, Any, None]]) -> None:
    begun = call_next()
    begun.send(None)
    begun.close()


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@pytest.mark.parametrize("wraps", [[limits], [waits_for], [does_something_beside], [swallows, limits], [closes]])
async def test_a_handler_that_middleware_itself_cuts_short_has_its_message_kept_whatever_it_makes_of_that(
    wraps: list[Middleware], name: str
) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(5)

    made = world(handle, *wraps, name=name)
    await made.run_for(3)
    assert len(made.queue) == 1
    assert made.dispatcher.counts["failed"] >= 1


async def waits(_: object, call_next: Next) -> None:
    await asyncio.sleep(5)
    await call_next()


async def tries_again_later(context: object, call_next: Next) -> None:
    with suppress(ValueError):
        await call_next()
    await waits(context, call_next)


async def lets_a_limit_out(_: object, call_next: Next) -> None:
    async with asyncio.timeout(1):
        await call_next()


CUTTING = pytest.mark.parametrize("wrap", [limits, lets_a_limit_out, waits_for, does_something_beside])


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@CUTTING
async def test_a_message_is_kept_where_one_middleware_ends_another_before_that_calls_on(
    wrap: Middleware, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[object] = []

    async def handle(content: object) -> None:
        ran.append(content)

    made = world(handle, makes_another_error, wrap, waits, name=name)
    await made.run_for(3)
    assert (len(made.queue), ran) == (1, [])
    if wrap in (limits, does_something_beside):
        assert "the middleware waits was cancelled before it called on" in caplog.text


@CUTTING
async def test_a_message_is_kept_where_one_middleware_ends_another_before_that_calls_on_again(wrap: Middleware) -> None:
    ran: list[object] = []

    async def handle(content: object) -> None:
        ran.append(content)
        raise ValueError

    made = world(handle, makes_another_error, wrap, tries_again_later)
    await made.run_for(3)
    assert (len(made.queue), ran) == (1, ["one"])


async def gathers(_: object, call_next: Next) -> None:
    await asyncio.gather(call_next(), return_exceptions=True)


async def only_waits(_: object, call_next: Next) -> None:
    await asyncio.wait([asyncio.ensure_future(call_next())])


async def goes_ahead(_: object, call_next: Next) -> None:
    STARTED[:] = [asyncio.ensure_future(call_next())]


@pytest.mark.parametrize("inner", [[lets_a_limit_out], [lets_a_limit_out, waits]], ids=["the handler", "middleware"])
@pytest.mark.parametrize("outer", [gathers, only_waits, goes_ahead])
async def test_a_message_is_kept_whose_handler_middleware_cuts_short_in_a_task_that_nobody_listens_to(
    outer: Middleware, inner: list[Middleware]
) -> None:
    ran: list[object] = []

    async def handle(content: object) -> None:
        await asyncio.sleep(5)
        ran.append(content)

    made = world(handle, outer, *inner)
    await made.run_for(3)
    assert (len(made.queue), ran) == (1, [])
    assert made.dispatcher.counts["failed"] >= 1


async def has_no_time(_: object, call_next: Next) -> None:
    async with asyncio.timeout(0):
        await call_next()


async def test_a_message_is_kept_that_middleware_calls_on_with_when_there_is_no_time_left() -> None:
    made = world(runs_never, makes_another_error, has_no_time, never_calls_on)
    await made.run_for(3)
    assert len(made.queue) == 1


async def runs_never(_: object) -> None:
    raise AssertionError


async def tries_twice(_: object, call_next: Next) -> None:
    await swallows(_, call_next)
    await call_next()


@pytest.mark.parametrize("outer", [swallows, makes_another_error])
async def test_a_message_is_kept_where_middleware_calls_on_the_first_time_and_not_again(outer: Middleware) -> None:
    calls: list[int] = []

    async def handle(_: object) -> None:
        raise ValueError

    async def breaks_the_circuit(_: object, call_next: Next) -> None:
        calls.append(1)
        if len(calls) == 1:
            await call_next()

    made = world(handle, outer, tries_twice, breaks_the_circuit)
    await made.run_for(0.5)
    assert (len(made.queue), len(calls)) == (1, 2)


class OwnEnd(BaseException):
    """No Exception."""


async def ends_by_its_own_kind(_: object, call_next: Next) -> None:
    try:
        async with asyncio.timeout(1):
            await call_next()
    except TimeoutError as error:
        raise OwnEnd from error


async def test_a_handler_that_is_cut_short_is_kept_though_its_route_rejects_what_is_no_exception() -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(5)

    made = world(handle, ends_by_its_own_kind)
    made.dispatcher.routes = [attrs.evolve(made.dispatcher.routes[0], reject=(BaseException,))]
    await made.run_for(3)
    assert len(made.queue) == 1


def steps(_: object) -> Iterator[None]:
    yield


async def makes_steps(content: object) -> object:
    return steps(content)


async def waits_for_a_cancelled_future(_: object) -> None:
    raise CancelledFuture


async def gathers_cancellations(_: object) -> None:
    raise BaseExceptionGroup("all", [asyncio.CancelledError()])


@pytest.mark.parametrize("outer", [swallows, makes_another_error])
@pytest.mark.parametrize("handle", [makes_steps, waits_for_a_cancelled_future, gathers_cancellations])
async def test_what_comes_to_no_end_of_its_own_is_kept_whatever_middleware_makes_of_that(
    handle: Handler, outer: Middleware
) -> None:
    made = world(handle, outer)
    await made.run_for(0.5)
    assert len(made.queue) == 1


async def shields(_: object, call_next: Next) -> None:
    STARTED[:] = [asyncio.ensure_future(call_next())]
    await asyncio.shield(STARTED[0])


@pytest.mark.parametrize(
    ("inner", "takes", "seconds"), [([shields], 2, 2.5), ([shields, waits], 0, 5.5)], ids=["begun", "yet to begin"]
)
async def test_a_handler_that_keeps_its_message_keeps_it_though_a_time_limit_of_middleware_is_over_before(
    inner: list[Middleware], takes: float, seconds: float
) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(takes)
        raise IgnoreMessage

    made = world(handle, lets_a_limit_out, *inner)
    await made.run_for(seconds)
    assert len(made.queue) == 1
    assert made.dispatcher.counts["rejected"] == 0


async def test_what_a_handler_raises_after_middleware_around_it_was_cancelled_is_not_rejected() -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(2)
        raise ValueError

    made = world(handle, limits, shields)
    await made.run_for(2.5)
    assert len(made.queue) == 1
    assert made.dispatcher.counts["rejected"] == 0


async def closes_and_fails(context: object, call_next: Any) -> None:
    await closes(context, call_next)
    raise ValueError


async def test_a_message_is_kept_where_one_middleware_closes_another_before_that_calls_on() -> None:
    made = world(runs_never, closes_and_fails, waits)
    await made.run_for(0.5)
    assert len(made.queue) == 1


async def test_middleware_that_lets_nobody_hear_what_another_raises_that_does_not_call_on_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(_: object) -> None: ...

    async def raises(_: object, call_next: Next) -> None:
        raise ValueError

    made = world(handle, swallows, raises)
    await made.run_for(3)
    assert len(made.queue) == 1
    assert "is kept: its middleware did not call on as far as its handler; await call_next()" in caplog.text


async def fails_to_clean_up() -> None:
    try:
        await asyncio.sleep(5)
    finally:
        raise ConnectionError("no rollback")


async def handles_in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fails_to_clean_up())


KNOWS_GROUPS = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="a group of tasks leaves its task counted as cancelled"
)


async def cancels_itself(_: object, call_next: Next) -> None:
    cast("asyncio.Task[None]", asyncio.current_task()).cancel()
    await call_next()


async def cancels_itself_in_a_task(context: object, call_next: Next) -> None:
    with suppress(asyncio.CancelledError):
        await asyncio.ensure_future(cancels_itself(context, call_next))


@pytest.mark.parametrize(
    "wraps",
    [
        [swallows, lets_a_limit_out],
        [lets_a_limit_out],
        [makes_another_error, limits],
        pytest.param([cancels_itself], marks=KNOWS_GROUPS),
        pytest.param([swallows, cancels_itself], marks=KNOWS_GROUPS),
        pytest.param([cancels_itself_in_a_task], marks=KNOWS_GROUPS),
    ],
)
@pytest.mark.parametrize("work", [fails_to_clean_up, pytest.param(handles_in_a_group, marks=KNOWS_GROUPS)])
async def test_a_handler_whose_clean_up_fails_when_middleware_cuts_it_short_has_its_message_kept(
    work: Callable[[], Awaitable[None]], wraps: list[Middleware]
) -> None:
    async def handle(_: object) -> None:
        await work()

    made = world(handle, *wraps)
    await made.run_for(3)
    assert len(made.queue) == 1


async def fails_in_a_group() -> None:
    async def fails() -> None:
        raise ValueError

    async with asyncio.TaskGroup() as group:
        group.create_task(fails())
        await asyncio.sleep(5)


async def fails_after_a_group() -> None:
    try:
        await fails_in_a_group()
    except ExceptionGroup as error:
        raise ValueError("one of them failed") from error


async def fails_in_its_own_time() -> None:
    async with asyncio.timeout(0.1):
        await asyncio.sleep(5)


async def fails_after_another_task_was_cancelled() -> None:
    task = asyncio.ensure_future(asyncio.sleep(5))
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        raise ValueError from None


@pytest.mark.parametrize("wraps", [[swallows], [lets_a_limit_out]])
@pytest.mark.parametrize(
    "work", [fails_in_a_group, fails_after_a_group, fails_in_its_own_time, fails_after_another_task_was_cancelled]
)
async def test_what_a_handler_raises_of_its_own_though_something_in_it_was_cancelled_is_its_own_end(
    work: Callable[[], Awaitable[None]], wraps: list[Middleware]
) -> None:
    async def handle(_: object) -> None:
        await work()

    made = world(handle, *wraps)
    await made.run_for(3)
    assert len(made.queue) == 0


async def test_a_handler_that_somebody_cancels_has_its_message_kept_though_middleware_swallows_that() -> None:
    async def handle(_: object) -> None:
        raise asyncio.CancelledError

    made = world(handle, swallows_all)
    await made.run_for(3)
    assert len(made.queue) == 1


@pytest.mark.parametrize("again", [True, False])
async def test_what_ends_well_beside_a_run_that_was_cut_short_is_done(again: bool) -> None:
    runs: list[int] = []

    async def handle(_: object) -> None:
        runs.append(1)
        await asyncio.sleep(5 if (len(runs) == 1) == again else 0)

    async def twice(context: object, call_next: Next) -> None:
        await limits(context, call_next)
        await limits(context, call_next)

    made = world(handle, twice)
    await made.run_for(6)
    assert (len(made.queue), len(runs)) == (0, 2)


@pytest.mark.parametrize("ends_well", [True, False])
async def test_a_handler_that_middleware_does_not_wait_for_is_waited_for_before_its_message_is_deleted(
    ends_well: bool,
) -> None:
    running: list[asyncio.Task[None]] = []
    there: list[int] = []

    async def handle(_: object) -> None:
        await asyncio.sleep(5)
        there.append(len(made.queue))
        if not ends_well:
            raise IgnoreMessage("later", delay=60)

    async def goes_ahead(_: object, call_next: Next) -> None:
        running.append(asyncio.ensure_future(call_next()))
        await asyncio.sleep(1)

    made = world(handle, goes_ahead)
    await made.run_for(10)
    assert (there, len(made.queue)) == ([1], 0 if ends_well else 1)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_group_of_errors_with_one_that_keeps_its_message_is_not_rejected(name: str) -> None:
    async def handle(_: object) -> None:
        async def later() -> None:
            raise IgnoreMessage("later", delay=60)

        async with asyncio.TaskGroup() as group:
            group.create_task(later())

    made = world(handle, name=name)
    await made.run_for(3)
    assert made.dispatcher.counts["rejected"] == 0
    assert len(made.queue) == 1


@pytest.mark.parametrize(
    ("errors", "counted"),
    [
        ([RejectMessage("no")], "rejected"),
        ([ExceptionGroup("inner", [RejectMessage("no")])], "rejected"),
        ([IgnoreMessage("later", delay=60)], "ignored"),
        ([RejectMessage("no"), ValueError()], "failed"),
        ([RejectMessage("no"), RejectMessage("no")], "failed"),
    ],
)
async def test_what_a_handler_decides_in_a_task_group_counts_where_it_is_all_that_the_group_raises(
    errors: list[Exception], counted: str
) -> None:
    async def handle(_: object) -> None:
        raise ExceptionGroup("a task group", errors)

    made = world(handle)
    made.dispatcher.routes = [attrs.evolve(made.dispatcher.routes[0], reject=())]
    await made.run_for(0.5)
    assert made.dispatcher.counts[counted] == 1
    assert len(made.queue) == (counted != "rejected")


async def test_a_group_of_errors_of_which_none_keeps_its_message_is_rejected_where_its_route_says_so() -> None:
    async def handle(_: object) -> None:
        raise ExceptionGroup("both", [ValueError(), KeyError()])

    made = world(handle)
    made.dispatcher.routes = [attrs.evolve(made.dispatcher.routes[0], reject=(ExceptionGroup,))]
    await made.run_for(3)
    assert (made.dispatcher.counts["rejected"], len(made.queue)) == (1, 0)


async def lets_it_expire(_: object, call_next: Next) -> None:
    async with asyncio.timeout(1):
        await call_next()


async def waits_a_second(_: object, call_next: Next) -> None:
    await asyncio.wait_for(call_next(), 1)


async def fails_beside(_: object, call_next: Next) -> None:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise ValueError("beside")

    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
        group.create_task(call_next())  # type: ignore[arg-type]


async def only_starts_it(_: object, call_next: Next) -> None:
    task = asyncio.ensure_future(call_next())
    await asyncio.sleep(1)
    task.cancel()
    raise ValueError("no time left")


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@pytest.mark.parametrize(
    "wraps",
    [(lets_it_expire,), (makes_another_error, lets_it_expire), (waits_a_second,), (fails_beside,), (only_starts_it,)],
)
async def test_what_middleware_raises_of_a_handler_that_it_cuts_short_rejects_nothing(
    wraps: tuple[Middleware, ...], name: str
) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(5)

    made = world(handle, *wraps, name=name)
    await made.run_for(3)
    assert (len(made.queue), {each.outcome for each in made.deliveries}) == (1, {"failed"})
    assert not {type(each.error).__name__ for each in made.deliveries} & {"NotDone"}


async def test_what_another_makes_of_middleware_that_does_not_call_on_rejects_nothing() -> None:
    ran: list[object] = []

    async def handle(content: object) -> None:
        ran.append(content)

    made = world(handle, makes_another_error, never_calls_on)
    await made.run_for(3)
    assert (ran, len(made.queue), {each.outcome for each in made.deliveries}) == ([], 1, {"failed"})


async def succeeds(_: object) -> None: ...


async def test_what_middleware_raises_by_itself_rejects_as_its_route_says() -> None:
    async def refuses_it(_: object, call_next: Next) -> None:
        raise ValueError("nothing for us")

    made = world(succeeds, refuses_it)
    await made.run_for(3)
    assert (len(made.queue), {each.outcome for each in made.deliveries}) == (0, {"rejected"})


class Metrics(Exception):
    pass


async def fails_after_all(_: object, call_next: Next) -> None:
    await call_next()
    raise Metrics


async def hears_nothing(_: object, call_next: Next) -> None:
    STARTED.append(asyncio.ensure_future(call_next()))
    await asyncio.sleep(0.1)


@pytest.mark.parametrize("seconds", [0, 1])
@pytest.mark.parametrize("error", [IgnoreMessage("not now"), ValueError("unheard of")])
async def test_what_a_handler_raises_that_nobody_hears_is_not_rejected_for_what_other_middleware_raises(
    error: Exception, seconds: int
) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(seconds)
        raise error

    made = world(handle, fails_after_all, hears_nothing)
    made.dispatcher.routes = [attrs.evolve(each, reject=(Metrics,)) for each in made.dispatcher.routes]
    await made.run_for(3)
    assert len(made.queue) == 1


async def hears_by_waiting(_: object, call_next: Next) -> None:
    await asyncio.ensure_future(call_next())


async def hears_and_makes_another(_: object, call_next: Next) -> None:
    try:
        await asyncio.gather(call_next())
    except ValueError as error:
        raise Metrics from error


async def hears_by_a_group(_: object, call_next: Next) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(cast("Coroutine[Any, Any, None]", call_next()))
    except* ValueError:
        raise Metrics from None


class Odd(ValueError):
    def __bool__(self) -> bool:
        raise RuntimeError("do not ask")


@pytest.mark.parametrize("error", [ValueError, Odd])
@pytest.mark.parametrize("inner", [hears_by_waiting, hears_and_makes_another, hears_by_a_group])
async def test_what_middleware_has_heard_from_a_task_of_its_own_is_rejected_where_the_route_says_so(
    inner: Middleware, error: type[Exception]
) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(0.1)
        raise error

    made = world(handle, makes_another_error, inner)
    await made.run_for(3)
    assert len(made.queue) == 0
    assert str(made.deliveries[0].error) == "it failed"
