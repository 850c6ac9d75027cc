"""What becomes of messages, told by what is left on the queue."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest
from world import Faults, FlakyConsumer, World, now, queue

from loafer.application.dispatcher import Dispatcher
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options, Tracebacks
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall
from loafer.application.shutdown import Left
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.share import Share
from loafer.exceptions import ConsumerError, ConsumerUnavailable, IgnoreMessage, RejectMessage


async def succeed(content: Any) -> None:
    """Handle anything."""


def raising(error: BaseException) -> Callable[[Any], Any]:
    async def handle(content: Any) -> None:
        raise error

    return handle


async def test_a_handled_message_is_deleted() -> None:
    world = await World(queue("orders", "one", "two"), succeed).run_for(1)
    assert len(world.queue) == 0
    assert [delivery.outcome for delivery in world.deliveries] == [Outcome.SUCCEEDED] * 2


async def test_the_handler_gets_the_content() -> None:
    seen: list[Any] = []

    async def handle(content: Any) -> bool:
        seen.append(content)
        return False  # what it returns is never looked at

    world = await World(queue("orders", "1", "2"), handle, translate=lambda m: {"content": int(m.body)}).run_for(1)
    assert seen == [1, 2]
    assert len(world.queue) == 0


async def test_a_rejected_message_is_deleted() -> None:
    world = await World(queue("orders", "one"), raising(RejectMessage())).run_for(1)
    assert len(world.queue) == 0


@pytest.mark.parametrize("error", [IgnoreMessage(), ValueError("no"), RecursionError(), asyncio.CancelledError()])
async def test_any_other_error_keeps_the_message(error: BaseException) -> None:
    world = await World(queue("orders", "one"), raising(error)).run_for(1)
    assert len(world.queue) == 1


@pytest.mark.parametrize("result", [None, [], {}, {"content": None}, "text"])
async def test_an_invalid_translation_keeps_the_message_with_one_error(
    result: object, caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[Any] = []

    async def handle(content: Any) -> None:
        handled.append(content)

    world = await World(queue("orders", "secret"), handle, translate=lambda _: result).run_for(1)
    assert len(world.queue) == 1
    assert not handled
    [error] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert error.levelno == logging.ERROR
    assert "orders-1" in error.getMessage()
    assert "secret" not in caplog.text


@pytest.mark.parametrize("content", [0, "", [], False])
async def test_falsy_content_is_content(content: object) -> None:
    world = await World(queue("orders", "one"), succeed, translate=lambda _: {"content": content}).run_for(1)
    assert len(world.queue) == 0


async def test_a_translator_cannot_reject() -> None:
    def translate(_: object) -> object:
        raise RejectMessage

    world = await World(queue("orders", "one"), succeed, translate=translate).run_for(1)
    assert len(world.queue) == 1


@pytest.mark.parametrize("tracebacks", ["frames", "off"])
async def test_what_a_handler_raised_is_told_without_its_text_which_may_quote_the_body_where_that_is_wished(
    tracebacks: Tracebacks, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    options = Options(tracebacks=tracebacks)
    await World(queue("orders", "secret"), raising(ValueError("secret")), options).run_for(1)
    assert "ValueError (test_dispatcher.py:" in caplog.text
    assert ("in handle\n" in caplog.text) == (tracebacks == "frames")
    assert "secret" not in caplog.text


async def test_max_jobs_handlers_really_run_at_once_and_no_more() -> None:
    running, most = 0, 0

    async def handle(content: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    world = World(queue("orders", *"x" * 40), handle, Options(max_jobs=7))
    await world.run_for(10)
    assert most == 7
    assert len(world.queue) == 0


async def test_functions_run_at_once_in_threads() -> None:
    with ThreadPool(4) as pool:
        import threading

        together = threading.Barrier(4, timeout=60)
        handle = ThreadHandler(lambda _: together.wait(), pool)
        world = await World(queue("orders", *"xxxx"), handle).run_for(1)
    assert len(world.queue) == 0


async def test_no_more_is_held_than_may_be_held() -> None:
    most = 0

    async def handle(content: Any) -> None:
        nonlocal most
        most = max(most, world.dispatcher.held)
        await asyncio.sleep(0.01)
        most = max(most, world.dispatcher.held)

    world = World(queue("orders", *"x" * 200), handle, Options(max_jobs=3, prefetch=4))
    await world.run_for(5)
    assert len(world.queue) == 0
    assert most <= 3 + 4


async def test_a_slow_worker_does_not_sit_on_what_an_idle_one_could_do() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(30)

    world = World(queue("orders", *"x" * 20, visibility_timeout=100), handle, Options(max_jobs=2))
    async with world:
        await asyncio.sleep(50)
        assert len(world.queue.in_flight) == 2
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_quick_worker_receives_ahead() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(0.05)

    world = World(queue("orders", *"x" * 100), handle, Options(max_jobs=1))
    async with world:
        await asyncio.sleep(1)
        assert world.dispatcher.held > 1


async def test_the_idle_poll_of_one_route_takes_nothing_from_a_busy_one() -> None:
    busy, idle = World(queue("busy", *"x" * 50), succeed, wait_time=20), World(queue("idle"), succeed, wait_time=20)
    dispatcher = Dispatcher([idle.route(), busy.route()], Options(2, 1), clock=now, threaded_heartbeat=False)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    assert len(busy.queue) == 0
    dispatcher.stop()
    await running


async def test_many_idle_polls_take_no_bytes_from_a_busy_route() -> None:
    idle = [World(queue(f"idle {number}"), succeed, wait_time=20) for number in range(100)]
    busy = World(queue("busy", *"x" * 2000), succeed, wait_time=20)
    routes = [world.route() for world in (*idle, busy)]
    dispatcher = Dispatcher(routes, Options(2), clock=now, threaded_heartbeat=False)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    assert len(busy.queue) == 0
    for world in idle:
        world.queue.send(OutgoingMessage("x"))
    await asyncio.sleep(1)
    assert sum(len(world.queue) for world in idle) == 0
    dispatcher.stop()
    await running


async def test_the_bodies_of_many_routes_stay_under_their_bound_together() -> None:
    most = 0

    async def handle(content: Any) -> None:
        nonlocal most
        most = max(most, sum(lane.leases.size for lane in dispatcher._lanes))
        await asyncio.sleep(0.01)

    worlds = [World(queue(f"q{number}", *["x" * 100_000] * 50), handle) for number in range(6)]
    options = Options(max_jobs=50, held_bytes=12_000_000)
    dispatcher = Dispatcher([world.route() for world in worlds], options, clock=now, threaded_heartbeat=False)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(10)
    assert sum(len(world.queue) for world in worlds) == 0
    assert 1_000_000 < most <= 12_000_000
    dispatcher.stop()
    await running


async def test_one_slow_message_does_not_hold_up_the_others() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(10 if content == "slow" else 0.001)

    world = World(queue("orders", "slow", *["quick"] * 100), handle, Options(max_jobs=2))
    async with world:
        await asyncio.sleep(1)
        assert len(world.queue) == 1


async def test_places_go_back_whatever_became_of_a_receive_or_a_message() -> None:
    trouble: list[Exception | None] = [None, ConsumerUnavailable("gone"), None, ConsumerUnavailable("gone")]
    source = queue("orders", *["bad", "good"] * 20, visibility_timeout=1000)

    def translate(message: Any) -> object:
        return {"content": message.body} if message.body == "good" else None

    world = World(source, succeed, Options(max_jobs=2, prefetch=3), Faults(receiving=trouble), translate)
    async with world:
        await asyncio.sleep(60)
        [lane] = world.dispatcher._lanes
        assert len(source) == 20
        tally = world.dispatcher._slots._tallies[lane]
        assert (tally.running, lane.order.startable, len(lane.leases)) == (0, 0, 0)
        assert tally.asked == 2  # the one receive that waits asks for as many as could start


async def test_a_full_batch_starts_another_receive_and_an_empty_one_ends_it() -> None:
    most, polls = 0, 0
    world = World(queue("orders", *"x" * 100), succeed, Options(max_jobs=100, prefetch=100))

    @attrs.define(eq=False)
    class Counting(FlakyConsumer):
        async def receive(self, limit: int) -> Any:
            nonlocal most, polls
            polls += 1
            most = max(most, polls)
            try:
                await asyncio.sleep(0.05)
                return await super().receive(limit)
            finally:
                polls -= 1

    object.__setattr__(world.dispatcher.routes[0], "consumer", lambda: Counting(world.queue))
    async with world:
        await asyncio.sleep(30)
        assert most > 1
        assert polls == 1


async def test_a_timed_out_coroutine_is_cancelled_and_its_message_kept(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(60)

    world = await World(queue("orders", "one"), handle, Options(handler_timeout=2)).run_for(3)
    assert len(world.queue) == 1
    assert "it took longer than 2 s" in caplog.text


async def test_a_timeout_of_the_handlers_own_is_an_error_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    await World(queue("orders", "one"), raising(TimeoutError()), Options(handler_timeout=2)).run_for(3)
    assert "longer than" not in caplog.text


async def test_a_function_that_takes_too_long_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    import threading

    began, go_on = threading.Event(), threading.Event()

    def handle(content: Any) -> None:
        began.set()
        go_on.wait(60)

    with ThreadPool(1) as pool:
        world = World(queue("orders", "one"), ThreadHandler(handle, pool), Options(handler_timeout=0.0))
        async with world:
            while not began.is_set() or "waiting for it" not in caplog.text:
                await asyncio.sleep(0)
            go_on.set()
            while len(world.queue):
                await asyncio.sleep(0)


async def test_context_variables_do_not_leak_from_one_message_to_the_next() -> None:
    import contextvars

    variable = contextvars.ContextVar("variable", default="clean")
    seen = []

    async def handle(content: Any) -> None:
        seen.append(variable.get())
        variable.set("dirty")

    await World(queue("orders", *"xxx"), handle, Options(max_jobs=1)).run_for(1)
    assert seen == ["clean"] * 3


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
async def test_what_asks_the_program_to_end_stops_the_worker_and_keeps_the_message(error: BaseException) -> None:
    world = World(queue("orders", "one"), raising(error))
    with pytest.raises(type(error)) as caught:  # not in a task: asyncio lets these two out of every task at once
        await world.dispatcher.run()
    assert caught.value is error
    assert len(world.queue) == 1


async def test_a_redelivery_of_a_held_message_is_not_run_again_and_its_newer_receipt_settles_it() -> None:
    runs = 0

    async def handle(content: Any) -> None:
        nonlocal runs
        runs += 1
        await asyncio.sleep(10)

    faults = Faults(extending=[ConsumerError("no extension today")] * 100)
    world = World(queue("orders", "one", visibility_timeout=6), handle, faults=faults)
    async with world:
        await asyncio.sleep(12)
    assert world.dispatcher.counts["duplicates"] >= 1
    assert runs == 1
    assert len(world.queue) == 0


async def test_a_consumer_that_breaks_its_contract_stops_the_worker_instead_of_stalling_it() -> None:
    world = World(queue("orders"), succeed, faults=Faults(receiving=[KeyError("oops")]))
    async with world:
        with pytest.raises(ConsumerError, match="KeyError"):
            await world.ended()


async def test_consumers_are_closed_at_the_end() -> None:
    consumers = []
    world = World(queue("orders"), succeed)
    create = world.consumer

    def remember() -> Any:
        consumers.append(create())
        return consumers[-1]

    object.__setattr__(world.dispatcher.routes[0], "consumer", remember)
    await world.run_for(1)
    assert [consumer.closed for consumer in consumers] == [True]


async def test_a_message_that_is_sent_later_is_handled_too() -> None:
    world = World(queue("orders"), succeed)
    async with world:
        await asyncio.sleep(30)
        world.queue.send(OutgoingMessage("late"))
        await asyncio.sleep(0.1)
        assert len(world.queue) == 0


async def test_a_cancelled_run_stops_cleanly() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(5)

    world = World(queue("orders", "one"), handle)
    running = asyncio.create_task(world.dispatcher.run())
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(world.queue) == 0


async def test_the_bodies_that_are_held_stay_under_their_bound() -> None:
    most = 0

    async def handle(content: Any) -> None:
        nonlocal most
        [lane] = world.dispatcher._lanes
        most = max(most, lane.leases.size)
        await asyncio.sleep(1)

    bodies = ["x" * 1000] * 200
    world = World(queue("orders", *bodies), handle, Options(max_jobs=5, prefetch=500, held_bytes=1_100_000))
    async with world:
        await asyncio.sleep(100)
        assert len(world.queue) == 0
    assert most <= 1_100_000

    world = World(
        queue("large", *["x" * 100_000] * 200), handle, Options(max_jobs=50, prefetch=500, held_bytes=2_000_000)
    )
    most = 0
    async with world:
        await asyncio.sleep(100)
        assert len(world.queue) == 0
    assert 1_000_000 < most <= 2_000_000


async def test_a_body_above_the_bound_is_received_all_the_same_alone() -> None:
    world = World(queue("orders", *["x" * 1000] * 5), succeed, Options(held_bytes=100))
    await world.run_for(20)
    assert len(world.queue) == 0


async def test_where_one_receive_is_all_that_a_message_has_nothing_is_received_ahead_of_a_slot() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(0.1)

    source = queue("orders", *"x" * 100, max_receive_count=1, dead_letters=queue("dead"))
    world = World(source, handle, Options(max_jobs=3))
    async with world:
        for _ in range(30):
            await asyncio.sleep(0.1)
            assert world.dispatcher._lanes[0].order.startable == 0
    assert len(source.dead_letters or []) == 0


async def test_where_that_is_so_nothing_is_received_ahead_of_what_its_rate_lets_start() -> None:
    source = queue("orders", *"x" * 40, max_receive_count=1, dead_letters=queue("dead"))
    world = World(source, succeed, Options(max_jobs=10, grace_period=0))
    world.dispatcher.routes = [attrs.evolve(world.route(), share=Share(rate=10, burst=2))]
    async with world:
        for _ in range(100):
            await asyncio.sleep(0.1)
            assert len(world.dispatcher._lanes[0].order) == 0
    assert len(source.dead_letters or []) == 0
    assert source.counts["deleted"] == 40


@pytest.mark.parametrize("jobs", [1, 2])
async def test_where_that_is_so_what_waits_for_its_batch_to_be_full_has_the_free_slots_already(jobs: int) -> None:
    async def handle(batch: Sequence[Any]) -> None:
        await asyncio.sleep(60)

    source = queue("orders", *"x" * 5, max_receive_count=1, dead_letters=queue("dead"))
    world = World(source, succeed, Options(max_jobs=jobs, grace_period=0))
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=7, wait=0.2))]
    async with world:
        await asyncio.sleep(0.1)
        for _ in range(20):
            source.send(OutgoingMessage("x"))
        await asyncio.sleep(30)
        assert 5 <= source.counts["received"] <= 7 * jobs
        assert len(world.dispatcher._lanes[0].order) == 0


@pytest.mark.parametrize("call", ["acknowledge", "extend"])
async def test_a_consumer_that_answers_for_fewer_messages_than_it_was_asked_for_is_asked_again(
    call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rightly, calls = getattr(FlakyConsumer, call), list[int]()

    async def too_few_at_first(self: FlakyConsumer, messages: Sequence[Message], *given: Any) -> Sequence[object]:
        calls.append(len(messages))
        answered: Sequence[object] = await rightly(self, messages, *given) if len(calls) > 1 else []
        return answered

    async def handle(content: str) -> None:
        await asyncio.sleep(40)

    monkeypatch.setattr(FlakyConsumer, call, too_few_at_first)
    world = World(queue("orders", "one", "two", visibility_timeout=30), handle)
    async with world:
        await asyncio.sleep(60)
        assert (len(world.queue), world.dispatcher.held) == (0, 0)
    assert set(world.faults.received.values()) == {1}
    assert (calls[0], sum(calls[1:]) >= 2) == (2, True)
    assert world.dispatcher.left == Left()
