"""FIFO order: heads run again in their place, followers wait and lose nothing by it."""

import asyncio
import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any

import attrs
import pytest
from world import Faults, FlakyConsumer, NoAnswer, World, now

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.lane import RECEIVED_ALONE
from loafer.application.options import Options
from loafer.application.tally import DEAF
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import ConsumerUnavailable, IgnoreMessage
from loafer.ports.consumer import SourceInfo
from loafer.ports.observer import Cause

NOT_ALLOWED = Failure("not allowed", retryable=False)


def moves(monkeypatch: pytest.MonkeyPatch, troubles: list[Any]) -> list[float]:
    """Let moves to the dead-letter queue fail or raise, one after the other; return when they are tried."""
    tries: list[float] = []
    move = FlakyConsumer.dead_letter

    async def dead_letter(consumer: FlakyConsumer, message: Message) -> Failure | None:
        tries.append(now())
        trouble = troubles.pop(0) if troubles else None
        if isinstance(trouble, Exception):
            raise trouble
        return trouble or await move(consumer, message)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", dead_letter)
    return tries


def fifo(*messages: str, **attributes: Any) -> MemoryQueue:
    """Return a FIFO queue; the first letter of a message is its group."""
    made = MemoryQueue("orders.fifo", clock=now, **attributes)
    for message in messages:
        made.send(OutgoingMessage(message, group=message[0]))
    return made


def at_their_last_receive(*messages: str) -> MemoryQueue:
    """Return a FIFO queue that has given out messages before, and gives each out once more."""
    made = fifo(*messages, max_receive_count=2, dead_letters=MemoryQueue("dead.fifo", clock=now))
    for message in made.receive(10):
        made.change_visibility(message.receipt, 0)
    return made


class Handler:
    """Notes what runs, which takes `seconds`, or 0.1; what is in `failing` fails so many times."""

    def __init__(self, seconds: dict[str, float] | None = None, /, **failing: int) -> None:
        self.ran: list[str] = []
        self.failing = failing
        self.seconds = seconds or {}

    async def __call__(self, content: str) -> None:
        self.ran.append(content)
        await asyncio.sleep(self.seconds.get(content, 0.1))
        if self.failing.get(content, 0):
            self.failing[content] -= 1
            raise ValueError

    def of(self, group: str) -> list[str]:
        return [message for message in self.ran if message[0] == group]


async def test_a_group_runs_in_order_one_at_a_time_and_groups_in_parallel() -> None:
    handler = Handler()
    world = World(fifo("a1", "a2", "a3", "b1", "b2", "b3"), handler)
    async with world:
        await asyncio.sleep(0.45)
        assert len(world.queue) == 0
    assert handler.of("a") == ["a1", "a2", "a3"]
    assert handler.of("b") == ["b1", "b2", "b3"]


async def test_the_next_starts_only_when_the_previous_ones_delete_is_confirmed() -> None:
    handler = Handler()
    world = World(fifo("a1", "a2"), handler, faults=Faults(delay=5))
    async with world:
        await asyncio.sleep(4)
        assert handler.ran == ["a1"]
        world.faults.delay = 0
        await asyncio.sleep(2)
    assert handler.ran == ["a1", "a2"]


async def test_a_failing_head_runs_again_in_its_place_and_its_followers_receive_counts_do_not_burn() -> None:
    handler = Handler(a1=3)
    world = await World(fifo("a1", "a2", "b1"), handler, Options(retry_delay=2)).run_for(10)
    assert handler.of("a") == ["a1", "a1", "a1", "a1", "a2"]
    assert handler.of("b") == ["b1"]
    assert world.queue.counts["received"] == 3
    assert all(delivery.message.receive_count == 1 for delivery in world.deliveries)


async def test_without_a_retry_delay_a_head_runs_again_when_its_visibility_would_have_run_out() -> None:
    handler = Handler(a1=1)
    world = World(fifo("a1", visibility_timeout=9), handler)
    async with world:
        await asyncio.sleep(8.8)
        assert handler.ran == ["a1"]
        await asyncio.sleep(0.3)
        assert handler.ran == ["a1", "a1"]


async def test_of_two_heads_that_wait_each_runs_again_at_its_own_time() -> None:
    ran: list[tuple[str, int]] = []

    async def waits(content: str) -> None:
        ran.append((content, round(now())))
        raise IgnoreMessage(delay=20 if content == "a1" else 2)

    await World(fifo("a1", "b1"), waits).run_for(5)
    assert ran == [("a1", 0), ("b1", 0), ("b1", 2), ("b1", 4)]


