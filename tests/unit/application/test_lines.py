"""Quick functions stand in a short line before the threads: it holds nothing back, and nothing in it has begun."""

import asyncio
import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from gate import Gate
from world import World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.handled import HANDLED
from loafer.application.handler import ThreadHandler
from loafer.application.holding import held_in
from loafer.application.limit import Limit
from loafer.application.lines import STANDS_STILL, Lines
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall
from loafer.application.threads import AT_ONCE, MOST, Threads
from loafer.application.ticket import TICKET, Ticket
from loafer.domain.lease import Lease
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.share import Share
from loafer.ports.observer import Observer

if TYPE_CHECKING:
    from loafer.testing.clock import VirtualLoop

LETTERS = "abcdefghijklmnop"


class Quick:
    """A function that is quick, but for "slow", which waits at the gate."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.ran: list[object] = []

    def __call__(self, content: object) -> None:
        if content == "slow":
            self.gate(content)
        self.ran.append(content)


def world_of(source: MemoryQueue, function: Quick, pool: ThreadPool, **options: Any) -> World:
    return World(source, ThreadHandler(function, pool), Options(**{"max_jobs": 30, "prefetch": 30, **options}))


async def slow_one_runs(gate: Gate) -> None:
    """Return when it has the only thread; then time goes on though it does not end."""
    while not gate.begun.is_set():
        await asyncio.sleep(0)
    threads_hold_the_time(holds=False)
    await asyncio.sleep(0)


def threads_hold_the_time(*, holds: bool) -> None:
    cast("VirtualLoop", asyncio.get_running_loop()).virtual.waits_for_threads = holds


def waiting(world: World) -> list[str]:
    assert world.dispatcher.view is not None
    return [held.id for held in held_in(world.dispatcher.view) if held.what == "waits"]


@pytest.fixture
def quick(gate: Gate) -> Quick:
    return Quick(gate)


async def test_quick_functions_stand_in_a_short_line_and_are_told_to_wait(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    async with world_of(queue("orders", "first", "slow", *LETTERS), quick, pool, grace_period=0) as world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 1 + MOST
        assert world.dispatcher.view is not None
        [route] = world.dispatcher.view.status().routes
        assert (route.jobs, route.held) == (1, route.waiting + 1)
        assert [handling.id for _, _, _, handling in world.dispatcher.view.handled()] == ["orders-2"]
        assert len(waiting(world)) == route.waiting
        gate.go_on.set()
        threads_hold_the_time(holds=True)
        await asyncio.sleep(1)
    assert quick.ran == ["first", "slow", *LETTERS]


async def test_what_stands_still_in_a_line_waits_for_its_start_again_and_starts_in_its_order(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    source = queue("orders", "first", "slow", *LETTERS)
    async with world_of(source, quick, pool) as world:
        await slow_one_runs(gate)
        await asyncio.sleep(2 * STANDS_STILL + 0.01)
        assert world.dispatcher._slots.running == 1
        assert len(waiting(world)) == len(LETTERS)
        await asyncio.sleep(10)
        assert world.dispatcher._slots.running == 1
        gate.go_on.set()
        threads_hold_the_time(holds=True)
        await asyncio.sleep(1)
        assert len(source) == 0
    assert quick.ran == ["first", "slow", *LETTERS]
    assert {delivery.message.attempt for delivery in world.deliveries} == {1}
    assert len(world.deliveries) == len(quick.ran)


async def test_no_more_jobs_are_told_of_than_there_are_threads_though_many_have_ended_at_once(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    async with world_of(queue("orders", "first", "slow", *LETTERS), quick, pool) as world:
        await slow_one_runs(gate)
        gate.go_on.set()
        while len(quick.ran) < 2 + MOST:
            time.sleep(0.001)  # noqa: ASYNC251 - the event loop must not know of it yet
        assert world.dispatcher._slots.running == 1 + MOST
        assert world.dispatcher.view is not None
        [route] = world.dispatcher.view.status().routes
        assert route.jobs <= 1
        threads_hold_the_time(holds=True)
        await asyncio.sleep(1)


async def test_where_functions_are_slow_none_stands_in_a_line(
    quick: Quick, gate: Gate, pool: ThreadPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loafer.application.threads.AT_ONCE", 0)  # no function is quicker than that
    async with world_of(queue("orders", "first", "slow", *LETTERS), quick, pool, grace_period=0) as world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 1


async def test_a_stop_gives_back_at_once_what_stands_in_a_line(
    quick: Quick, gate: Gate, pool: ThreadPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    given_back: list[OutgoingMessage] = []
    source = queue("orders", "first", "slow", *LETTERS)
    async with world_of(source, quick, pool, grace_period=20) as world:
        await slow_one_runs(gate)
        asyncio.get_running_loop().call_later(3, lambda: given_back.extend(source.visible))  # the poll has ended
        asyncio.get_running_loop().call_later(3, gate.go_on.set)
        asyncio.get_running_loop().call_later(3, lambda: threads_hold_the_time(holds=True))
    assert [message.body for message in given_back] == [*LETTERS]
    assert quick.ran == ["first", "slow"]
    assert len(source) == len(LETTERS)
    assert any(f"stopping: 1 handlers run, {len(LETTERS)} messages wait" in each for each in caplog.messages)
    assert world.dispatcher.counts["failed"] == 0


async def test_a_stop_without_grace_leaves_nothing_of_a_line_behind(quick: Quick, gate: Gate, pool: ThreadPool) -> None:
    source = queue("orders", "first", "slow", *LETTERS)
    async with world_of(source, quick, pool, grace_period=0) as world:
        await slow_one_runs(gate)
    gate.go_on.set()
    assert world.dispatcher.left.handlers == 1
    assert [delivery.message.body for delivery in world.deliveries] == ["first"]
    assert [message.body for message in source.visible] == [*LETTERS]


async def test_a_stop_gives_back_what_waits_for_threads_that_cannot_be_had(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    given_back: list[OutgoingMessage] = []
    source = queue("orders", "slow")
    pool.most = 3
    async with world_of(source, quick, pool, grace_period=20) as world:
        await slow_one_runs(gate)
        pool.start = refuse
        source.send(OutgoingMessage("a"))
        await asyncio.sleep(1)
        assert world.dispatcher._slots.running == 2
        asyncio.get_running_loop().call_later(3, lambda: given_back.extend(source.visible))
        asyncio.get_running_loop().call_later(3, gate.go_on.set)
        asyncio.get_running_loop().call_later(3, lambda: threads_hold_the_time(holds=True))
    assert [message.body for message in given_back] == ["a"]
    assert quick.ran == ["slow"]


async def test_what_stands_in_a_line_at_its_last_receive_runs_within_the_grace_period(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    dead = queue("dead")
    source = queue("orders", "first", "slow", *"abc", max_receive_count=2, dead_letters=dead)
    for message in source.receive(10):  # the receive before the last
        source.change_visibility(message.receipt, 0)
    async with world_of(source, quick, pool, grace_period=20) as world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 4
        asyncio.get_running_loop().call_later(2, gate.go_on.set)
        asyncio.get_running_loop().call_later(2, lambda: threads_hold_the_time(holds=True))
    assert quick.ran == ["first", "slow", *"abc"]
    assert len(dead) == len(source) == 0


async def test_where_one_receive_is_the_last_none_stands_in_a_line(quick: Quick, gate: Gate, pool: ThreadPool) -> None:
    source = queue("orders", "first", "slow", *LETTERS, max_receive_count=1, dead_letters=queue("dead"))
    async with world_of(source, quick, pool, grace_period=0) as world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 1


async def test_where_somebody_is_told_of_each_start_none_is_told_too_early(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    class Starts(Observer):
        started_bodies: list[str] = []  # noqa: RUF012 - of one test

        def started(self, messages: Any) -> None:
            self.started_bodies.extend(message.body for message in messages)

    world = world_of(queue("orders", "first", "slow", *LETTERS), quick, pool, grace_period=0)
    world.dispatcher.observers = [Starts()]
    async with world:
        await slow_one_runs(gate)
        assert Starts.started_bodies == ["first", "slow"]


async def test_what_stands_in_a_line_is_not_started_once_its_lease_has_ended(
    quick: Quick, gate: Gate, pool: ThreadPool, caplog: pytest.LogCaptureFixture
) -> None:
    async with world_of(queue("orders", "first", "slow", "a", "b"), quick, pool) as world:
        await slow_one_runs(gate)
        [lane] = world.dispatcher._lanes
        next(lease for lease in lane.leases.all() if lease.message.body == "a").lost = True
        gate.go_on.set()
        threads_hold_the_time(holds=True)
        await asyncio.sleep(1)
        assert quick.ran == ["first", "slow", "b"]
        assert world.dispatcher._slots.running == 0
    assert "message orders-3: its lease ended while it waited; it is not started" in caplog.messages


async def test_a_line_that_stands_still_keeps_no_coroutine_from_its_slot(
    quick: Quick, gate: Gate, pool: ThreadPool, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[tuple[str, float]] = []

    async def note(content: str) -> None:
        ran.append((content, now()))

    world = world_of(queue("orders", "first", "slow", *LETTERS), quick, pool, max_jobs=5, grace_period=0)
    other = World(queue("others"), note)
    world.dispatcher.routes = [world.route(), other.route()]
    async with world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 5
        other.queue.send(OutgoingMessage("x"))
        began = now()
        await asyncio.sleep(3)
        assert [content for content, _ in ran] == ["x"]
        assert ran[0][1] - began < 2 * STANDS_STILL + 0.01
    assert not [record for record in caplog.records if record.name == "asyncio"], "nothing that a timer calls raises"


async def test_a_line_is_watched_until_no_more_are_on_their_way_than_there_are_threads() -> None:
    lane: Any = SimpleNamespace(route=SimpleNamespace(pool=None), clock=now)
    lines, threads = Lines(cast("Any", None), lambda _: None), Threads(1, taken=2)
    lines._watch(threads, lane)
    await asyncio.sleep(STANDS_STILL * 2.5)
    assert threads.watched
    threads.taken = 1
    await asyncio.sleep(STANDS_STILL)
    assert not threads.watched


async def test_whoever_may_not_stand_in_a_line_gets_the_next_thread(quick: Quick, gate: Gate, pool: ThreadPool) -> None:
    batches: list[int] = []
    world = world_of(queue("orders", "first", "slow", *LETTERS * 4), quick, pool, max_jobs=5, prefetch=100)
    other = World(queue("batches", "x"), ThreadHandler(lambda items: batches.append(len(quick.ran)), pool))
    call = BatchCall(other.route().call.handle, size=2, wait=0)
    world.dispatcher.routes = [world.route(), attrs.evolve(other.route(), call=call)]
    async with world:
        await slow_one_runs(gate)
        await asyncio.sleep(0.05)
        gate.go_on.set()
        threads_hold_the_time(holds=True)
        await asyncio.sleep(3)
    assert len(quick.ran) == 2 + 4 * len(LETTERS)
    assert batches
    assert batches[0] < 2 + MOST + 2


async def test_a_routes_own_limit_and_rate_hold_for_what_stands_in_a_line(
    quick: Quick, gate: Gate, pool: ThreadPool
) -> None:
    source = queue("orders", "first", "slow", *LETTERS)
    world = world_of(source, quick, pool, grace_period=0)
    world.dispatcher.routes = [attrs.evolve(world.route(), share=Share(max_jobs=3, rate=100, burst=100))]
    async with world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 3
        [lane] = world.dispatcher._lanes
        bucket = world.dispatcher._slots.tally(lane).bucket
        assert bucket is not None
        await asyncio.sleep(10)
        assert world.dispatcher._slots.running == 1
        assert bucket._tokens >= 98  # what was taken back costs none


async def test_on_a_fifo_queue_a_line_keeps_the_order_of_each_group(quick: Quick, gate: Gate, pool: ThreadPool) -> None:
    source = MemoryQueue("orders.fifo", clock=now)
    for content in ("first", "slow", *(f"{group}{number}" for number in range(3) for group in "abc")):
        source.send(OutgoingMessage(content, group=content[0]))
    async with world_of(source, quick, pool) as world:
        await slow_one_runs(gate)
        assert world.dispatcher._slots.running == 4
        await asyncio.sleep(3 * STANDS_STILL)
        assert world.dispatcher._slots.running == 1
        gate.go_on.set()
        threads_hold_the_time(holds=True)
        await asyncio.sleep(3)
    for group in "abc":
        assert [each for each in quick.ran if str(each)[0] == group] == [f"{group}{number}" for number in range(3)]


async def test_handling_is_counted_from_its_real_beginning(gate: Gate, pool: ThreadPool) -> None:
    seen: list[float] = []

    def handle(content: str) -> None:
        if content == "slow":
            gate(content)
        handling = HANDLED.get()
        assert handling is not None
        seen.append(handling[2])

    took: list[float] = []

    class Ends(Observer):
        def ended(self, *given: Any) -> None:
            took.append(given[-1])

    world = World(queue("orders", "first", "slow", "a"), ThreadHandler(handle, pool), Options(max_jobs=9, prefetch=9))
    world.dispatcher.observers = [Ends()]
    async with world:
        await slow_one_runs(gate)
        began = now()
        await asyncio.sleep(STANDS_STILL / 2)
        gate.go_on.set()
        threads_hold_the_time(holds=True)
        await asyncio.sleep(1)
    assert seen[1] <= began < began + STANDS_STILL / 2 <= seen[2]
    assert took[1] >= STANDS_STILL / 2 > 0.01 > took[2]


@pytest.mark.parametrize("stands", [7, 5.5])
async def test_overtime_counts_while_a_function_runs_and_not_while_it_stands_in_a_line(stands: float) -> None:
    told: list[float] = []
    ticket = ticket_of()
    ticket.lined_up = True
    token = TICKET.set(ticket)
    async with Limit(5, lambda: told.append(now())) as limit:
        limit.enter()
        await asyncio.sleep(stands)
        assert told == []
        ticket.began = now()
        await asyncio.sleep(4.9)
        assert told == []
        await asyncio.sleep(0.2)
        assert told == pytest.approx([stands + 5], abs=0.01)
        limit.leave()
    assert not limit.expired()
    TICKET.reset(token)


async def test_overtime_of_what_never_stands_in_a_line_is_told_at_its_limit_once() -> None:
    told: list[float] = []
    async with Limit(5, lambda: told.append(now())) as limit:
        limit.enter()
        await asyncio.sleep(20)
        limit.leave()
    assert told == pytest.approx([5], abs=0.01)


async def test_of_two_functions_in_overtime_the_one_that_ends_last_is_waited_for_too() -> None:
    async with Limit(5, list) as limit:
        limit.enter()
        limit.enter()
        await asyncio.sleep(6)
        limit.leave()
        await asyncio.sleep(1)
        limit.leave()
    assert not limit.expired()


async def test_what_is_taken_out_of_a_line_stands_in_it_no_longer() -> None:
    ticket, pool = ticket_of(), ThreadPool(1, start=lambda _: None)
    token = TICKET.set(ticket)
    pool.begin(print, ())
    TICKET.reset(token)
    assert ticket.lined_up
    assert pool.take_back() == [ticket]
    assert (ticket.lined_up, ticket.void) == (False, True)


def ticket_of(clock: Callable[[], float] = now) -> Ticket:
    lease = Lease(Message("1", "x", "r"), deadline=100, renew_at=50, ends_at=1000)
    return Ticket(lease, None, Threads(1), clock, 0.0, lambda _: None)


async def test_a_handling_is_seen_since_it_was_started_but_not_while_its_function_waits_for_a_thread() -> None:
    ticket = ticket_of()
    assert ticket.since_when(3) == 3  # its translator runs, which may be a coroutine
    ticket.lined_up = True
    assert ticket.since_when(3) is None
    ticket.lined_up, ticket.void = False, True
    assert ticket.since_when(3) is None
    ticket.began = 5
    assert ticket.since_when(3) == 5


def test_threads_let_those_start_again_that_were_refused_once_there_is_room() -> None:
    threads = Threads(2, taken=2)
    assert not threads.freed()  # nobody was refused
    assert threads.refuses(lines_up=True)
    threads.ended(0.0001)
    threads.learn(1.0)
    assert threads.line == MOST * 2
    assert not threads.refuses(lines_up=True)
    assert threads.freed()
    assert threads.refuses(lines_up=False)
    assert threads.refuses(lines_up=True)  # the next thread is for the other one
    threads.taken = 1
    assert threads.freed()
    assert not threads.refuses(lines_up=False)


@pytest.mark.parametrize(("seconds", "line"), [(0.0001, 16), (AT_ONCE, 2), (AT_ONCE * 2, 1), (AT_ONCE * 2.1, 0)])
def test_a_line_is_as_long_as_what_begins_at_once(seconds: float, line: int) -> None:
    threads = Threads(2)
    threads.ended(seconds)
    threads.learn(1.0)
    assert threads.line == line


def test_threads_learn_once_from_all_functions_that_ended_in_a_turn() -> None:
    threads = Threads(2)
    for seconds in (0.001, 0.003):
        threads.ended(seconds)
    assert threads.line == 0
    threads.learn(1.0)
    assert threads.pace.mean == pytest.approx(0.002)  # nothing was known before
    assert threads.line == 5
    threads.learn(3.0)  # nothing has ended since
    assert threads.pace.last_end == 1.0
