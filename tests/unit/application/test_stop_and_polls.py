"""A stop adds no receive beyond the one that brought a message: what becomes of what waits, and of open polls."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from virtual_time import block
from world import Faults, FlakyConsumer, World, now, queue

from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.dispatcher import Dispatcher
from loafer.application.gate import Gate
from loafer.application.options import Options
from loafer.application.route import Route
from loafer.application.stop import Stop
from loafer.domain.lease import Lease
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.ordering import group_of
from loafer.exceptions import AccessDenied, ConsumerUnavailable, IgnoreMessage
from loafer.ports.consumer import SourceInfo


@attrs.define(eq=False)
class Handler:
    """Notes what ran to its end; each takes so many seconds, unless its content says how many: `a:3`."""

    seconds: float = 10.0
    ran: list[str] = attrs.field(factory=list)
    cancelled: list[str] = attrs.field(factory=list)

    async def __call__(self, content: str) -> None:
        try:
            await asyncio.sleep(float(content.partition(":")[2] or self.seconds))
        except asyncio.CancelledError:
            self.cancelled.append(content)
            raise
        self.ran.append(content)


def fifo(*messages: str, **attributes: Any) -> MemoryQueue:
    """Return a FIFO queue; the first letter of a message is its group."""
    made = MemoryQueue("orders.fifo", clock=now, **attributes)
    for message in messages:
        made.send(OutgoingMessage(message, group=message[0]))
    return made


def redriven(*messages: str, receives: int, **attributes: Any) -> MemoryQueue:
    """Return a FIFO queue that dead-letters after two receives; its messages have been received so often before."""
    dead = MemoryQueue("dead.fifo", clock=now)
    made = fifo(*messages, max_receive_count=2, dead_letters=dead, **attributes)
    for _ in range(receives):
        receive_and_give_back(made)
    return made


def receive_and_give_back(source: MemoryQueue) -> None:
    for message in source.receive(10):
        source.change_visibility(message.receipt, 0)


def counts(source: MemoryQueue) -> dict[str, int]:
    """Return how often each message on a queue has been received."""
    return {entry.message.body: entry.receive_count for entry in source._entries.values()}


def on(*worlds: MemoryQueue, handle: Any, options: Options, **consumer: Any) -> Dispatcher:
    """Return a dispatcher with a route from each of the queues."""
    routes = [
        Route(
            f"route-{number}",
            source.name,
            lambda source=source: FlakyConsumer(source, **consumer),  # type: ignore[misc]
            lambda message: {"content": message.body},
            handle,
        )
        for number, source in enumerate(worlds)
    ]
    return Dispatcher(routes, options, clock=now, threaded_heartbeat=False)


async def test_what_waits_is_given_back_once_no_poll_of_this_process_can_take_it_again() -> None:
    world = World(fifo("a1", "a2", "a3"), Handler(4), wait_time=20, options=Options(poll_grace=20))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        await asyncio.sleep(10)
        assert world.dispatcher.held == 2  # a poll may still take them
        await world.ended()
    assert counts(world.queue) == {"a2": 1, "a3": 1}
    assert len(world.queue.visible) == 2


async def test_what_waits_for_the_polls_to_end_is_held_and_extended_meanwhile() -> None:
    world = World(fifo("a1", "a2", visibility_timeout=3), Handler(4), wait_time=20, options=Options(poll_grace=20))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        for _ in range(18):
            await asyncio.sleep(1)
            assert world.queue.receive(10) == []
        await world.ended()
    assert counts(world.queue) == {"a2": 1}


async def test_what_a_handler_keeps_during_a_stop_is_not_taken_by_an_open_poll_either() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(2)
        raise IgnoreMessage(delay=0)

    world = World(queue("orders", "one"), handle, wait_time=20, options=Options(poll_grace=20))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        await world.ended()
    assert counts(world.queue) == {"one": 1}
    assert len(world.queue.visible) == 1


async def test_what_a_cancelled_handler_gives_back_is_not_taken_by_an_open_poll_either() -> None:
    world = World(queue("orders", "one"), Handler(1000), wait_time=3, options=Options(grace_period=1))
    async with world:
        await asyncio.sleep(0.5)
        world.dispatcher.stop()
        await world.ended()
    assert counts(world.queue) == {"one": 1}
    assert len(world.queue.visible) == 1


async def test_an_idle_poll_of_another_source_delays_nothing() -> None:
    source, idle = fifo("a1", "a2", "a3"), queue("idle")
    dispatcher = on(idle, source, handle=Handler(60), options=Options(poll_grace=20), wait_time=20.0)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(10)
    idle.send(OutgoingMessage("quick:0"))
    await asyncio.sleep(5)
    dispatcher.stop()  # the poll of the idle source ends in 15 s, that of the other one in 5 s
    await asyncio.sleep(5.1)
    assert [message.body for message in source.in_flight] == ["a1"]
    assert dispatcher.held == 1
    await running


async def test_lanes_of_one_source_wait_for_each_others_polls() -> None:
    source = fifo("a1", "a2", "a3")
    dispatcher = on(source, source, handle=Handler(4), options=Options(poll_grace=20), wait_time=20.0)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    dispatcher.stop()
    await running
    assert counts(source) == {"a2": 1, "a3": 1}
    assert len(source.visible) == 2


async def seconds_to_stop(world: World, after: float) -> float:
    """Stop a world after so many seconds, and return for how many it took to."""
    await asyncio.sleep(after)
    began = now()
    world.dispatcher.stop()
    await world.ended()
    return now() - began


async def test_an_outstanding_poll_is_waited_for_no_longer_than_the_poll_grace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "loafer.application.shutdown")
    world = World(queue("orders"), Handler(), wait_time=20)
    async with world:
        assert 5 <= await seconds_to_stop(world, after=1) < 6
    assert "1 polls were aborted" in caplog.text


async def test_a_poll_that_ends_by_itself_within_the_poll_grace_is_not_aborted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "loafer.application.shutdown")
    world = World(queue("orders"), Handler(), wait_time=5)
    async with world:
        await asyncio.sleep(0.001)
        world.dispatcher.stop()
        await world.ended()
    assert "aborted" not in caplog.text


async def test_an_answer_that_is_due_is_waited_for_a_little_longer() -> None:
    @attrs.define(eq=False)
    class FarAway(MemoryConsumer):
        async def receive(self, limit: int) -> Sequence[Any]:
            await asyncio.sleep(0.1)
            try:
                return await super().receive(limit)
            finally:
                await asyncio.sleep(0.1)

    source = queue("orders")
    route = Route("orders", "orders", lambda: FarAway(source, 5.0), lambda m: {"content": m.body}, Handler())
    dispatcher = Dispatcher([route], clock=now, threaded_heartbeat=False)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(0.01)
    dispatcher.stop()
    source.send(OutgoingMessage("late", delay=5))
    await running
    assert counts(source) == {"late": 1}
    assert len(source.visible) == 1


async def test_what_is_given_back_stays_hidden_for_as_long_as_an_aborted_poll_may_be_served() -> None:
    source = fifo("a1", "a2", "a3", visibility_timeout=30)
    dispatcher = on(source, handle=Handler(2), options=Options(), wait_time=20.0, abandoned_polls=True)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    dispatcher.stop()
    await running
    assert source.visible == []
    await asyncio.sleep(30)
    assert counts(source) == {"a2": 1, "a3": 1}
    assert len(source.visible) == 2


async def stopped_while_idle(source: MemoryQueue, wait_time: float) -> float:
    """Stop a worker that waits for messages, send one a moment later, and return for how long it took to stop."""
    dispatcher = on(source, handle=Handler(1), options=Options(), wait_time=wait_time, abandoned_polls=True)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    began = now()
    dispatcher.stop()
    await running
    seconds = now() - began
    source.send(OutgoingMessage("a", group="a"))
    await asyncio.sleep(40)
    return seconds


def policies_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no consumer know of a queue's redrive policy."""
    look = MemoryConsumer._look

    def hidden(consumer: MemoryConsumer) -> SourceInfo:
        return attrs.evolve(look(consumer), max_receive_count=None, redrive_known=False)

    monkeypatch.setattr(MemoryConsumer, "_look", hidden)


