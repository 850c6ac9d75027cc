"""What the log says when something goes wrong, word for word: it is what people search for, and alerts match."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import attrs
import pytest
from test_dead_letter_after import AGAIN, NEVER, with_letters
from test_fifo import Handler, fifo
from world import Faults, FlakyConsumer, NoAnswer, World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.heartbeat import Heartbeat
from loafer.application.lane import Lane
from loafer.application.lookout import Lookout
from loafer.application.options import Options
from loafer.application.shutdown import Left
from loafer.application.trouble import Trouble
from loafer.application.watchdog import Watchdog
from loafer.domain.batch import Failure
from loafer.domain.message import Attribute, Message, OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable
from loafer.ports.consumer import SourceInfo

GONE = ConsumerUnavailable("gone")
WARNING, INFO, ERROR = "WARNING", "INFO", "ERROR"


def said(caplog: pytest.LogCaptureFixture, *of: str) -> list[tuple[str, str]]:
    """Return level and text of what modules of this ring have logged."""
    names = {f"loafer.application.{each}" for each in of}
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name in names]


async def succeed(content: Any) -> None:
    """Handle anything."""


async def fail(content: Any) -> None:
    raise ValueError


async def takes_5_s(content: Any) -> None:
    await asyncio.sleep(5)


async def takes_an_hour(content: Any) -> None:
    await asyncio.sleep(3600)


async def test_a_deletion_that_is_refused_is_a_warning_that_its_message_comes_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    await World(queue("orders", "one"), succeed, faults=Faults(settling=[AGAIN, NEVER])).run_for(3)
    assert said(caplog, "outbox") == [
        (WARNING, "message orders-1 could not be acknowledged, trying again: not now"),
        (WARNING, "message orders-1 was not acknowledged and comes back: not allowed"),
    ]


async def test_a_release_that_fails_is_called_one(caplog: pytest.LogCaptureFixture) -> None:
    world = World(queue("orders", "one"), fail, Options(retry_delay=60), Faults(settling=[AGAIN, NEVER]))
    await world.run_for(3)
    assert said(caplog, "outbox") == [
        (WARNING, "message orders-1 could not be released, trying again: not now"),
        (WARNING, "message orders-1 was not released and comes back: not allowed"),
    ]


async def test_a_call_that_fails_as_a_whole_is_told_for_each_message_with_its_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    await World(queue("orders", "one"), succeed, faults=Faults(settling=[GONE])).run_for(3)
    assert said(caplog, "outbox") == [(WARNING, "message orders-1 could not be acknowledged, trying again: gone")]


async def test_what_a_broken_consumer_raises_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    await World(queue("orders", "one"), succeed, faults=Faults(settling=[KeyError("x")])).run_for(3)
    assert said(caplog, "outbox") == [
        (ERROR, "the consumer of 'orders' broke"),
        (WARNING, "message orders-1 could not be acknowledged, trying again: KeyError: 'x'"),
    ]
    assert isinstance((caplog.records[0].exc_info or (None, None))[1], KeyError)


async def test_a_stale_deletion_says_whether_it_was_refused_too(caplog: pytest.LogCaptureFixture) -> None:
    source = queue("orders", "one", "two", visibility_timeout=6)
    faults = Faults(extending=[NEVER, NEVER], settling=[None, NEVER])
    await World(source, takes_5_s, faults=faults).run_for(5.5)
    assert said(caplog, "settlement") == [
        (WARNING, "message orders-1: stale: acknowledged after its lease had ended"),
        (WARNING, "message orders-2: stale: acknowledged and refused after its lease had ended"),
    ]


async def test_what_cannot_be_moved_is_said_to_be_kept_or_left_to_its_source(caplog: pytest.LogCaptureFixture) -> None:
    await World(
        with_letters("one"), fail, Options(retry_delay=Retry(dead_letter_after=1)), Faults(dead_lettering=[NEVER] * 2)
    ).run_for(2)
    ordered = with_letters("one", name="orders.fifo", count=1)
    await World(ordered, fail, faults=Faults(dead_lettering=[NEVER] * 2)).run_for(2)
    assert said(caplog, "keeping", "redrive") == [
        (WARNING, "message orders-1: kept, not moved to the dead-letter queue: not allowed"),
        (WARNING, "message orders.fifo-1: left to the source's own redrive: not allowed"),
    ]


async def test_a_message_that_is_moved_is_told_with_its_attempts(caplog: pytest.LogCaptureFixture) -> None:
    options = Options(retry_delay=Retry(delay=1, dead_letter_after=3))
    await World(with_letters("one"), fail, options).run_for(5)
    assert said(caplog, "keeping", "redrive") == [
        (WARNING, "message orders-1: moved to the dead-letter queue at attempt 3, run 1 since its last receive"),
    ]


async def test_a_copy_that_may_be_there_more_than_once_is_told(caplog: pytest.LogCaptureFixture) -> None:
    options, faults = Options(retry_delay=Retry(dead_letter_after=1)), Faults(dead_lettering=[NoAnswer("lost")] * 2)
    await World(with_letters("one"), fail, options, faults).run_for(5)
    told = "its copy may be there 3 times, for the first answers may have been lost"
    assert said(caplog, "redrive") == [
        (
            WARNING,
            f"message orders-1: moved to the dead-letter queue at attempt 1, run 1 since its last receive; {told}",
        ),
    ]


async def test_a_reason_for_which_there_is_no_room_is_told_and_the_message_is_moved(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = with_letters()
    source.send(OutgoingMessage("one", {f"own-{number}": Attribute("x") for number in range(10)}))
    await World(source, fail, Options(retry_delay=Retry(dead_letter_after=1))).run_for(5)
    text = "its attributes have no room for the reason why it is moved to the dead-letter queue: ValueError"
    assert said(caplog, "redrive") == [
        (WARNING, f"message orders-1: {text}"),
        (WARNING, "message orders-1: moved to the dead-letter queue at attempt 1, run 1 since its last receive"),
    ]


async def test_a_move_that_breaks_is_logged_with_its_traceback_and_not_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options, breaks = Options(retry_delay=Retry(dead_letter_after=1)), Faults(dead_lettering=[KeyError("x")] * 100)
    await World(with_letters("one"), fail, options, breaks).run_for(2)
    broke = (ERROR, "the consumer of 'orders' broke")
    kept = (WARNING, "message orders-1: kept, not moved to the dead-letter queue: KeyError: 'x'")
    assert said(caplog, "redrive", "keeping") == [broke, broke, kept]  # the second time without a reason
    assert isinstance((caplog.records[1].exc_info or (None, None))[1], KeyError)


async def test_trouble_is_told_when_it_begins_each_five_minutes_and_when_it_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    caplog.set_level(logging.INFO)
    world = World(queue("orders"), succeed, faults=Faults(receiving=[GONE] * 29))
    async with world:
        await asyncio.sleep(800)
    assert said(caplog, "trouble") == [
        (WARNING, "trouble with source 'orders', trying again until it works: gone"),
        (WARNING, "trouble with source 'orders' for 5 minutes, trying again until it works: gone"),
        (WARNING, "trouble with source 'orders' for 10 minutes, trying again until it works: gone"),
        (INFO, "source 'orders' works again after 752.0 s and 29 tries"),
    ]


def test_trouble_is_told_on_the_very_second_and_counted_anew_each_time() -> None:
    time, told = [0.0], list[tuple[str, str, Exception | None]]()
    trouble = Trouble("x", lambda: time[0], "orders", (lambda *all_of: told.append(all_of),))
    assert (trouble.worked, trouble.tries, trouble.error) == (False, 0, None)
    trouble.over()
    assert (trouble.worked, told) == (True, [])
    for time[0] in (10.0, 20.0):
        trouble.note(GONE)
    assert (trouble.since, trouble.tries, trouble.error) == (10.0, 2, GONE)
    trouble.over()
    assert (trouble.tries, trouble.error) == (0, None)
    assert told == [("orders", "x", GONE), ("orders", "x", GONE), ("orders", "x", None)]


def test_access_is_denied_for_too_long_only_if_nothing_else_went_wrong_meanwhile() -> None:
    time = [0.0]
    trouble = Trouble("x", lambda: time[0])
    trouble.over()
    denied = AccessDenied("no")
    for time[0], error, too_long in (
        (10.0, denied, False),
        (309.9, denied, False),
        (310.0, denied, True),
        (311.0, GONE, False),
        (312.0, denied, False),
        (611.9, denied, False),
        (612.0, denied, True),
    ):
        trouble.note(error)
        assert trouble.denied_too_long is too_long, time
    trouble.over()
    assert trouble.denied_too_long is False


@pytest.mark.parametrize("error", [AccessDenied("no"), ConsumerError("there is no such queue")])
def test_what_never_worked_and_what_cannot_pass_is_raised_and_noted_nowhere(error: ConsumerError) -> None:
    trouble = Trouble("x", lambda: 0.0)
    with pytest.raises(type(error)):
        trouble.wait(error)
    assert (trouble.tries, trouble.error) == (0, None)
    trouble.over()
    if isinstance(error, AccessDenied):
        assert 0 <= trouble.wait(error) <= 1
    else:
        with pytest.raises(ConsumerError):
            trouble.wait(error)


async def test_leases_that_are_lost_or_end_are_told_with_their_messages(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults(extending=[NEVER, *[Failure("throttled")] * 199])
    world = World(queue("orders", *"x" * 12, visibility_timeout=9), takes_an_hour, Options(max_jobs=12), faults)
    async with world:
        await asyncio.sleep(11)
        world.dispatcher.stop()
        world.dispatcher.stop()
    ids = ", ".join(f"orders-{number}" for number in range(2, 12))
    assert said(caplog, "heartbeat", "lane") == [
        (WARNING, "message orders-1: its lease is lost: not allowed"),
        (
            WARNING,
            "11 leases on 'orders' have ended without an extension, and others may run these messages: " + ids + ", …",
        ),
    ]
    assert (world.dispatcher.counts["leases_lost"], world.dispatcher.counts["leases_ended"]) == (1, 11)


async def test_ten_leases_that_end_are_all_named(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults(extending=[GONE] * 99)
    world = World(queue("orders", *"x" * 10, visibility_timeout=9), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(11)
        world.dispatcher.stop()
        world.dispatcher.stop()
    [(_, text)] = said(caplog, "heartbeat")
    assert text.endswith(": " + ", ".join(f"orders-{number}" for number in range(1, 11)))


async def test_an_extension_that_does_not_end_is_trouble_that_names_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=Faults(extension_delay=1e6))
    async with world:
        await asyncio.sleep(17)
        world.dispatcher.stop()
        world.dispatcher.stop()
    text = "trouble with extending leases on 'orders', trying again until it works: no answer within 5 s"
    assert said(caplog, "trouble") == [(WARNING, text)]


async def test_a_blocked_loop_is_told_once_each_time_that_its_leases_are_let_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    blocked = [10.4]
    heartbeat = Heartbeat([], now, 10, lambda: blocked[0], lambda _: None)
    beating = asyncio.create_task(heartbeat.run())
    for blocked[0] in (10.4, 10.0, 11.6):
        await asyncio.sleep(3)
    beating.cancel()
    text = "the event loop has been blocked for {} s: its leases are let go"
    assert said(caplog, "heartbeat") == [(ERROR, text.format(10)), (ERROR, text.format(12))]


async def test_a_heartbeat_that_stumbles_says_so_with_the_traceback(caplog: pytest.LogCaptureFixture) -> None:
    def look() -> float:
        raise KeyError("x")

    beating = asyncio.create_task(Heartbeat([], now, 10, look, lambda _: None).run())
    await asyncio.sleep(1.5)
    beating.cancel()
    assert said(caplog, "heartbeat") == [(ERROR, "the heartbeat stumbled")] * 2
    assert caplog.records[0].exc_info is not None


async def test_a_loop_that_does_not_answer_is_told_with_its_stack_and_how_long_it_took(
    caplog: pytest.LogCaptureFixture,
) -> None:
    time = [0.0]
    watchdog = Watchdog(lambda: time[0], Lookout(lambda: time[0]))
    assert watchdog.blocked_for() == 0.0
    time[0] = 1.0
    assert watchdog.blocked_for() == 1.0
    assert caplog.records == []
    time[0] = 2.26
    assert watchdog.blocked_for() == 2.26
    [(level, text)] = said(caplog, "watchdog")
    first, second, *_ = text.splitlines()
    assert (level, first) == (WARNING, "the event loop has been blocked for 2.3 s, by:")
    assert second.startswith('  File "')
    time[0] = 3.5
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert said(caplog, "watchdog")[1:] == [(WARNING, "the event loop answers again after 3.5 s")]
    assert watchdog.latency == 3.5
    assert watchdog.blocked_for() == 0.0
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (watchdog.latency, len(caplog.records)) == (0.0, 2), "what it is told of is over"


async def test_a_source_that_cannot_be_looked_at_again_is_told_and_goes_on_as_it_was(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[SourceInfo | Exception | None] = [KeyError("x"), None, SourceInfo(12, max_receive_count=3)]

    async def look_again(consumer: FlakyConsumer) -> SourceInfo | None:
        answer = answers.pop(0) if answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(FlakyConsumer, "look_again", look_again)
    caplog.set_level(logging.INFO)
    world = World(queue("orders"), succeed)
    async with world:
        await asyncio.sleep(299)
        assert len(answers) == 3
        await asyncio.sleep(5)
        assert len(answers) == 2
        await asyncio.sleep(598)
        [lane] = world.dispatcher._lanes
        assert (lane.info.max_receive_count, lane.leases.visibility_timeout) == (3, 12)
    assert said(caplog, "intake") == [
        (INFO, "source 'orders' was not looked at again: 'x'"),
        (WARNING, f"source 'orders' has changed and is now {SourceInfo(12, max_receive_count=3)}"),
    ]


async def test_a_source_whose_attributes_may_not_be_read_is_looked_at_again_soon_and_then_less_and_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[float] = []

    class Denied(FlakyConsumer):
        async def open(self) -> SourceInfo:
            return attrs.evolve(await super().open(), redrive_known=False)

        async def look_again(self) -> SourceInfo:
            looks.append(now() - began)
            return attrs.evolve(await super().look_again(), redrive_known=len(looks) >= 8)

    monkeypatch.setattr("world.FlakyConsumer", Denied)
    began = now()
    async with World(queue("orders"), succeed) as world:
        await asyncio.sleep(1600)
        [lane] = world.dispatcher._lanes
        assert lane.info.redrive_known
    assert looks == pytest.approx([10, 30, 70, 150, 310, 610, 910, 1210, 1510])


async def test_a_consumer_that_breaks_while_it_receives_ends_the_worker_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = KeyError("x")
    world = World(queue("orders"), succeed, faults=Faults(receiving=[None, broken]))
    async with world:
        with pytest.raises(ConsumerError) as caught:
            await world.ended()
    assert str(caught.value) == "the consumer of 'orders' broke: KeyError: 'x'"
    assert caught.value.__cause__ is broken


def test_what_a_stop_leaves_behind_is_said_in_words() -> None:
    assert str(Left()) == "nothing"
    assert str(Left(handlers=2, messages=3, consumers=1)) == (
        "2 handlers that did not end, 3 messages that could not be settled, 1 connections that could not be closed"
    )
    assert str(Left(messages=1)) == "1 messages that could not be settled"


class Stubborn(FlakyConsumer):
    """A consumer that fails to close, or never does."""

    how = "raises"

    async def close(self) -> None:
        if self.how == "raises":
            raise KeyError("x")
        await asyncio.Event().wait()


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_a_consumer_that_does_not_close_is_left_behind_and_that_is_told(
    how: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("world.FlakyConsumer", Stubborn)
    monkeypatch.setattr(Stubborn, "how", how)
    caplog.set_level(logging.INFO)
    world = World(queue("orders"), succeed, wait_time=1)
    async with world:
        await asyncio.sleep(0.75)
        world.dispatcher.stop()
        began = now()
        await world.ended()
    first, *rest = said(caplog, "shutdown")
    assert first == (INFO, "stopping: 0 handlers run, 0 messages wait, 1 polls are open; the grace period is 20 s")
    if how == "raises":
        assert rest == [(ERROR, "a consumer could not be closed"), (INFO, "stopped after 0.3 s; left behind: nothing")]
        assert world.dispatcher.left == Left()
    else:
        left = "1 connections that could not be closed"
        assert rest == [(WARNING, f"stopped after 0.8 s; left behind: {left}")]
        assert now() - began == pytest.approx(0.75, abs=0.01)


async def test_a_stop_that_leaves_something_behind_warns_of_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    go_on = False

    async def swallows(content: Any) -> None:
        while not go_on:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)

    faults = Faults()
    world = World(queue("orders", "one"), swallows, Options(grace_period=1), faults, wait_time=1)
    async with world:
        await asyncio.sleep(0.5)
    assert said(caplog, "shutdown", "running") == [
        (INFO, "stopping: 1 handlers run, 0 messages wait, 1 polls are open; the grace period is 1 s"),
        (WARNING, "message orders-1: its handler has not ended though it was cancelled: left to its lease"),
        (WARNING, "stopped after 3.0 s; left behind: 1 handlers that did not end"),
    ]
    assert (world.dispatcher.left, world.dispatcher.abandoned) == (Left(handlers=1), 1)
    go_on = True


async def test_polls_that_are_aborted_are_told_with_what_would_help(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World(queue("orders"), succeed, wait_time=20)
    async with world:
        await asyncio.sleep(1)
    assert said(caplog, "shutdown")[1] == (
        INFO,
        "1 polls were aborted; a poll grace of their wait time would let them end",
    )


async def test_what_has_its_last_receive_and_no_time_left_is_told(caplog: pytest.LogCaptureFixture) -> None:
    source = fifo("a1", "a2", max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    world = World(source, Handler(), Options(grace_period=0, prefetch=2))
    async with world:
        await asyncio.sleep(0.05)
        [lane] = world.dispatcher._lanes
        taken = source.receive(1) or [Message("a9", "a9", "r", receive_count=1, group="b")]
        lane.order.add(lane.take(taken, now()))
    text = "given back unrun at its last receive: its source moves it on"
    assert (WARNING, f"message {taken[0].id}: {text}") in said(caplog, "settlement", "endings")


async def test_a_batch_whose_leases_have_ended_is_not_started_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from test_batches import batching, noting

    batches: list[tuple[float, list[Any]]] = []
    source = queue("orders", "one", "two", visibility_timeout=4)
    world = batching(source, noting(batches), 10, 3.0)
    world.faults.extending += [NEVER] * 2
    async with world:
        await asyncio.sleep(3.5)
        assert batches == []
    assert said(caplog, "batch_jobs", "endings") == [
        (WARNING, "2 messages on 'orders': their leases ended while they waited; they are not started"),
    ]


async def test_of_a_batch_only_those_are_started_whose_leases_hold_and_the_others_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from test_batches import batching, noting

    batches: list[tuple[float, list[Any]]] = []
    source = queue("orders", "one", "two", "three", visibility_timeout=4)
    world = batching(source, noting(batches), 10, 3.0)
    world.faults.extending += [NEVER] * 2
    async with world:
        await asyncio.sleep(3.5)
        assert [contents for _, contents in batches] == [["three"]]
    assert said(caplog, "batch_jobs", "endings") == [
        (WARNING, "2 messages on 'orders': their leases ended while they waited; they are not started"),
    ]


async def test_of_a_batch_whose_leases_hold_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    from test_batches import batching, noting

    await batching(queue("orders", "one", "two"), noting([]), 2).run_for(1)
    assert said(caplog, "batch_jobs", "endings") == []


@pytest.mark.parametrize(("settles", "handler"), [("acknowledge", succeed), ("keep", fail)])
async def test_messages_that_cannot_be_settled_are_left_to_their_leases(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, settles: str, handler: Any
) -> None:
    from loafer.application.settlement import Settlement

    def breaks(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr(Settlement, settles, breaks)
    world = World(queue("orders", "one", "two", visibility_timeout=600), handler)
    await world.run_for(1)
    lines = [line for line in said(caplog, "settlement", "endings") if "could not be settled" in line[1]]
    assert lines == [
        (ERROR, f"message orders-{number} could not be settled: it is left to its lease") for number in (1, 2)
    ]
    assert world.dispatcher._lanes[0].events.causes == {"failed": 2}


async def test_an_observer_that_cannot_be_told_is_named_by_its_message(caplog: pytest.LogCaptureFixture) -> None:
    def observe(_: object) -> None:
        raise KeyError("x")

    world = World(queue("orders", "one"), succeed)
    world.dispatcher.observe = observe
    await world.run_for(1)
    assert said(caplog, "jobs", "endings") == [(ERROR, "message orders-1: its end could not be told")]


async def test_a_depth_that_is_not_known_is_told_once_or_at_debug(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[Exception] = [GONE, AccessDenied("no")]

    async def depth(consumer: FlakyConsumer) -> None:
        raise answers.pop(0)

    monkeypatch.setattr(FlakyConsumer, "depth", depth)
    caplog.set_level(logging.DEBUG, "loafer.application.depths")
    await World(queue("orders"), succeed, Options(depth=True)).run_for(200)
    assert said(caplog, "depths") == [
        ("DEBUG", "the depth of 'orders' could not be found out: gone"),
        (WARNING, "the depth of 'orders' is unknown, which is said once: no"),
    ]


async def test_a_lane_that_has_none_of_its_own_tells_trouble_to_whoever_listens() -> None:
    world = World(queue("orders"), succeed)
    lane = Lane(world.route(), world.consumer(), lambda: 4.0)
    trouble = lane.trouble("something")
    trouble.note(GONE)
    assert (trouble.what, trouble.source, trouble.since) == ("something", "orders", 4.0)
    assert lane.troubles == [trouble]
