"""Stopping: nothing new, what waits goes back, what runs gets its grace, and then it ends."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from threading import Event
from typing import Any

import attrs
import pytest
from gate import Gate
from world import Faults, World, now, queue

from loafer.application.handler import ThreadHandler
from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.domain.message import OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import ConsumerUnavailable, HandlerTimeout, IgnoreMessage, RejectMessage


async def takes_10_s(content: Any) -> None:
    await asyncio.sleep(10)


async def stopped(world: World) -> float:
    """Stop and return how many seconds that took."""
    began = now()
    world.dispatcher.stop()
    await world.ended()
    return now() - began


async def test_running_handlers_end_within_the_grace_period_and_waiting_messages_go_back_at_once() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(0 if content == "quick" else 10)

    bodies = ["quick"] * 5 + ["slow"] * 8
    world = World(queue("orders", *bodies), handle, Options(max_jobs=2))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        await asyncio.sleep(1)
        assert len(world.queue.in_flight) == 2
        await world.ended()
    assert len(world.queue) == 6
    assert world.queue.in_flight == []


async def test_what_runs_in_its_grace_period_is_kept_from_others_for_as_long_as_it_runs() -> None:
    world = World(queue("orders", "one", visibility_timeout=3), takes_10_s, Options(grace_period=30))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        for _ in range(8):
            await asyncio.sleep(1)
            assert world.queue.receive(1) == []
        await world.ended()
    assert len(world.queue) == 0
    assert world.queue.counts["received"] == 1


async def test_what_runs_longer_than_the_grace_period_is_cancelled_and_given_back() -> None:
    cancelled = []

    async def handle(content: Any) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(content)
            raise

    world = World(queue("orders", "one"), handle, Options(grace_period=5))
    async with world:
        await asyncio.sleep(1)
        assert await stopped(world) < 5 + 8
    assert cancelled == ["one"]
    assert len(world.queue.visible) == 1


async def clean(_: object) -> None:
    await asyncio.sleep(0.1)


async def fail(_: object) -> None:
    raise ConnectionError("the connection was closed")


async def ignore(_: object) -> None:
    raise IgnoreMessage("later")


async def fail_in_a_group(_: object) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(fail(None))


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@pytest.mark.parametrize("makes", [clean, fail, fail_in_a_group, ignore])
async def test_an_error_that_a_handler_makes_of_a_stops_cancellation_is_no_attempt_and_its_message_is_given_back(
    makes: Callable[[object], Awaitable[None]], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(content: Any) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError as error:
            await makes(error)

    letters = queue(name.replace("orders", "dead"))
    source = queue(name, visibility_timeout=600, max_receive_count=9, dead_letters=letters)
    source.send(OutgoingMessage("one", group="g" if source.fifo else None))
    world = World(source, handle, Options(grace_period=1))
    world.dispatcher.routes = [attrs.evolve(world.route(), retry=Retry(delay=60, dead_letter_after=1))]
    async with world:
        await asyncio.sleep(1)
    assert (len(letters), len(source.visible)) == (0, 1)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_an_error_that_a_translator_makes_of_a_stops_cancellation_is_no_attempt_either() -> None:
    async def translate(_: object) -> dict[str, object]:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            raise ConnectionError from None
        return {}

    letters = queue("dead")
    source = queue("orders", "one", visibility_timeout=600, max_receive_count=9, dead_letters=letters)
    world = World(source, clean, Options(grace_period=1))
    world.dispatcher.routes = [attrs.evolve(world.route(), translate=translate, retry=Retry(dead_letter_after=1))]
    async with world:
        await asyncio.sleep(1)
    assert (len(letters), len(source.visible)) == (0, 1)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_a_handler_ignores_that_a_stop_cancels_comes_back_as_it_asks_and_is_no_attempt(name: str) -> None:
    async def handle(_: object) -> None:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            raise IgnoreMessage("later", delay=60) from None

    letters = queue(name.replace("orders", "dead"))
    source = queue(name, visibility_timeout=600, max_receive_count=9, dead_letters=letters)
    source.send(OutgoingMessage("one", group="g" if source.fifo else None))
    world = World(source, handle, Options(grace_period=1))
    world.dispatcher.routes = [attrs.evolve(world.route(), retry=Retry(dead_letter_after=1))]
    async with world:
        await asyncio.sleep(1)
    assert (len(letters), len(source), len(source.visible)) == (0, 1, 0)
    await asyncio.sleep(60)
    assert len(source.visible) == 1


async def test_what_a_receive_brings_after_the_stop_is_given_back() -> None:
    world = World(queue("orders"), takes_10_s, wait_time=20)
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        world.queue.send(OutgoingMessage("late"))
        await world.ended()
    assert world.deliveries == []
    assert len(world.queue.visible) == 1


async def test_the_whole_stop_is_bounded_even_if_handlers_ignore_their_cancellation_and_nothing_can_be_settled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stubborn = True

    async def handle(content: Any) -> None:
        while stubborn:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)

    faults = Faults(settling=[ConsumerUnavailable("gone")] * 10_000)
    world = World(queue("orders", *"x" * 15), handle, Options(max_jobs=3, grace_period=5), faults, wait_time=20)
    async with world:
        await asyncio.sleep(1)
        assert await stopped(world) < 5 + 8
    stubborn = False
    assert world.dispatcher.abandoned == 3
    assert "left to its lease" in caplog.text


async def test_a_second_request_cancels_what_runs_at_once() -> None:
    world = World(queue("orders", "one"), takes_10_s, Options(grace_period=1000), wait_time=20)
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        assert await stopped(world) < 1
    assert world.queue.visible == []  # the poll that was aborted may still be served
    await asyncio.sleep(20)
    assert len(world.queue.visible) == 1


async def test_a_second_request_aborts_the_receives() -> None:
    world = World(queue("orders"), takes_10_s, wait_time=20)
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        assert await stopped(world) < 1
        world.queue.send(OutgoingMessage("late"))
        await asyncio.sleep(1)
    assert world.queue.counts["received"] == 0


async def test_buffered_acknowledgements_are_sent() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(1 if content == "first" else 1000)

    world = World(queue("orders", "first", "second"), handle, Options(grace_period=0))
    async with world:
        await asyncio.sleep(1.001)
        await stopped(world)
    assert len(world.queue) == 1


async def test_acknowledgements_that_fail_while_stopping_are_tried_again() -> None:
    faults = Faults(settling=[ConsumerUnavailable("gone")] * 3)

    async def handle(content: Any) -> None:
        await asyncio.sleep(1)

    world = World(queue("orders", "one"), handle, faults=faults)
    async with world:
        await asyncio.sleep(0.5)
        await stopped(world)
    assert len(world.queue) == 0


async def test_a_stop_during_trouble_is_quick() -> None:
    world = World(queue("orders"), takes_10_s, faults=Faults(receiving=[ConsumerUnavailable("gone")] * 1000))
    async with world:
        await asyncio.sleep(100)
        assert await stopped(world) < 1


async def test_a_function_that_still_runs_is_left_to_its_lease_and_one_that_has_not_begun_goes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun, go_on = Event(), Event()

    def waits(_: str) -> None:
        begun.set()
        go_on.wait(60)

    with ThreadPool(1) as pool:
        function = ThreadHandler(waits, pool)

        async def handle(content: str) -> None:  # as middleware does: nobody knows that it needs a thread
            await function(content)

        world = World(queue("orders", "one", "two"), handle, Options(max_jobs=2, grace_period=0), wait_time=0)
        async with world:
            while world.dispatcher.held < 2 or not begun.is_set():
                await asyncio.sleep(0)
            asyncio.get_running_loop().virtual.waits_for_threads = False  # type: ignore[attr-defined]
            await stopped(world)
        assert world.dispatcher.abandoned == 1
        assert len(world.queue.visible) == 1
        assert len(world.queue.in_flight) == 1
        go_on.set()
    assert "left to its lease" in caplog.text


async def test_middleware_that_goes_on_after_its_function_took_the_cancellation_is_cancelled_once_more() -> None:
    begun, go_on = Event(), Event()
    virtual = asyncio.get_running_loop().virtual  # type: ignore[attr-defined]

    def waits(_: str) -> None:
        begun.set()
        go_on.wait(60)

    def let_go() -> None:
        go_on.set()
        virtual.waits_for_threads = True

    async def goes_on(_: object, call_next: Callable[[], Awaitable[None]]) -> None:
        await call_next()
        await asyncio.sleep(100)

    with ThreadPool(1) as pool:
        world = World(queue("orders", "one"), ThreadHandler(waits, pool), Options(grace_period=0), wait_time=0)
        route = world.route()
        world.dispatcher.routes = [attrs.evolve(route, call=through(route.call, [goes_on], route.around))]
        async with world:
            while not begun.is_set():
                await asyncio.sleep(0)
            virtual.waits_for_threads = False
            asyncio.get_running_loop().call_later(0.5, let_go)
            await stopped(world)
        assert (world.dispatcher.abandoned, len(world.queue.visible)) == (0, 1)


async def test_asking_to_stop_before_the_run_ends_it_at_once() -> None:
    world = World(queue("orders", "one"), takes_10_s)
    world.dispatcher.stop()
    async with world:
        await world.ended()
    assert len(world.queue) == 1


async def test_nothing_is_started_once_a_stop_was_asked_for() -> None:
    started = []

    async def handle(content: Any) -> None:
        started.append(content)
        world.dispatcher.stop()

    world = World(queue("orders", *"x" * 8), handle, Options(max_jobs=1))
    async with world:
        await world.ended()
    assert len(started) == 1
    assert len(world.queue.visible) == 7


async def test_a_handler_that_swallows_its_cancellation_is_not_acknowledged() -> None:
    async def handle(content: str) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    world = World(queue("orders", "one"), handle, Options(grace_period=1))
    await world.run_for(0.5)
    assert len(world.queue.visible) == 1

    world = World(queue("orders", "one", visibility_timeout=600), handle, Options(handler_timeout=1))
    await world.run_for(5)
    assert len(world.queue) == 1
    assert isinstance(world.deliveries[0].error, HandlerTimeout)


class OwnError(BaseException):
    """What is no Exception."""


@pytest.mark.parametrize("taken_back", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        None,
        RejectMessage("no"),
        ConnectionError("closed meanwhile"),
        TimeoutError(),
        OwnError(),
        GeneratorExit(),
        BaseExceptionGroup("several", [OwnError()]),
    ],
    ids=repr,
)
async def test_a_handler_that_makes_something_else_of_its_cancellation_is_not_acknowledged(
    error: BaseException | None, taken_back: bool
) -> None:
    async def handle(content: str) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if taken_back and (task := asyncio.current_task()) is not None:
                task.uncancel()  # as asyncio asks of whoever swallows it
            if error is not None:
                raise error from None

    for options in (Options(handler_timeout=1), Options(grace_period=1)):
        world = World(queue("orders", "one", visibility_timeout=600), handle, options)
        world.dispatcher.routes = [attrs.evolve(world.route(), reject=(BaseException,))]
        await world.run_for(3)
        assert len(world.queue) == 1
        assert world.dispatcher.counts["failed"] == 1


async def test_a_handler_that_asks_for_the_end_when_it_is_timed_out_is_heard() -> None:
    async def handle(content: str) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise SystemExit(3) from None

    world = World(queue("orders", "one", visibility_timeout=600), handle, Options(handler_timeout=1))
    with pytest.raises(SystemExit):
        await world.dispatcher.run()
    assert len(world.queue) == 1


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()])
async def test_a_route_that_rejects_whatever_is_raised_keeps_what_is_ended_from_outside(error: BaseException) -> None:
    async def handle(content: str) -> None:
        if content == "two":
            raise SystemExit(3)
        raise error

    world = World(queue("orders", "one", "two", visibility_timeout=600), handle)
    world.dispatcher.routes = [attrs.evolve(world.route(), reject=(BaseException,))]
    with pytest.raises((SystemExit, KeyboardInterrupt)):
        await world.dispatcher.run()
    assert len(world.queue) == 2


class Panic(BaseException):
    """What libraries in Rust raise."""


@pytest.mark.parametrize("error", [Panic, GeneratorExit])
async def test_only_what_asks_the_program_to_end_ends_it(error: type[BaseException]) -> None:
    async def handle(content: str) -> None:
        if content == "bad":
            raise error

    world = await World(queue("orders", "bad", *"x" * 20, visibility_timeout=600), handle).run_for(10)
    assert [message.body for message in world.queue.messages.values()] == ["bad"]
    assert world.dispatcher.counts["failed"] == 1


async def test_a_function_that_ends_after_it_was_cancelled_is_acknowledged(pool: ThreadPool, gate: Gate) -> None:
    world = World(queue("orders", "one"), ThreadHandler(gate, pool), Options(grace_period=1), wait_time=0)
    async with world:
        while not gate.begun.is_set():
            await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.virtual.waits_for_threads = False  # type: ignore[attr-defined]

        def go_on() -> None:
            gate.go_on.set()
            loop.virtual.waits_for_threads = True  # type: ignore[attr-defined]

        loop.call_later(1.5, go_on)  # the grace period is over then, and it was cancelled
    assert len(world.queue) == 0
    assert world.dispatcher.counts["succeeded"] == 1


async def test_functions_that_would_wait_for_a_thread_are_not_received_for_a_last_time(
    pool: ThreadPool, gate: Gate
) -> None:
    source = queue("orders", *"x" * 30, max_receive_count=1, dead_letters=queue("dead"))
    world = World(source, ThreadHandler(gate, pool), Options(max_jobs=10, grace_period=5))
    async with world:
        while not gate.begun.is_set():
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert source.counts["received"] == pool.most == 1
        gate.go_on.set()
    assert len(source.dead_letters or []) == 0


async def test_a_route_that_rejects_every_error_keeps_what_its_handler_ignores() -> None:
    async def handle(content: str) -> None:
        raise IgnoreMessage("later", delay=60)

    world = World(queue("orders", "one", visibility_timeout=600), handle)
    world.dispatcher.routes = [attrs.evolve(world.route(), reject=(Exception,))]
    await world.run_for(3)
    assert len(world.queue) == 1
    assert world.dispatcher.counts["ignored"] == 1


async def test_a_route_that_rejects_every_error_keeps_what_its_middleware_does_not_call_on_for() -> None:
    async def closed(context: object, call_next: object) -> None: ...

    world = World(queue("orders", "one", visibility_timeout=600), takes_10_s)
    route = world.route()
    world.dispatcher.routes = [
        attrs.evolve(route, reject=(Exception,), call=through(route.call, [closed], route.around))
    ]
    await world.run_for(3)
    assert len(world.queue) == 1


async def test_one_ask_to_stop_leaves_the_grace_period_where_the_worker_stops_by_itself_already() -> None:
    async def handle(content: str) -> None:
        if content == "bad":
            raise SystemExit(3)
        await asyncio.sleep(5)

    world = World(queue("orders", "good", "bad"), handle, Options(grace_period=20))
    asyncio.get_running_loop().call_later(0.5, world.dispatcher.stop)
    with pytest.raises(SystemExit):
        await world.dispatcher.run()
    assert [message.body for message in world.queue.messages.values()] == ["bad"]