@pytest.mark.parametrize("receives", [(1, 30), (2, 30), (3, 30), (4, 15), (6, 5)])
@pytest.mark.parametrize("have", ["have", "may have"])
async def test_a_stop_leaves_no_poll_behind_that_takes_a_message_for_one_of_the_few_receives_that_it_has(
    have: str, receives: tuple[int, float], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, visibility_timeout = receives
    if have == "may have":
        policies_are_hidden(monkeypatch)
    caplog.set_level(logging.INFO, "loafer.application.intake")
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo(max_receive_count=most, dead_letters=dead, visibility_timeout=visibility_timeout)
    assert await stopped_while_idle(source, wait_time=20) < 6
    assert len(source.visible) == 1
    assert counts(source) == {"a": 0}
    assert f"its messages {have} few receives, so polls wait for 5 s, no longer than a stop does" in caplog.text


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@pytest.mark.parametrize("grace_period", [2.0, 3.0, 5.0])
@pytest.mark.parametrize("sent_after", [0.0, 0.5, 1.0, 1.5, 2.5, 3.5, 4.5])
async def test_a_stop_takes_no_message_for_its_only_receive_that_it_has_no_time_to_run(
    sent_after: float, grace_period: float, name: str
) -> None:
    source, handler = queue(name, max_receive_count=1, dead_letters=queue(name.replace("orders", "dead"))), Handler(0.1)
    options = Options(grace_period=grace_period)
    async with (world := World(source, handler, options=options, wait_time=20)):
        await asyncio.sleep(0.7)
        world.dispatcher.stop()
        await asyncio.sleep(sent_after)
        source.send(OutgoingMessage("one", group="a" if source.fifo else None))
        await world.ended()
    assert handler.ran == ["one"] * source.counts["received"]


@pytest.mark.parametrize("late", [0.4, 0.9, 3.9])
async def test_a_late_answer_is_waited_for_where_it_may_bring_what_has_no_other_receive(late: float) -> None:
    source, handler = queue("orders", max_receive_count=1, dead_letters=queue("dead")), Handler(1)
    world = World(source, handler, wait_time=20, faults=Faults(late=late))
    async with world:
        await asyncio.sleep(0.001)
        world.dispatcher.stop()
        await asyncio.sleep(4.9)
        source.send(OutgoingMessage("one"))
        await world.ended()
    assert handler.ran == ["one"]
    assert source.counts["deleted"] == 1


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_an_answer_that_lay_unread_while_the_process_stood_still_in_a_stop_is_read_and_given_back(
    name: str,
) -> None:
    source = queue(name)
    world = World(source, Handler(), wait_time=20, faults=Faults(late=6))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.stop()
        await asyncio.sleep(0.1)
        source.send(OutgoingMessage("one", group="a" if source.fifo else None))
        await asyncio.sleep(0.1)  # its answer is on its way
        block(8)
        await world.ended()
    assert len(source.visible) == 1


async def test_an_answer_that_never_comes_is_waited_for_no_longer_than_for_a_late_one() -> None:
    source = queue("orders", max_receive_count=1, dead_letters=queue("dead"))
    world = World(source, Handler(), wait_time=20, faults=Faults(late=3600))
    async with world:
        assert 9 <= await seconds_to_stop(world, after=0.001) < 9.6


@attrs.define(eq=False)
class DeletesLate(MemoryConsumer):
    """A consumer that can delete nothing before a time."""

    well_at: float = 0.0
    tries: list[float] = attrs.field(factory=list)

    async def acknowledge(self, messages: Sequence[Any]) -> Sequence[Any]:
        self.tries.append(now())
        if now() < self.well_at:
            raise ConsumerUnavailable("gone")
        return await super().acknowledge(messages)


@pytest.mark.parametrize("well_at", [2.0, 24.0, 24.7])
async def test_what_a_stop_cannot_delete_is_tried_again_until_it_works_or_the_stop_ends(
    well_at: float,
) -> None:
    source = queue("orders", "one", "two", "three")
    made = DeletesLate(source, 1.0, well_at=now() + 1 + well_at)
    route = Route("orders", "orders", lambda: made, lambda m: {"content": m.body}, Handler(0.5))
    dispatcher = Dispatcher([route], clock=now, threaded_heartbeat=False)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    dispatcher.stop()
    await running
    assert source.counts["deleted"] == 3
    assert len(made.tries) < 3 * 2 * (well_at + 1) + 10


@pytest.mark.parametrize("apart", [0, 2])
@pytest.mark.parametrize("receives", [2, 3])
async def test_what_a_worker_gives_back_in_a_stop_is_taken_by_no_aborted_poll_of_another_that_stops_too(
    receives: int, apart: float
) -> None:
    source = fifo("a1:9", "a2:0", "a3:0", max_receive_count=receives, dead_letters=MemoryQueue("d.fifo", clock=now))
    handler, workers = Handler(), list[tuple[Dispatcher, asyncio.Task[None]]]()

    def start() -> None:
        dispatcher = on(source, handle=handler, options=Options(), wait_time=20.0, abandoned_polls=True)
        workers.append((dispatcher, asyncio.create_task(dispatcher.run())))

    start()
    await asyncio.sleep(4)  # the polls of the others end so much later
    for _ in range(3):
        start()
    await asyncio.sleep(1)
    for dispatcher, _ in reversed(workers):
        dispatcher.stop()
        await asyncio.sleep(apart)
    await asyncio.gather(*(running for _, running in workers))
    await asyncio.sleep(90)
    start()
    await asyncio.sleep(90)
    workers[-1][0].stop()
    await workers[-1][1]
    assert (handler.ran, len(source)) == (["a1:9", "a2:0", "a3:0"], 0)


async def test_polls_wait_for_as_long_as_they_were_made_to_again_once_their_queue_grants_more_receives() -> None:
    source = fifo(max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    dispatcher = on(source, handle=Handler(1), options=Options(), wait_time=20.0)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    [lane] = dispatcher._lanes
    assert lane.consumer.wait_time == 5
    source.max_receive_count = 4
    await asyncio.sleep(300)
    assert lane.consumer.wait_time == 20
    dispatcher.stop()
    await running


async def test_without_any_grace_all_is_given_back_at_once_and_stays_hidden_from_the_aborted_polls() -> None:
    source = fifo("a1", "a2")
    options = Options(poll_grace=0, grace_period=0)
    dispatcher = on(source, handle=Handler(2), options=options, wait_time=20.0, abandoned_polls=True)
    running = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(1)
    began = now()
    dispatcher.stop()
    await running
    assert now() - began < 1
    await asyncio.sleep(30)
    assert counts(source) == {"a1": 1, "a2": 1}
    assert len(source.visible) == 2


async def test_a_poll_grace_beyond_the_bound_of_the_stop_is_cut() -> None:
    world = World(queue("orders"), Handler(), Options(grace_period=0, poll_grace=1000), wait_time=20)
    async with world:
        await asyncio.sleep(1)
        began = now()
        world.dispatcher.stop()
        await world.ended()
        assert now() - began < 8


async def test_waiting_messages_at_their_last_receive_run_within_the_grace_period() -> None:
    handler = Handler(1)
    world = World(redriven("a1", "a2", "a3", receives=1), handler, Options(grace_period=10))
    async with world:
        await asyncio.sleep(0.5)
    assert handler.ran == ["a1", "a2", "a3"]
    assert len(world.queue) == 0


async def test_before_a_message_at_its_last_receive_runs_what_stands_before_it_and_nothing_else() -> None:
    source = fifo("a1", "a2", "b1", "b2", max_receive_count=2, dead_letters=MemoryQueue("dead.fifo", clock=now))
    entries = {entry.message.body: entry for entry in source._entries.values()}
    entries["a2"].receive_count = 1
    source.send(OutgoingMessage("a3", group="a"))
    handler = Handler(1)
    world = World(source, handler, Options(grace_period=10))
    async with world:
        await asyncio.sleep(0.5)
    assert sorted(handler.ran) == ["a1", "a2", "b1"]
    assert counts(source) == {"a3": 1, "b2": 1}
    assert len(source.visible) == 2


@pytest.mark.parametrize("receives", [1, 2])
async def test_where_the_redrive_policy_is_unknown_what_waits_runs_in_a_stop_for_it_may_be_at_its_last_receive(
    receives: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies_are_hidden(monkeypatch)
    handler = Handler(0.4)
    dead = MemoryQueue("dead", clock=now)
    source = queue("orders", *"123456789", max_receive_count=receives, dead_letters=dead)
    async with World(source, handler, Options(max_jobs=2)) as world:
        await asyncio.sleep(0.5)
        assert world.dispatcher.held > 2
    assert len(handler.ran) + len(source) == 9
    assert not any(counts(source).values())  # nothing was given back unrun


async def test_on_standard_queues_messages_at_their_last_receive_run_too_and_others_go_back() -> None:
    source = queue("orders", max_receive_count=2, dead_letters=MemoryQueue("dead", clock=now))
    handler = Handler(10)
    world = World(source, handler, Options(max_jobs=1), wait_time=1)
    async with world:
        for _ in range(20):
            source.send(OutgoingMessage("quick:0.01"))
        await asyncio.sleep(0.5)
        source.send(OutgoingMessage("slow:5"))
        for body in ("first:1", "second:1", "third:1"):
            source.send(OutgoingMessage(body))
        entries = {entry.message.body: entry for entry in source._entries.values()}
        entries["second:1"].receive_count = 1
        await asyncio.sleep(1)
        assert world.dispatcher.held == 4
    assert handler.ran[20:] == ["slow:5", "second:1"]
    assert counts(source) == {"first:1": 1, "third:1": 1}


async def test_what_an_outstanding_poll_brings_at_its_last_receive_runs_while_grace_is_left() -> None:
    source = redriven("a1", receives=0)
    handler = Handler(1)
    world = World(source, handler, Options(grace_period=10, poll_grace=20), wait_time=4)
    async with world:
        await asyncio.sleep(3)
        source.send(OutgoingMessage("b1", group="b"))
        source.send(OutgoingMessage("b2", group="b"))
        entries = {entry.message.body: entry for entry in source._entries.values()}
        entries["b1"].receive_count = 1
        world.dispatcher.stop()
        await world.ended()
    assert handler.ran == ["a1", "b1"]
    assert counts(source) == {"b2": 1}


@pytest.mark.parametrize(("name", "messages", "stops_at"), [("orders", 16, 0.7), ("orders.fifo", 40, 1.2)])
@pytest.mark.parametrize("extending", [AccessDenied("not for you"), ConsumerUnavailable("gone")])
async def test_what_a_stop_was_to_give_back_and_its_own_poll_takes_for_a_last_time_runs(
    name: str, messages: int, stops_at: float, extending: Exception
) -> None:
    dead = MemoryQueue("dead" + name.removeprefix("orders"), clock=now)
    source = MemoryQueue(name, visibility_timeout=4, max_receive_count=2, dead_letters=dead, clock=now)
    for number in range(messages):
        source.send(OutgoingMessage(f"{number}", group=str(number % 5) if source.fifo else None))
    handler = Handler(0.1)
    faults = Faults(extending=[extending] * 1000)
    world = World(source, handler, Options(max_jobs=2), faults, wait_time=20)
    async with world:
        await asyncio.sleep(stops_at)
        world.dispatcher.stop()
        await world.ended()
    last = [body for body, count in counts(source).items() if count == 2]
    assert (last, len(dead)) == ([], 0)
    assert len(source) + len(handler.ran) == messages
    assert faults.received.total() > messages - len(source), "some came again"


def test_what_comes_again_for_a_last_time_runs_with_what_is_before_it_and_not_where_that_has_run_already() -> None:
    stop, sent = Stop(), list[Lease]()
    stop.request()
    gate = Gate(stop, lambda: 0.0, lambda lease, _: sent.append(lease))
    leases = {
        name: Lease(Message(name, body="", receipt="", group=name[0], receive_count=count), 0.0, 0.0, 0.0)
        for name, count in {"a1": 2, "a2": 2, "b1": 1, "b2": 2, "b3": 1, "c1": 2, "c2": 2, "d1": 1}.items()
    }
    leases["a1"].runs = 1
    gate.release(list(leases.values()), 0)
    taken = gate.take_out({"a1", "a2", "b1", "b2", "b3", "c2", "d1"}, 2, group_of)
    assert taken == [leases["b1"], leases["b2"]]
    gate.open(0.0)
    assert sent == [leases[name] for name in ("a1", "a2", "b3", "c1", "c2", "d1")]


async def test_a_last_receive_for_which_no_time_is_left_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    source = redriven("a1:5", "a2:1", receives=1)
    handler = Handler()
    world = World(source, handler, Options(grace_period=1))
    async with world:
        await asyncio.sleep(0.5)
    assert (handler.cancelled, handler.ran) == (["a1:5"], [])
    assert [line for line in caplog.messages if "orders.fifo-2: given back unrun at its last receive" in line]


async def test_a_head_that_fails_during_a_stop_runs_again_in_its_place_for_those_behind_it() -> None:
    source = fifo("a1", "a2", max_receive_count=2, dead_letters=MemoryQueue("dead.fifo", clock=now))
    entries = {entry.message.body: entry for entry in source._entries.values()}
    entries["a2"].receive_count = 1
    ran: list[str] = []

    async def handle(content: str) -> None:
        ran.append(content)
        await asyncio.sleep(1)
        if ran == ["a1"]:
            raise IgnoreMessage(delay=1)

    world = World(source, handle, Options(grace_period=10))
    async with world:
        await asyncio.sleep(0.5)
    assert ran == ["a1", "a1", "a2"]
    assert len(source) == 0


async def test_with_two_receives_a_restart_dead_letters_nothing_unrun() -> None:
    source = redriven("a1", "a2", "a3", "a4", receives=0)
    handler = Handler(1)
    for _ in range(2):
        world = World(source, handler, Options(grace_period=20), wait_time=20)
        async with world:
            await asyncio.sleep(0.5)
    last = await World(source, handler).run_for(40)
    assert handler.ran == ["a1", "a2", "a3", "a4"]
    assert len(last.queue) == 0
    assert source.dead_letters is not None
    assert len(source.dead_letters) == 0


async def test_no_new_receive_begins_once_a_stop_was_asked_for() -> None:
    world = World(queue("orders"), Handler(), faults=Faults(), wait_time=2)
    async with world:
        await asyncio.sleep(5)
        receives = len(world.faults.calls)
    assert len(world.faults.calls) == receives


async def test_two_lines_tell_of_a_stop(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "loafer.application.shutdown")
    world = World(fifo("a1", "a2"), Handler(3), Options(grace_period=10))
    async with world:
        await asyncio.sleep(1)
    assert caplog.messages == [
        "stopping: 1 handlers run, 1 messages wait, 1 polls are open; the grace period is 10 s",
        "stopped after 2.0 s; left behind: nothing",
    ]
