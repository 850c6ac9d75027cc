"""What is seen of a worker from outside, number by number: statuses, what is held, notes, the summary of a minute."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import ANY

import attrs
import pytest
from test_log_lines import said
from test_queues import ARN, DEAD, ORDERS, look
from test_status import ROUTE
from test_tally import hold, lane_of, route_of
from world import Faults, World, queue

from loafer.application import dispatcher
from loafer.application.handled import HANDLED, TAKER, Handled, handled
from loafer.application.health import not_alive, not_ready, word_for
from loafer.application.heartbeat import Heartbeat
from loafer.application.histories import Histories
from loafer.application.holding import held_in, stacks_in, what_waits
from loafer.application.lookout import Lookout
from loafer.application.options import Options
from loafer.application.queues import Waiting, waiting
from loafer.application.route import BatchCall
from loafer.application.status import RouteStatus, Status, View
from loafer.application.stuck import Stuck, log_held
from loafer.application.summary import REMEMBERED, Summary, percentile
from loafer.application.watchdog import Watchdog
from loafer.domain.history import Note
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.share import Share
from loafer.exceptions import ConsumerUnavailable
from loafer.ports.observer import Cause

approx: Any = pytest.approx


async def handle(content: str) -> None:
    await asyncio.sleep(float(content))  # the line that is to be named


def view_of(world: World) -> View:
    assert world.dispatcher.view is not None
    return world.dispatcher.view


async def test_a_route_is_seen_with_its_limit_what_it_holds_and_what_its_handlers_took() -> None:
    options = Options(max_jobs=5, prefetch=6, grace_period=0)
    world = World(queue("orders", "1", "2", "3", *["100"] * 9, visibility_timeout=300), handle, options)
    world.dispatcher.routes = [attrs.evolve(world.route(), share=Share(max_jobs=3))]
    async with world:
        await asyncio.sleep(20)
        status = world.dispatcher.status()
        [route] = status.routes
        world.dispatcher.pause("orders")
        assert (status.up, status.stopping, status.blocked, status.latency) == (approx(20), False, 0.0, 0.0)
        assert (status.heartbeat, status.tick) == (approx(0, abs=1), 1.0)
        assert (route.jobs, route.limit, route.held) == (3, 3, world.dispatcher.held)
        assert route.waiting == route.held - 3 > 0
        assert (route.p50, route.p99) == (approx(2), approx(3))
        assert route.oldest is not None
        assert route.oldest.seconds > 15
        assert route.calls["receive"] > 0
        assert route.calls["acknowledge"] > 0
        assert world.dispatcher.status().routes[0].paused
        assert (route.trouble, route.trouble_for, route.backlog) == (None, 0.0, None)
        world.dispatcher.stop()
        assert world.dispatcher.status().stopping


async def test_before_a_dispatcher_runs_it_is_seen_only_whether_it_was_asked_to_stop() -> None:
    dispatcher = World(queue("orders"), handle).dispatcher
    assert dispatcher.status() == Status(at=ANY)
    dispatcher.stop()
    assert dispatcher.status() == Status(at=ANY, stopping=True)


async def test_a_receive_is_overdue_beyond_its_wait_and_trouble_is_told_since_it_began() -> None:
    world = World(queue("orders"), handle, faults=Faults(late=50), wait_time=10)
    async with world:
        await asyncio.sleep(40)
        [route] = world.dispatcher.status().routes
        assert route.overdue == approx(30)
        assert route.last_receive is None
        world.faults.late = 0
        await asyncio.sleep(20.5)
        [route] = world.dispatcher.status().routes
        assert (route.overdue, route.last_receive) == (0.0, approx(0.5))
        world.faults.receiving += [ConsumerUnavailable("gone")] * 99
        await asyncio.sleep(60)
        [route] = world.dispatcher.status().routes
        assert route.trouble == "source 'orders': gone"
        assert route.trouble_for == approx(50.5, abs=0.1)
        world.faults.receiving.clear()


async def test_several_troubles_are_told_together_and_since_the_first() -> None:
    world = World(queue("orders"), handle, wait_time=100)
    async with world:
        await asyncio.sleep(1)
        [lane] = world.dispatcher._lanes
        first, second = lane.trouble("this"), lane.trouble("that")
        first.note(ConsumerUnavailable("gone"))
        await asyncio.sleep(5)
        second.note(ConsumerUnavailable("gone too"))
        await asyncio.sleep(2)
        [route] = world.dispatcher.status().routes
        assert (route.trouble, route.trouble_for) == ("this: gone; that: gone too", approx(7))


async def test_what_is_held_is_told_each_with_what_becomes_of_it() -> None:
    options = Options(max_jobs=1, prefetch=5, grace_period=0)
    world = World(queue("orders", *["0.3"] * 8, "100", *["0.3"] * 20, visibility_timeout=300), handle, options)
    async with world:
        await asyncio.sleep(10)
        view = view_of(world)
        first, *others = held_in(view)
        [(_, _, lease, handling)] = view.handled()
        assert (first.id, first.route, first.what, first.attempt) == ("orders-9", "orders", "runs", 1)
        assert first.handled == handling.seconds
        assert first.age == approx(view.clock() - (lease.ends_at - 43_195), abs=10)
        assert first.lease_left == handling.lease_left == lease.deadline - view.clock()
        assert {(each.what, each.handled) for each in others} == {("waits", None)}
        assert [each.age for each in others] == sorted((each.age for each in others), reverse=True)
        assert min(each.age for each in others) >= 0
        [(identity, route, stack)] = stacks_in(view)
        assert (identity, route) == ("orders-9", "orders")
        assert "# the line that is to be named" in stack
        assert list(stacks_in(view, "orders-9")) == [(identity, route, stack)]
        assert list(stacks_in(view, "orders-10")) == []


async def test_what_handlers_have_had_for_longest_is_at_the_top() -> None:
    world = World(queue("orders", visibility_timeout=300), handle, Options(grace_period=0), wait_time=0.5)
    async with world:
        for body in ("100", "200", "300"):
            world.queue.send(OutgoingMessage(body))
            await asyncio.sleep(5)
        assert [each.id for each in held_in(view_of(world))] == ["orders-1", "orders-2", "orders-3"]


async def test_what_waits_is_said_in_words() -> None:
    [lease] = hold(lane_of(route_of()), "x")
    assert what_waits(lease) == "waits"
    lease.release_delay = 0.0
    assert what_waits(lease) == "waits to be given back"
    lease.settling = True
    assert what_waits(lease) == "waits to be deleted"


async def test_the_list_of_what_is_held_is_word_for_word_so(caplog: pytest.LogCaptureFixture) -> None:
    options = Options(max_jobs=1, prefetch=5, grace_period=0)
    world = World(queue("orders", *["0.3"] * 8, "100", *["0.3"] * 20, visibility_timeout=300), handle, options)
    async with world:
        await asyncio.sleep(10)
        view = view_of(world)
        caplog.clear()
        log_held(view)
        held = held_in(view)
    (_, first), (level, second), *waits = said(caplog, "stuck")
    assert first == f"asked for what is held: {len(held)} messages, 1 of them by handlers"
    left = f"{held[0].lease_left:.1f}"
    text = f"message orders-9 on route orders: for {held[0].handled:.1f} s by its handler, attempt 1, lease left {left}"
    assert (level, second.splitlines()[0]) == ("WARNING", f"{text} s, at:")
    assert "# the line that is to be named" in second
    record = caplog.records[1].__dict__
    assert (record["message_id"], record["route"], record["attempt"]) == ("orders-9", "orders", 1)
    assert sorted(text for _, text in waits) == sorted(
        f"message {each.id} on route orders: waits, attempt 1, lease left {each.lease_left:.1f} s" for each in held[1:]
    )


async def test_a_handler_that_runs_for_long_is_warned_of_word_for_word(caplog: pytest.LogCaptureFixture) -> None:
    world = World(queue("orders", "1000", visibility_timeout=30), handle, Options(grace_period=0))
    async with world:
        await asyncio.sleep(58)
        view = view_of(world)
        stuck = Stuck(lambda: view)
        stuck.look()
        assert said(caplog, "stuck") == []
        await asyncio.sleep(192)
        caplog.clear()
        stuck.look()
        stuck.look()
        [(level, text)] = said(caplog, "stuck")
        first, *where = text.splitlines()
        assert (level, first) == (
            "WARNING",
            "message orders-1 on route orders: its handler has run for 250 s, and is at:",
        )
        assert "# the line that is to be named" in "".join(where)
        assert stuck._next == {next(iter(view.handled()))[2]: 480.0}, "256 s are over, and it was told late"


async def test_a_handler_that_cannot_be_looked_at_is_warned_of_and_keeps_nobody_from_being_seen(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def stack_of(*_: object) -> str:
        raise KeyError("whatever users await")

    world = World(queue("orders", "1000", "1000", visibility_timeout=30), handle, Options(grace_period=0))
    async with world:
        await asyncio.sleep(70)
        caplog.clear()
        monkeypatch.setattr("loafer.application.stuck.stack_of", stack_of)
        view = view_of(world)
        stuck = Stuck(lambda: view)
        stuck.look()
        stuck.look()
        told = [text.splitlines()[1] for _, text in said(caplog, "stuck")]
        assert told == ["(what it awaits cannot be looked at: KeyError)"] * 2


def test_before_anything_runs_there_is_nothing_to_look_at() -> None:
    Stuck(lambda: None).look()


MESSAGE = Message("1", "x", "r", source="orders", receive_count=3)


def test_each_note_says_all_that_is_known() -> None:
    notes: list[Note] = []
    histories = Histories(notes.append, lambda: 9.0, 41)
    histories.handled([("orders", MESSAGE, Outcome.FAILED, KeyError("x"), 1.5)])
    histories.comes_back(MESSAGE, Cause.FAILED)
    same = {"at": 9.0, "worker": 41, "source": "orders", "id": "1", "receives": 3}
    assert notes == [
        Note(**same, kind="ran", word="failed", error="KeyError", seconds=1.5),  # type: ignore[arg-type]
        Note(**same, kind="comes back", word="failed", error="", seconds=0.0),  # type: ignore[arg-type]
    ]


@pytest.mark.parametrize(
    ("receives", "runs_before", "outcome", "noted"),
    [
        (1, 0, Outcome.SUCCEEDED, False),
        (1, 0, Outcome.REJECTED, False),
        (1, 0, Outcome.IGNORED, True),
        (2, 0, Outcome.SUCCEEDED, True),
        (1, 1, Outcome.SUCCEEDED, True),
    ],
)
def test_what_is_done_at_the_first_attempt_is_not_noted(
    receives: int, runs_before: int, outcome: Outcome, *, noted: bool
) -> None:
    notes: list[Note] = []
    message = attrs.evolve(MESSAGE, receive_count=receives, runs_before=runs_before)
    Histories(notes.append).handled([("orders", message, outcome, None, 1.0)])
    assert bool(notes) is noted


async def test_a_minute_is_summed_up_and_the_next_one_begins_anew() -> None:
    lane = lane_of(route_of())
    summary = Summary(lane, 5.0)
    lane.listen(summary)
    for outcome, number in (
        (Outcome.SUCCEEDED, 4),
        (Outcome.FAILED, 3),
        (Outcome.UNTRANSLATED, 2),
        (Outcome.REJECTED, 5),
        (Outcome.IGNORED, 6),
    ):
        for each in range(number):
            summary.handled([("orders", attrs.evolve(MESSAGE, sent_at=90.0), outcome, None, each + 1.0)])
        lane.events.count([outcome] * number, [])
    hold(lane, "x", "x")
    assert summary.take(65.0, lambda: 200.0) == {
        "seconds": 60.0,
        "done": 4,
        "rejected": 5,
        "failed": 5,
        "kept": 11,
        "held": 2,
        "p50": 2.0,
        "p99": 6.0,
        "backlog": 45.0,  # 110 s by the wall, 65 s since it ended
    }
    assert summary.take(125.0) == {"seconds": 60.0, "done": 0, "rejected": 0, "failed": 0, "kept": 0, "held": 2}
    lane.finished(lane.order.spare(None))
    assert summary.take(185.0) == {}
    assert summary.seconds.maxlen == REMEMBERED


async def test_a_message_that_says_not_when_it_was_sent_tells_no_backlog_and_one_of_the_future_none() -> None:
    lane = lane_of(route_of())
    summary = Summary(lane, 0.0)
    summary.handled([("orders", MESSAGE, Outcome.SUCCEEDED, None, 1.0)])
    assert "backlog" not in summary.take(1.0)
    summary.handled([("orders", attrs.evolve(MESSAGE, sent_at=1e12), Outcome.SUCCEEDED, None, 1.0)])
    assert summary.take(1.0)["backlog"] == 0.0


def test_percentiles_of_few_numbers_are_among_them() -> None:
    assert [percentile([1, 2, 3], share) for share in (0, 1 / 3, 0.34, 2 / 3, 0.67, 1)] == [1, 1, 2, 2, 3, 3]


async def test_the_line_of_a_minute_is_word_for_word_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    source = queue("orders", "1", "2", visibility_timeout=300)
    await World(source, handle, Options(grace_period=0)).run_for(61)
    [(level, text)] = said(caplog, "summary")
    assert level == "INFO"
    assert text.startswith(
        "route orders: 2 done, 0 failed, 0 rejected, 0 kept in 60 s; 0 held; handling took p50 1.000 s, p99 2.000 s; "
        "the backlog is "
    )
    assert text.endswith(" s old")
    record = next(each for each in caplog.records if each.name.endswith("summary")).__dict__
    assert record["route"] == "orders"
    assert set(record["summary"]) == {
        "seconds",
        "done",
        "rejected",
        "failed",
        "kept",
        "held",
        "p50",
        "p99",
        "backlog",
    }
    assert (record["summary"]["seconds"], record["summary"]["p50"]) == (60.0, 1.0)


def busy(**changes: Any) -> RouteStatus:
    return attrs.evolve(ROUTE, **changes)


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (Status(heartbeat=3.1, stopping=True), "wedged"),
        (Status(stopping=True, routes=(busy(trouble="x"),)), "stopping"),
        (Status(routes=(busy(), busy(trouble="x", last_receive=None))), "in trouble"),
        (Status(routes=()), "starting"),
        (Status(routes=(busy(), busy(last_receive=None))), "starting"),
        (Status(routes=(busy(paused=True), busy(paused=True, last_receive=None))), "paused"),
        (Status(routes=(busy(), busy(paused=True, last_receive=None))), "idle"),
        (Status(routes=(busy(), busy(jobs=1))), "busy"),
    ],
)
def test_a_worker_is_told_in_a_word(status: Status, word: str) -> None:
    assert word_for(status, 30) == word


@pytest.mark.parametrize(
    ("status", "reasons"),
    [
        (Status(stopping=True), ["it is stopping", "it has not begun to receive"]),
        (Status(routes=(busy(last_receive=None, paused=True),)), []),
        (Status(routes=(busy(trouble="x: gone", trouble_for=29.9),)), []),
        (Status(routes=(busy(trouble="x: gone", trouble_for=30.0),)), ["route orders: in trouble for 30 s: x: gone"]),
        (
            Status(routes=(busy(trouble="x: gone", trouble_for=1.0, last_receive=None),)),
            ["route orders: no receive has been answered yet", "route orders: in trouble for 1 s: x: gone"],
        ),
    ],
)
def test_a_worker_that_is_not_ready_says_why(status: Status, reasons: list[str]) -> None:
    assert not_ready(status) == reasons


def test_a_worker_that_is_not_alive_says_all_that_is_wrong() -> None:
    status = Status(heartbeat=0.7, tick=0.2, blocked=5.0, routes=(busy(overdue=15.1), busy(overdue=None)))
    assert not_alive(status, 4) == [
        "the heartbeat last ticked 0.7 s ago, and should every 0.2 s",
        "the event loop has not answered for 5.0 s: something blocks it",
        "route orders: a receive has taken 15 s longer than it waits",
    ]


def test_a_row_of_a_queue_has_all_of_its_numbers() -> None:
    before = attrs.evolve(ORDERS, visible=200, in_flight=30, delayed=20)
    facts = attrs.evolve(ORDERS, visible=90, in_flight=10, delayed=50)
    [row] = waiting(look(before), look(facts, attrs.evolve(DEAD, delayed=3)), 10, {"orders": 5}, "ord")
    assert row == Waiting(
        name="orders",
        visible=90,
        in_flight=10,
        delayed=50,
        net=-10,
        out=0.5,
        into=0.0,
        eta=15.0,
        dead_letters="dead",
        dead=9,
    )


def test_what_is_not_known_of_a_queue_is_left_out() -> None:
    [row] = waiting(look(attrs.evolve(ORDERS, known=False)), look(ORDERS), 10, {"orders": 5})
    assert (row.net, row.out, row.into, row.eta, row.dead) == (None, 0.5, None, None, None)
    [row] = waiting(look(ORDERS), look(ORDERS, attrs.evolve(DEAD, known=False)), 0, {"orders": 5}, "ord")
    assert (row.net, row.out, row.into, row.dead) == (None, None, None, None)
    empty = attrs.evolve(ORDERS, visible=0, in_flight=0, dead_letters=None)
    [row] = waiting(look(ORDERS), look(empty), 10, {})
    assert (row.net, row.eta, row.dead_letters) == (-10, None, None)
    [unknown] = waiting({}, look(attrs.evolve(ORDERS, known=False)), 10, {})
    assert unknown == Waiting(name="orders", visible=None)
    assert [each.arn for each in look(ORDERS).values()] == [f"{ARN}orders"]


async def test_what_is_handled_is_told_with_its_route_its_group_and_how_long_it_had_waited() -> None:
    lane = lane_of(route_of(name="shop", source="https://queue/orders"))
    assert handled() is None
    HANDLED.set((lane, attrs.evolve(MESSAGE, group="a\x1b", sent_at=90.0, runs_before=1), -2.5))
    assert handled(lambda: 100.0) == Handled("1", "shop", "https://queue/orders", 4, "a\\x1b", 7.5)
    TAKER.set("clicks")
    HANDLED.set((lane, attrs.evolve(MESSAGE, sent_at=99.0), 0.0))
    assert handled(lambda: 98.0) == Handled("1", "clicks", "https://queue/orders", 3, None, 0.0)
    HANDLED.set((lane, MESSAGE, 0.0))
    found = handled()
    assert found is not None
    assert found.latency is None


async def test_a_handler_that_is_being_started_or_blocks_the_loop_is_shown_by_the_loops_thread() -> None:
    seen: list[tuple[str, str, str]] = []

    async def looks(content: str) -> None:
        view = view_of(world)
        assert view.loop_thread is None
        watched = attrs.evolve(view, watchdog=Watchdog(view.clock, Lookout(view.clock)))
        seen.extend(stacks_in(watched))  # the line that it is at
        await asyncio.sleep(0.1)
        seen.extend(stacks_in(watched))  # and the one that it is at later

    world = World(queue("orders", "x"), looks)
    await world.run_for(1)
    [(first, _, early), (second, _, late)] = seen
    assert first == second == "orders-1"
    assert "# the line that it is at" in early
    assert "# and the one that it is at later" in late


async def test_many_that_are_being_started_are_seen_together_while_they_run() -> None:
    seen: list[str] = []

    async def looks(items: Any) -> None:
        seen.extend(handling.id for _, _, _, handling in view_of(world).handled())

    world = World(queue("orders", "x", "y"), looks)
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(looks, size=2))]
    await world.run_for(2)
    assert seen == ["orders-1", "orders-2"]


async def test_the_age_of_the_heartbeat_is_that_of_its_last_tick_and_never_of_the_future() -> None:
    async with World(queue("orders"), handle) as world:
        await asyncio.sleep(5)
        view = view_of(world)
        view.heartbeat.beaten = view.clock() - 7
        assert view.status().heartbeat == approx(7)
        view.heartbeat.beaten = view.clock() + 7
        assert view.status().heartbeat == 0


async def test_a_status_tells_for_how_long_the_loop_has_not_answered_and_no_receive_is_overdue_for_that() -> None:
    async with World(queue("orders"), handle) as world:
        await asyncio.sleep(5)
        view = view_of(world)
        at = view.clock()
        watchdog = Watchdog(view.clock, Lookout(view.clock))
        watchdog.blocked_for()
        status = attrs.evolve(view, watchdog=watchdog, clock=lambda: at + 40).status()
        assert (status.blocked, status.routes[0].overdue) == (approx(40), 0)
        assert not_alive(status, 30)[-1] == "the event loop has not answered for 40.0 s: something blocks it"


async def test_the_heartbeat_looks_at_the_watched_loop_where_it_has_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Heartbeat] = []

    @asynccontextmanager
    async def on_a_thread(heartbeat: Heartbeat, _: object) -> AsyncIterator[None]:
        given.append(heartbeat)
        yield

    monkeypatch.setattr(dispatcher, "beating_on_a_thread", on_a_thread)
    world = World(queue("orders"), handle)
    world.dispatcher.threaded_heartbeat = True
    async with world:
        await asyncio.sleep(1)
        watchdog, [heartbeat] = view_of(world).watchdog, given
        assert isinstance(watchdog, Watchdog)
        assert heartbeat.look() == 0
        assert watchdog._asked == view_of(world).clock()
        await asyncio.sleep(1)
        assert view_of(world).status().blocked == 0, "it has answered"