async def test_a_head_without_runs_left_moves_to_the_dead_letter_queue_and_its_followers_go_on() -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "a3", max_receive_count=3, dead_letters=dead)
    world = await World(source, handler, Options(retry_delay=1)).run_for(10)
    assert handler.ran == ["a1", "a1", "a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(world.queue) == 0
    assert world.dispatcher.counts["dead_lettered"] == 1
    assert source.counts["received"] == 3, "followers are not received again"


async def test_every_head_that_is_moved_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    source = fifo("a1", "b1", max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    world = await World(source, Handler(a1=99, b1=99)).run_for(5)
    assert world.dispatcher.counts["dead_lettered"] == 2
    assert (
        "message orders.fifo-1: moved to the dead-letter queue at attempt 1, run 1 since its last receive"
        in caplog.messages
    )


@pytest.mark.parametrize(("applied", "lost"), [(True, 0), (False, 1)])
async def test_an_extension_that_crosses_the_deletion_of_what_is_moved_is_no_lost_lease(
    applied: bool, lost: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    move = FlakyConsumer.dead_letter

    async def dead_letter(consumer: FlakyConsumer, message: Message) -> Failure | None:
        if applied:
            failure = await move(consumer, message)
        else:  # it is gone, but nobody has moved it
            consumer.queue.delete(message.receipt)
            failure = Failure("no answer")
        await asyncio.sleep(2.5)
        return failure

    monkeypatch.setattr(FlakyConsumer, "dead_letter", dead_letter)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", visibility_timeout=3, max_receive_count=1, dead_letters=dead)
    world = await World(source, Handler(a1=1)).run_for(10)
    assert (len(dead), world.dispatcher.counts["dead_lettered"]) == (1 - lost, 1 - lost)
    assert world.dispatcher.counts["leases_lost"] == lost
    assert caplog.text.count("its lease is lost") == lost


@pytest.mark.parametrize("trouble", [Failure("throttled"), ConsumerUnavailable("gone for a while")])
async def test_a_move_to_the_dead_letter_queue_that_fails_is_tried_again_after_growing_pauses(
    trouble: Failure | Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", max_receive_count=1, dead_letters=dead)
    tries = moves(monkeypatch, [trouble] * 4)
    world = await World(source, Handler(a1=99)).run_for(10)
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8], abs=0.001)
    assert len(dead) == 1
    assert world.dispatcher.counts["dead_lettered"] == 1


async def test_while_heads_cannot_be_moved_that_is_told_when_it_begins_each_five_minutes_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", "a2", "b1", max_receive_count=1, dead_letters=dead)
    faults = Faults(dead_lettering=[ConsumerUnavailable("gone")] * 300)
    await World(source, Handler(a1=9, b1=9), Options(retry_delay=0.1), faults).run_for(1000)
    assert sorted(message.body for message in dead.visible) == ["a1", "b1"]
    told = [record for record in caplog.records if record.name.endswith("trouble")]
    assert all("moving messages of 'orders.fifo' to the dead-letter queue" in record.getMessage() for record in told)
    assert [record.levelname for record in told] == ["WARNING", "WARNING", "INFO"]


async def test_a_move_is_tried_no_longer_than_the_lease_lasts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = fifo("a1", visibility_timeout=6, max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    tries = moves(monkeypatch, [Failure("throttled")] * 99)
    await World(source, Handler(a1=99), faults=Faults(extending=[NOT_ALLOWED] * 99)).run_for(30)
    assert 0 < tries[-1] <= 6 + 5
    assert "message orders.fifo-1: not moved to the dead-letter queue: its lease has ended" in caplog.messages


async def test_a_move_that_fails_during_a_stop_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    source = fifo("a1", max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    tries = moves(monkeypatch, [Failure("throttled")] * 99)
    await World(source, Handler(a1=99)).run_for(0.15)
    assert tries == pytest.approx([0.1, 0.2], abs=0.001)
    assert source.in_flight == []


async def test_a_move_that_fails_during_a_stop_is_tried_while_something_behind_it_has_to_run_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = at_their_last_receive("a1", "a2", "a3")
    moves(monkeypatch, [Failure("throttled")] * 8)
    handler = Handler(a1=99)
    await World(source, handler, Options(grace_period=20)).run_for(0.05)
    assert handler.ran == ["a1", "a2", "a3"]
    assert source.dead_letters is not None
    assert [message.body for message in source.dead_letters.visible] == ["a1"]


async def test_what_a_head_that_cannot_be_moved_leaves_unrun_in_a_stop_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = at_their_last_receive("a1", "a2")
    moves(monkeypatch, [Failure("throttled")] * 999)
    handler = Handler(a1=99)
    await World(source, handler, Options(grace_period=5)).run_for(0.05)
    assert handler.ran == ["a1"]
    assert now() < 5 + 4
    assert "message orders.fifo-2: given back unrun at its last receive" in caplog.text


async def test_what_comes_in_a_stop_behind_a_head_that_was_moved_unknown_to_us_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = FlakyConsumer.dead_letter

    async def moved_unheard(consumer: FlakyConsumer, message: Message) -> Failure:
        await move(consumer, message)
        return Failure("the answer was lost")

    monkeypatch.setattr(FlakyConsumer, "dead_letter", moved_unheard)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", max_receive_count=1, dead_letters=dead)
    handler = Handler(a1=99)
    asyncio.get_running_loop().call_later(1, source.send, OutgoingMessage("a2", group="a"))
    await World(source, handler, Options(retry_delay=Retry(dead_letter_after=1), grace_period=20), wait_time=2).run_for(
        0.05
    )
    assert handler.ran == ["a1", "a2"]
    assert source.in_flight == []
    source.receive(10)
    assert [message.body for message in dead.visible] == ["a1"]


@pytest.mark.parametrize("seconds", [0.05, 20], ids=["in a stop", "before one"])
@pytest.mark.parametrize("failing", [["a1"], ["a1", "a2"]])
async def test_where_moving_is_not_allowed_what_is_at_its_last_receive_runs_before_the_head_is_given_back(
    seconds: float, failing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = at_their_last_receive("a1", "a2", "a3")
    moves(monkeypatch, [NOT_ALLOWED] * 999)
    handler = Handler(**dict.fromkeys(failing, 99))
    world = await World(source, handler, Options(grace_period=20)).run_for(seconds)
    assert handler.ran == ["a1", "a2", "a3"]
    assert source.in_flight == []
    assert source.receive(10) == []
    assert source.dead_letters is not None
    assert [message.body for message in source.dead_letters.visible] == failing
    assert world.dispatcher.held == 0


async def test_a_spent_head_that_waits_for_its_followers_is_held_no_longer_than_its_lease_lasts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def handle(content: str) -> None:
        if content == "a1":
            raise ValueError
        await asyncio.sleep(60)

    moves(monkeypatch, [NOT_ALLOWED] * 999)
    source = at_their_last_receive("a1", "a2")
    lost = Failure("the receipt is no longer valid", retryable=False)
    async with World(source, handle, faults=Faults(extending=[lost, None])) as world:
        await asyncio.sleep(9)
        assert world.dispatcher.held == 2
        await asyncio.sleep(3)
        assert world.dispatcher.held == 1
        await asyncio.sleep(60)
    assert world.dispatcher.held == 0
    assert source.dead_letters is not None
    assert [message.body for message in source.dead_letters.visible] == ["a1"]


@pytest.mark.parametrize("count", [1, 2])
async def test_what_comes_before_the_answer_to_the_release_of_a_spent_head_runs(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = FlakyConsumer.release

    async def answered_late(
        consumer: FlakyConsumer, messages: Sequence[Message], delays: Sequence[float]
    ) -> Sequence[Failure | None]:
        results = await release(consumer, messages, delays)
        await asyncio.sleep(0.03)
        return results

    monkeypatch.setattr(FlakyConsumer, "release", answered_late)
    moves(monkeypatch, [NOT_ALLOWED] * 999)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo(max_receive_count=count, dead_letters=dead)
    handler = Handler(a1=99)
    async with World(source, handler, Options(retry_delay=0), wait_time=20):
        for body in ("a1", "a2", "a3"):
            source.send(OutgoingMessage(body, group="a"))
            await asyncio.sleep(0.05)
        await asyncio.sleep(60)
    assert handler.ran == [*["a1"] * count, "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]


async def test_a_head_that_fails_during_a_stop_is_given_back_with_its_delay() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(2)
        raise IgnoreMessage(delay=7)

    source = fifo("a1")
    await World(source, handle).run_for(1)
    assert now() == pytest.approx(2, abs=0.001)
    assert source.next_visible() == pytest.approx(7, abs=0.001)


async def test_a_head_that_fails_during_a_stop_is_given_back_at_once_where_no_delay_is_asked_for() -> None:
    source = fifo("a1")
    await World(source, Handler(a1=1)).run_for(0.05)
    assert [message.body for message in source.visible] == ["a1"]


async def test_where_moving_is_not_allowed_the_source_moves_the_head_and_its_followers_go_on() -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "a3", "b1", max_receive_count=3, dead_letters=dead)
    world = World(source, handler, Options(retry_delay=0.1), Faults(dead_lettering=[NOT_ALLOWED]))
    await world.run_for(10)
    assert handler.of("a") == ["a1", "a1", "a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(world.queue) == 0


@pytest.mark.parametrize("known", [True, False])
async def test_what_comes_with_a_head_that_is_to_be_given_back_goes_back_behind_it(
    known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Throttled(FlakyConsumer):
        async def open(self) -> SourceInfo:
            info = await super().open()
            return info if known else attrs.evolve(info, max_receive_count=None, redrive_known=False)

        async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
            if now() < 8:
                return [Failure("throttled")] * len(messages)
            return await super().extend(messages, seconds)

    monkeypatch.setattr("world.FlakyConsumer", Throttled)
    source = fifo(visibility_timeout=5, max_receive_count=3 if known else 50, dead_letters=MemoryQueue("d", clock=now))
    handler, faults = Handler(a1=4), Faults(dead_lettering=[NOT_ALLOWED] * 9)
    async with World(source, handler, Options(retry_delay=0 if known else 30), faults, wait_time=20) as world:
        await asyncio.sleep(0.2)  # a poll is open that would take many messages
        source.send(OutgoingMessage("a1", group="a"))
        await asyncio.sleep(0.05)
        for body in ("a2", "a3"):
            source.send(OutgoingMessage(body, group="a"))
        await asyncio.sleep(600)
        assert not world.dispatcher.held
    assert handler.ran == [*["a1"] * (3 if known else 5), "a2", "a3"]
    assert len(source) == 0


def releases_are_answered_late(monkeypatch: pytest.MonkeyPatch, late: float, *, known: bool) -> None:
    """Have the answers to releases come so late, on queues whose redrive policy is known, or not."""

    class Answered(FlakyConsumer):
        async def open(self) -> SourceInfo:
            info = await super().open()
            return info if known else attrs.evolve(info, max_receive_count=None, redrive_known=False)

        async def release(self, messages: Sequence[Message], delays: Sequence[float]) -> Sequence[Failure | None]:
            results = await super().release(messages, delays)
            await asyncio.sleep(late)
            return results

    monkeypatch.setattr("world.FlakyConsumer", Answered)


@pytest.mark.parametrize("late", [0, 0.01, 1])
async def test_a_head_that_comes_again_before_the_answer_to_its_release_is_read_runs_again(
    late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases_are_answered_late(monkeypatch, late, known=False)
    source = fifo("a1", "a2", max_receive_count=3, dead_letters=MemoryQueue("dead.fifo", clock=now))
    handler = Handler(a1=2)
    await World(source, handler, Options(retry_delay=0)).run_for(60)
    assert handler.ran == ["a1", "a1", "a1", "a2"]
    assert len(source) == 0


@pytest.mark.parametrize("delay", [0, 1, 5])
@pytest.mark.parametrize("late", [0, 0.01, 1.5, 20, 50])
async def test_what_comes_once_its_head_is_moved_and_before_the_answer_to_the_heads_release_is_read_runs(
    late: float, delay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases_are_answered_late(monkeypatch, late, known=False)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", "a2", "a3", max_receive_count=1, dead_letters=dead)
    handler = Handler(a1=9)
    await World(source, handler, Options(retry_delay=delay)).run_for(120)
    assert handler.ran == ["a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(source) == 0


@pytest.mark.parametrize("late", [0.01, 0.3, 1.5])
async def test_what_comes_once_its_source_has_moved_a_head_that_may_not_be_moved_by_us_runs(
    late: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases_are_answered_late(monkeypatch, late, known=True)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", "a2", "a3", "a4", max_receive_count=2, dead_letters=dead)
    handler = Handler(a1=9)
    await World(source, handler, Options(), Faults(dead_lettering=[NOT_ALLOWED] * 9)).run_for(300)
    assert handler.ran == ["a1", "a1", "a2", "a3", "a4"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(source) == 0


async def test_in_a_stop_a_head_that_somebody_else_cancelled_goes_before_what_is_at_its_last_receive() -> None:
    order: list[tuple[str, int]] = []

    async def handle(content: str) -> None:
        order.append((content, len(source)))
        if content == "a1":
            await asyncio.sleep(2)
            raise asyncio.CancelledError

    source = at_their_last_receive("a1", "a2", "a3")
    await World(source, handle, Options(retry_delay=1, grace_period=20)).run_for(1)
    assert order == [("a1", 3), ("a2", 2), ("a3", 1)]
    assert source.dead_letters is not None
    assert [message.body for message in source.dead_letters.visible] == ["a1"]
    assert len(source) == 0


async def test_a_head_with_followers_that_is_cancelled_with_all_tasks_is_given_back_at_once_with_them() -> None:
    source = fifo("a1", "a2", "b1", visibility_timeout=900)
    async with World(source, lambda _: asyncio.sleep(60)) as world:
        await asyncio.sleep(1)
        current = asyncio.current_task()
        for task in asyncio.all_tasks() - {current}:
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await world.ended()
        await asyncio.sleep(10)
        assert len(source.visible) == 3


@pytest.mark.parametrize("limit", [None, 99])
async def test_a_head_without_runs_left_runs_again_once_its_source_grants_more(limit: int | None) -> None:
    handler = Handler(a1=5)
    source = fifo("a1", "a2", max_receive_count=3, dead_letters=MemoryQueue("dead.fifo", clock=now))
    async with World(source, handler, Options(retry_delay=1), Faults(dead_lettering=[NOT_ALLOWED] * 9)):
        await asyncio.sleep(0.5)
        source.max_receive_count = limit  # which is asked for every five minutes
        if limit is None:
            source.dead_letters = None
        await asyncio.sleep(900)
    assert handler.ran == ["a1", "a1", "a1", "a1", "a1", "a1", "a2"]
    assert len(source) == 0


async def test_messages_of_blocked_groups_do_not_keep_other_groups_waiting() -> None:
    handler = Handler(a1=99)
    source = fifo("a1", *[f"a{n}" for n in range(2, 9)], "b1", "c1", "d1")
    world = World(source, handler, Options(max_jobs=10, prefetch=5, retry_delay=1000))
    async with world:
        await asyncio.sleep(2)
        assert {"b1", "c1", "d1"} <= set(handler.ran)
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_on_shutdown_all_are_released_and_a_head_that_waits_for_its_next_run_comes_back_then() -> None:
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "b1", "b2", "c1")
    await World(source, handler, Options(max_jobs=1, retry_delay=1000)).run_for(0.25)
    assert [message.body for message in source.in_flight] == ["a1"]
    assert now() + (source.next_visible() or 0) == pytest.approx(1000.1, abs=0.01)
    assert handler.of("a")[:1] == ["a1"]
    assert "a2" not in handler.ran


@pytest.mark.parametrize("delay", [None, 3600])
async def test_a_head_that_waits_for_its_next_run_waits_for_it_over_restarts(delay: float | None) -> None:
    runs: list[float] = []

    async def handle(content: str) -> None:
        runs.append(now())
        raise IgnoreMessage(delay=delay)

    source = fifo("a1", "a2", visibility_timeout=100)
    for _ in range(3):
        await World(source, handle).run_for(20)
    assert len(runs) == 1
    async with World(source, handle):
        await asyncio.sleep((delay or 100) - now() + 1)
    assert runs[1:] == [pytest.approx(delay or 100, abs=0.1)]


async def test_a_head_that_could_not_be_deleted_comes_again_with_its_followers_and_does_not_run_again() -> None:
    handler = Handler()
    source = fifo("a1", "a2", visibility_timeout=6)
    gone = Failure("the receipt is no longer valid", retryable=False)
    world = World(source, handler, faults=Faults(settling=[gone]))
    async with world:
        await asyncio.sleep(1)
        assert handler.ran == ["a1"]
        await asyncio.sleep(8)
        assert len(source) == 0
    assert handler.ran == ["a1", "a2"]


@pytest.mark.parametrize("limit", [1, 2, None])
async def test_what_came_behind_a_head_whose_deletion_was_made_and_never_answered_runs_and_loses_no_receive(
    limit: int | None,
) -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", "a2", "a3", visibility_timeout=6, max_receive_count=limit, dead_letters=dead)
    handler = Handler()
    faults = Faults(settling=[None, *[NoAnswer("lost")] * 9])
    async with World(source, handler, faults=faults, batch_size=1) as world:
        await asyncio.sleep(60)
        assert world.dispatcher.held == 0
    assert handler.ran == ["a1", "a2", "a3"]
    assert (len(source), len(dead)) == (0, 0)
    assert max(faults.received.values()) == 1


async def test_messages_without_a_group_are_groups_of_their_own() -> None:
    from loafer.domain.lease import Leases
    from loafer.domain.ordering import GroupOrder

    leases, order = Leases(30), GroupOrder()
    order.add(leases.take([Message(name, "", name) for name in ("one", "two")], 0))
    assert order.startable == 2


async def test_hot_groups_keep_no_quick_one_from_starting_while_a_slot_is_free() -> None:
    ended: dict[str, float] = {}

    async def handle(content: str) -> None:
        await asyncio.sleep(15 if content.startswith("hot") else 0.1)
        ended[content] = now()

    source = MemoryQueue("orders.fifo", clock=now)
    for group in range(3):
        for number in range(10):
            source.send(OutgoingMessage(f"hot {group} {number}", group=f"hot {group}"))
    for group in range(40):
        source.send(OutgoingMessage(f"quick {group}", group=f"quick {group}"))
    async with World(source, handle):
        await asyncio.sleep(3)
        assert sum(content.startswith("quick") for content in ended) == 40


async def test_heads_that_wait_for_their_retry_take_no_seat() -> None:
    source = fifo(*(f"{group}1" for group in "abcdefghij"), visibility_timeout=600)
    handler = Handler(**{f"{group}1": 9 for group in "abcdefghi"})
    async with World(source, handler, Options(max_jobs=1, prefetch=1)):
        await asyncio.sleep(30)
        assert "j1" in handler.ran


async def test_no_more_followers_are_held_than_their_bound_and_all_are_handled() -> None:
    source = MemoryQueue("orders.fifo", clock=now)
    for number in range(300):
        source.send(OutgoingMessage(f"a{number}", group="a"))
    most = 0

    async def handle(content: str) -> None:
        nonlocal most
        [lane] = world.dispatcher._lanes
        most = max(most, len(lane.order))
        await asyncio.sleep(0.01)

    world = World(source, handle, Options(fifo_followers=25))
    async with world:
        await asyncio.sleep(60)
        assert len(source) == 0
    assert most <= 25


@attrs.define(eq=False)
class Unknowing(FlakyConsumer):
    """A consumer that may not read the attributes of its queue, or only from its second look on."""

    learns: bool = False

    async def open(self) -> SourceInfo:
        return attrs.evolve(await super().open(), max_receive_count=None, redrive_known=False)

    async def look_again(self) -> SourceInfo:
        info = await super().look_again()
        return info if self.learns else attrs.evolve(info, max_receive_count=None, redrive_known=False)


@attrs.define(eq=False)
class Uncertain(World):
    learns: bool = attrs.field(default=False, kw_only=True)

    def consumer(self) -> FlakyConsumer:
        return Unknowing(self.queue, self.wait_time, self.batch_size, self.faults, learns=self.learns)


@pytest.mark.parametrize("retry_delay", [None, 0.1])
async def test_where_the_redrive_policy_is_unknown_the_source_counts_the_heads_runs_and_followers_lose_nothing(
    retry_delay: float | None,
) -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    handler = Handler(a1=99)
    source = fifo("a1", "a2", "a3", "b1", visibility_timeout=5, max_receive_count=3, dead_letters=dead)
    world = Uncertain(source, handler, Options(retry_delay=retry_delay))
    await world.run_for(90)
    assert world.dispatcher._lanes[0].events.causes == {Cause.FAILED: 3}
    assert handler.of("a") == ["a1", "a1", "a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(source) == 0


async def test_where_all_that_may_be_held_waits_for_its_next_run_it_is_said_that_nothing_is_received(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = fifo(*(f"{group}{number}" for group in "abc" for number in range(10)), visibility_timeout=30)
    world = World(source, Handler(a0=9, b0=9, c0=9), Options(fifo_followers=20, retry_delay=400))
    async with world:
        await asyncio.sleep(1)
        assert len(source.visible) > 0
        assert (
            caplog.messages.count(DEAF % ("orders.fifo", 22, "LOAFER_FIFO_FOLLOWERS")) == 1
        )  # the heads, which ran, are more than the bound
        await asyncio.sleep(398)
        assert caplog.messages.count(DEAF % ("orders.fifo", 22, "LOAFER_FIFO_FOLLOWERS")) == 1


async def test_where_the_bytes_that_may_be_held_wait_for_their_next_runs_it_is_said_that_nothing_is_received(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bodies = [f"{group}{'.' * 250_000}" for group in "abcdefgh"]
    source = fifo(*bodies, visibility_timeout=30)
    handler = Handler(**dict.fromkeys(bodies, 99))
    world = World(source, handler, Options(held_bytes=1_000_000, retry_delay=400), wait_time=5)
    async with world:
        await asyncio.sleep(60)
        source.send(OutgoingMessage("z1", group="z"))
        await asyncio.sleep(300)
        assert "z1" not in handler.ran
        told = [line for line in caplog.messages if "nothing is received" in line]
        assert told == [DEAF % ("orders.fifo", 3, "LOAFER_HELD_BYTES")]


async def test_while_a_receive_may_bring_what_may_be_held_it_is_not_said_that_nothing_is_received(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = fifo(*(f"{group}0" for group in "abcdef"))
    world = World(source, Handler(), Options(fifo_followers=3), wait_time=20)
    async with world:
        await asyncio.sleep(10)
        assert len(source) == 0
    assert "nothing is received" not in caplog.text


async def test_under_an_unknown_policy_receives_bring_one_message_until_it_is_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = Uncertain(fifo(), Handler())
    async with world:
        await asyncio.sleep(1)
        assert world.dispatcher._lanes[0].batch_size == 1
        assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
            RECEIVED_ALONE % "orders.fifo"
        ]
        world.dispatcher._lanes[0].looked(SourceInfo(5, ordered=True))
        assert world.dispatcher._lanes[0].batch_size == 10


@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize("workers", [1, 2, 3])
async def test_where_the_redrive_policy_is_unknown_and_workers_share_a_queue_nothing_of_a_group_is_moved_unrun(
    workers: int, learns: bool
) -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    bodies = [f"a{number}" for number in range(12)]
    source = fifo(*bodies, visibility_timeout=30, max_receive_count=2, dead_letters=dead)
    handler = Handler(**dict.fromkeys(bodies, 1))
    async with AsyncExitStack() as worlds:
        for _ in range(workers):
            await worlds.enter_async_context(Uncertain(source, handler, Options(retry_delay=3), learns=learns))
        await asyncio.sleep(600)
    assert len(source) == 0
    assert {message.body for message in dead.visible} <= set(handler.ran)


async def test_where_the_redrive_policy_is_unknown_failures_use_up_no_receive_of_their_followers() -> None:
    dead = MemoryQueue("dead.fifo", clock=now)
    fails, long = ("a1", "a3", "a5"), ("a2", "a4")
    source = fifo(
        *(f"a{number}" for number in range(1, 8)), visibility_timeout=6, max_receive_count=2, dead_letters=dead
    )
    handler = Handler(dict.fromkeys(long, 66.0), **dict.fromkeys(fails, 1))
    await Uncertain(source, handler, Options(retry_delay=0)).run_for(300)
    assert handler.ran == ["a1", "a1", "a2", "a3", "a3", "a4", "a5", "a5", "a6", "a7"]
    assert (len(source), len(dead)) == (0, 0)


async def test_a_change_of_the_source_is_taken_over_within_five_minutes(caplog: pytest.LogCaptureFixture) -> None:
    source = fifo("a1", visibility_timeout=60)
    world = World(source, Handler())
    async with world:
        await asyncio.sleep(10)
        source.visibility_timeout = 12
        await asyncio.sleep(300)
        assert world.dispatcher._lanes[0].leases.visibility_timeout == 12
    assert caplog.text.count("has changed") == 1


async def test_a_handler_knows_how_many_attempts_are_left_where_its_source_has_changed() -> None:
    source = fifo(max_receive_count=5, dead_letters=MemoryQueue("dead.fifo", clock=now))
    world = World(source, Handler())
    async with world:
        await asyncio.sleep(10)
        [route] = world.dispatcher.routes
        assert route.around.attempts_left(Message("1", "", "")) == 4
        source.max_receive_count = 2
        await asyncio.sleep(300)
        assert route.around.attempts_left(Message("1", "", "")) == 1


async def test_a_dead_letter_queue_that_breaks_blocks_its_group_no_longer_than_its_source_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = fifo("a1", "a2", visibility_timeout=5, max_receive_count=2, dead_letters=MemoryQueue("d.fifo", clock=now))
    moves(monkeypatch, [KeyError("a broken consumer")] * 99)
    handler = Handler(a1=99)
    await World(source, handler).run_for(60)
    assert handler.of("a")[-1] == "a2"
    assert len(source) == 0


async def test_followers_of_a_head_whose_lease_is_lost_do_not_run_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    moves(monkeypatch, [Failure("throttled")] * 999)
    handler, source = Handler(a1=99), fifo("a1", "a2", max_receive_count=9, dead_letters=MemoryQueue("dead.fifo"))
    lost = Failure("the receipt is no longer valid", retryable=False)
    options, faults = Options(retry_delay=Retry(dead_letter_after=1)), Faults(extending=[lost])
    async with World(source, handler, options, faults) as world:
        await asyncio.sleep(0.5)
        world.dispatcher.pause("orders.fifo")
        await asyncio.sleep(20)
        assert world.dispatcher.held == 0
    assert handler.ran == ["a1"]


async def test_followers_of_a_head_whose_move_is_answered_after_its_lease_run_and_lose_no_attempt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = FlakyConsumer.dead_letter

    async def answered_late(consumer: FlakyConsumer, message: Message) -> Failure | None:
        result = await move(consumer, message)
        await asyncio.sleep(40)
        return result

    monkeypatch.setattr(FlakyConsumer, "dead_letter", answered_late)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = fifo("a1", "a2", "a3", max_receive_count=1, dead_letters=dead)
    handler = Handler(a1=1)
    async with World(source, handler) as world:
        await asyncio.sleep(60)
        assert world.dispatcher.held == 0
    assert handler.ran == ["a1", "a2", "a3"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(source) == 0


async def test_a_move_that_is_refused_with_its_reason_and_hangs_without_it_is_told_when_its_lease_ends(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuses_a_reason(consumer: FlakyConsumer, message: Message) -> Failure | None:
        if message.attributes:
            return NOT_ALLOWED
        await asyncio.sleep(30)
        return None

    monkeypatch.setattr(FlakyConsumer, "dead_letter", refuses_a_reason)
    source = fifo("a1", visibility_timeout=6, max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    await World(source, Handler(a1=99), faults=Faults(extending=[ConsumerUnavailable("gone")] * 99)).run_for(30)
    assert "message orders.fifo-1: not moved to the dead-letter queue: its lease has ended" in caplog.messages


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_move_that_hangs_is_given_up_when_its_lease_ends(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    move = FlakyConsumer.dead_letter

    async def hanging(consumer: FlakyConsumer, message: Message) -> Failure | None:
        await asyncio.sleep(30)
        return await move(consumer, message)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", hanging)
    dead = MemoryQueue(name.replace("orders", "dead"), clock=now)
    source = MemoryQueue(name, clock=now, visibility_timeout=6, max_receive_count=9, dead_letters=dead)
    source.send(OutgoingMessage("a1", group="a" if source.fifo else None))
    faults = Faults(extending=[ConsumerUnavailable("gone")] * 1000)
    async with World(source, Handler(a1=99), Options(retry_delay=Retry(dead_letter_after=1)), faults) as world:
        await asyncio.sleep(0.5)
        world.dispatcher.pause(name)
        await asyncio.sleep(7)
        assert world.dispatcher.held == 0
        assert f"message {name}-1: not moved to the dead-letter queue: its lease has ended" in caplog.text
        await asyncio.sleep(60)
    assert len(dead) == 0
    assert len(source) == 1


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_move_that_is_never_answered_is_given_up_after_a_minute_and_tried_again(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, hangs = FlakyConsumer.dead_letter, [True]

    async def hanging(consumer: FlakyConsumer, message: Message) -> Failure | None:
        if hangs:
            await asyncio.sleep(hangs.pop() and math.inf)
        return await move(consumer, message)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", hanging)
    dead = MemoryQueue(name.replace("orders", "dead"), clock=now)
    source = MemoryQueue(name, clock=now, max_receive_count=9, dead_letters=dead)
    for body in ("a1", "a2"):
        source.send(OutgoingMessage(body, group="a" if source.fifo else None))
    handler = Handler(a1=99)
    async with World(source, handler, Options(retry_delay=Retry(dead_letter_after=1))) as world:
        await asyncio.sleep(70)
        assert world.dispatcher.held == 0
    assert handler.ran == ["a1", "a2"]
    assert [message.body for message in dead.visible] == ["a1"]
    assert len(source) == 0


async def test_nothing_is_moved_for_a_message_whose_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(4)
        raise ValueError

    source = fifo("a1", visibility_timeout=9, max_receive_count=1, dead_letters=MemoryQueue("dead.fifo", clock=now))
    tries = moves(monkeypatch, [])
    world = World(source, handle, faults=Faults(extending=[NOT_ALLOWED] * 9))
    async with world:
        await asyncio.sleep(5)
        assert world.dispatcher.counts["leases_lost"] == 1
        assert tries == []


async def test_a_handler_sees_which_attempt_it_is_where_a_message_runs_again_in_its_place() -> None:
    seen: list[tuple[int, int]] = []

    def translate(message: Message) -> object:
        seen.append((message.attempt, message.receive_count))
        return {"content": message.body}

    world = World(fifo("a1"), Handler(a1=2), Options(retry_delay=1))
    world.dispatcher.routes = [attrs.evolve(world.route(), translate=translate)]
    await world.run_for(10)
    assert seen == [(1, 1), (2, 1), (3, 1)]


async def test_a_head_that_is_delivered_again_while_it_waits_for_its_next_run_loses_no_run_by_that() -> None:
    source = fifo("a1", max_receive_count=3, dead_letters=MemoryQueue("dead.fifo", clock=now))
    handler = Handler(a1=99)
    world = World(source, handler, Options(retry_delay=5))
    async with world:
        await asyncio.sleep(1)
        [head] = source._entries.values()
        source.change_visibility(head.receipt, 0)
        await asyncio.sleep(1)
        assert (handler.ran, head.receive_count) == (["a1"], 2)
        await asyncio.sleep(20)
    assert handler.ran == ["a1"] * 3
    assert [delivery.message.attempt for delivery in world.deliveries] == [1, 2, 3]


@pytest.mark.parametrize(("name", "retry"), [("orders.fifo", 1), ("orders", Retry(delay=1, dead_letter_after=2))])
async def test_what_is_delivered_again_while_it_runs_loses_no_run_by_that(name: str, retry: Retry | float) -> None:
    errors = [ValueError("once")]

    async def handle(_: str) -> None:
        await asyncio.sleep(2)
        while errors:
            raise errors.pop()

    count = 2 if name.endswith("fifo") else 9
    source = MemoryQueue(name, clock=now, max_receive_count=count, dead_letters=MemoryQueue("dead.fifo", clock=now))
    source.send(OutgoingMessage("a1", group="a" if source.fifo else None))
    async with World(source, handle, Options(retry_delay=retry)) as world:
        await asyncio.sleep(1)
        [message] = source._entries.values()
        source.change_visibility(message.receipt, 0)
        await asyncio.sleep(20)
    assert world.dispatcher.counts["duplicates"] == 1
    assert (world.dispatcher.counts["succeeded"], world.dispatcher.counts["dead_lettered"]) == (1, 0)


async def test_a_head_that_its_source_does_not_move_is_given_back_less_and_less_often() -> None:
    source = fifo("a1", "b1", visibility_timeout=30, max_receive_count=2)  # whose dead-letter queue is gone
    world = World(source, Handler(a1=999), Options(retry_delay=0.1), Faults(dead_lettering=[NOT_ALLOWED] * 9))

    def consumer() -> FlakyConsumer:
        return Limited(source, world.wait_time, world.batch_size, world.faults)

    world.dispatcher.routes = [attrs.evolve(world.route(), consumer=consumer)]
    async with world:
        await asyncio.sleep(300)
    assert source.counts["received"] < 40


@attrs.define(eq=False)
class Limited(FlakyConsumer):
    """A consumer of a queue that says it moves messages after two receives, and does not."""

    async def open(self) -> SourceInfo:
        return attrs.evolve(await super().open(), max_receive_count=2)
