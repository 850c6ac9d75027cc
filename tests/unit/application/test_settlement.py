"""Acknowledging and releasing: in batches, entry by entry again when it fails, and never more than that."""

import asyncio
import gc
import logging
import math
import random
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from test_observer import Notes
from world import Faults, FlakyConsumer, World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.delivery import Delivery
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.domain.batch import Failure
from loafer.domain.item import Item
from loafer.domain.lifecycle import Outcome
from loafer.domain.limits import LONGEST_LEASE
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable, IgnoreMessage
from loafer.ports.observer import Operation

AGAIN = Failure("try again")
NEVER = Failure("the receipt is no longer valid", retryable=False)


async def succeed(content: Any) -> None:
    """Handle anything."""


def calls(world: World, verb: str) -> list[int]:
    return [entries for call, entries in world.faults.calls if call == verb]


async def test_messages_that_end_together_are_acknowledged_in_one_call() -> None:
    world = await World(queue("orders", *"x" * 10), succeed).run_for(1)
    assert calls(world, "acknowledge") == [10]


async def test_a_lone_message_is_acknowledged_at_once() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(1)

    world = World(queue("orders", "one"), handle)
    async with world:
        await asyncio.sleep(1.000001)
        assert len(world.queue) == 0


async def test_an_acknowledgement_waits_10_ms_at_most_for_others() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(1 if content == "short" else 2)

    world = World(queue("orders", "short", "long"), handle)
    async with world:
        await asyncio.sleep(1.005)
        assert len(world.queue) == 2
        await asyncio.sleep(0.006)
        assert len(world.queue) == 1


async def test_only_the_failed_entries_of_a_batch_are_tried_again() -> None:
    world = await World(queue("orders", *"xxxx"), succeed, faults=Faults(settling=[None, AGAIN, None, AGAIN])).run_for(
        5
    )
    assert len(world.queue) == 0
    assert calls(world, "acknowledge")[0] == 4
    assert sum(calls(world, "acknowledge")[1:]) == 2


class Odd(BaseException):
    """What a library that a consumer uses may raise."""


BROKEN = [ConsumerUnavailable("gone"), KeyError("a broken consumer"), Odd(), GeneratorExit()]


@pytest.mark.parametrize("error", BROKEN)
async def test_an_acknowledgement_that_fails_ends_nothing_and_is_tried_again(error: BaseException) -> None:
    world = await World(queue("orders", "one"), succeed, faults=Faults(settling=[error, error])).run_for(10)
    assert len(world.queue) == 0
    assert world.dispatcher.counts["succeeded"] == 1


@pytest.mark.parametrize(
    ("name", "operation"), [("orders", "acknowledge"), ("orders.fifo", "acknowledge"), ("orders", "release")]
)
async def test_a_settlement_that_is_never_answered_is_given_up_after_a_minute_and_tried_again(
    name: str, operation: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settle, hangs, fails = getattr(FlakyConsumer, operation), [True], [operation == "release"]

    async def hanging(consumer: FlakyConsumer, *given: Any) -> Sequence[Failure | None]:
        if hangs:
            await asyncio.sleep(hangs.pop() and math.inf)
        result: Sequence[Failure | None] = await settle(consumer, *given)
        return result

    async def handle(content: str) -> None:
        if fails and fails.pop():
            raise IgnoreMessage(delay=1)

    monkeypatch.setattr(FlakyConsumer, operation, hanging)
    source = MemoryQueue(name, clock=now, visibility_timeout=600)
    for body in ("1", "2"):
        source.send(OutgoingMessage(body, group="a" if source.fifo else None))
    async with World(source, handle, batch_size=1) as world:
        await asyncio.sleep(59)
        assert len(source) > 0
        await asyncio.sleep(40)
        assert f"message {name}-1 could not be {operation}d, trying again: no answer within 60 s" in caplog.messages
        assert (len(source), world.dispatcher.held) == (0, 0)


async def test_a_receive_that_is_never_answered_is_given_up_a_minute_after_its_wait_time_and_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receive, asked = FlakyConsumer.receive, []

    async def hanging(consumer: FlakyConsumer, limit: int) -> Sequence[Message]:
        asked.append(now())
        if len(asked) <= 2:
            await asyncio.sleep(math.inf)
        return await receive(consumer, limit)

    monkeypatch.setattr(FlakyConsumer, "receive", hanging)
    caplog.set_level(logging.INFO)
    world = World(queue("orders", "one"), succeed, wait_time=20)
    async with world:
        began = now()
        await asyncio.sleep(170)
        assert [round(at - began) for at in asked[:3]] == [0, 80, 160]
        assert (len(world.queue), world.dispatcher.cause) == (0, None)
    said = [record.levelname for record in caplog.records if "it is asked anew" in record.getMessage()]
    assert said == ["WARNING", "INFO"]


async def test_a_stop_ends_a_receive_that_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hanging(consumer: FlakyConsumer, limit: int) -> Sequence[Message]:
        await asyncio.sleep(math.inf)
        return ()

    monkeypatch.setattr(FlakyConsumer, "receive", hanging)
    async with World(queue("orders"), succeed) as world:
        await asyncio.sleep(61)
        before = now()
        world.dispatcher.stop()
        await asyncio.sleep(9)
        assert world.dispatcher.stop_asked.is_set()
    assert now() - before < 10


@pytest.mark.parametrize("error", BROKEN)
async def test_an_extension_that_fails_is_tried_again(error: BaseException) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(40)

    source = queue("orders", "one", visibility_timeout=30)
    world = await World(source, handle, faults=Faults(extending=[error])).run_for(60)
    assert (len(source), world.dispatcher.counts["leases_ended"]) == (0, 0)


@pytest.mark.parametrize("error", BROKEN)
async def test_a_move_that_fails_keeps_the_message(error: BaseException) -> None:
    async def handle(content: Any) -> None:
        raise ValueError

    letters = queue("dead")
    source = queue("orders", "one", visibility_timeout=30, max_receive_count=9, dead_letters=letters)
    faults = Faults(dead_lettering=[error])
    world = World(source, handle, Options(retry_delay=Retry(dead_letter_after=1)), faults)
    await world.run_for(60)
    assert (len(source), len(letters)) == (0, 1)


@pytest.mark.parametrize("error", BROKEN[1:])
@pytest.mark.parametrize("opens", [False, True])
async def test_a_consumer_that_breaks_ends_the_worker_and_is_told(error: BaseException, *, opens: bool) -> None:
    faults = Faults(receiving=[error]) if opens else Faults(opening=[error])
    world = World(queue("orders", "one"), succeed, faults=faults)
    with pytest.raises(ConsumerError, match="the consumer of 'orders' broke"):
        await world.run_for(60)


async def raises_a_generator_exit() -> None:
    raise GeneratorExit


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("acknowledge", "a task"), ("acknowledge", "a cancelled one"), ("dead_letter", "a task"),
        ("dead_letter", "a cancelled one"), ("look_again", "a task"),
    ],
)  # fmt: skip
async def test_what_a_task_of_the_consumers_raises_is_tried_again_too(
    what: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called, tries = getattr(FlakyConsumer, what), list[int]()

    async def call(consumer: FlakyConsumer, *given: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            task = asyncio.ensure_future(raises_a_generator_exit() if how == "a task" else asyncio.sleep(1))
            if how != "a task":
                task.cancel()
            await task
        return await called(consumer, *given)

    async def handle(content: Any) -> None:
        if what == "dead_letter":
            raise ValueError

    monkeypatch.setattr(FlakyConsumer, what, call)
    letters = queue("dead")
    source = queue("orders", "one", visibility_timeout=30, max_receive_count=9, dead_letters=letters)
    world = await World(source, handle, Options(retry_delay=Retry(dead_letter_after=1))).run_for(700)
    assert (len(source), len(letters)) == (0, what == "dead_letter")
    assert len(tries) >= 2
    assert world.dispatcher.held == 0


async def test_an_acknowledgement_that_ends_cancelled_at_once_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledge, tries = FlakyConsumer.acknowledge, list[int]()

    async def cancelled(consumer: FlakyConsumer, messages: Sequence[Message]) -> Sequence[Failure | None]:
        tries.append(1)
        if len(tries) == 1:
            raise asyncio.CancelledError
        return await acknowledge(consumer, messages)

    monkeypatch.setattr(FlakyConsumer, "acknowledge", cancelled)
    world = await World(queue("orders", "one"), succeed).run_for(10)
    assert (len(world.queue), world.dispatcher.held) == (0, 0)


async def test_an_acknowledgement_is_tried_again_after_growing_pauses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("random.random", lambda: 1.0)
    world = World(queue("orders", "one"), succeed, faults=Faults(settling=[AGAIN] * 4))
    async with world:
        for seconds, tries in ((0.09, 1), (0.02, 2), (0.2, 3), (0.4, 4), (0.8, 5)):
            await asyncio.sleep(seconds)
            assert len(calls(world, "acknowledge")) == tries
    said = [(record.levelname, record.message) for record in caplog.records if "trying again" in record.message]
    text = "message orders-1 could not be acknowledged, trying again: try again"
    assert said == [("WARNING", text), *[("INFO", text)] * 3]


async def test_a_stop_takes_no_longer_than_what_is_to_be_settled() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(2)

    world = World(queue("orders", *"xxx"), handle, faults=Faults(delay=0.5))
    await world.run_for(1)
    assert len(world.queue) == 0
    assert now() == pytest.approx(2.5, abs=0.001)


async def test_nothing_is_left_in_memory_of_a_call_that_has_settled_something() -> None:
    def tasks() -> int:
        gc.collect()
        return sum(isinstance(each, asyncio.Task) for each in gc.get_objects())

    world = World(queue("orders"), succeed, faults=Faults(delay=0.1))
    async with world:
        await asyncio.sleep(1.5)
        before = tasks()
        for _ in range(20):
            world.queue.send(OutgoingMessage("x"))
            await asyncio.sleep(1)
        assert tasks() < before + 10
    assert calls(world, "acknowledge") == [1] * 20


async def test_every_stale_acknowledgement_is_counted() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(5)

    source = queue("orders", "one", "two", visibility_timeout=6)
    world = await World(source, handle, faults=Faults(extending=[NEVER, NEVER])).run_for(5.5)
    assert world.dispatcher.counts["stale"] == 2


class Undeletable(FlakyConsumer):
    """On the queue "orders" nothing can be deleted or extended for a time, from two seconds on, and perhaps `again`."""

    until = 62.0
    again = 0.0, 0.0

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        return [AGAIN] * len(messages) if self._fails() else await super().acknowledge(messages)

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        return [AGAIN] * len(messages) if self._fails() else await super().extend(messages, seconds)

    def _fails(self) -> bool:
        first, last = self.again
        return self.queue.name.startswith("orders") and (2 <= now() < self.until or first <= now() < last)


async def test_what_is_done_is_tried_to_be_deleted_though_its_lease_has_ended_and_other_routes_do_not_notice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[tuple[float, str]] = []

    async def handle(content: str) -> None:
        await asyncio.sleep(1)
        ran.append((now(), content))

    monkeypatch.setattr("world.FlakyConsumer", Undeletable)
    source, other = queue("orders", *map(str, range(30)), visibility_timeout=6), queue("other", visibility_timeout=6)
    world, beside = World(source, handle), World(other, handle)
    world.dispatcher.routes = [world.route(), beside.route()]
    async with world:
        await asyncio.sleep(3)
        world.dispatcher.pause("orders")  # what comes again is for other workers
        for number in range(300):
            other.send(OutgoingMessage(f"other-{number}"))
            await asyncio.sleep(0.3)
        assert len(other) <= 10
        assert len(source) == 30 - len({content for _, content in ran if not content.startswith("other")})
    late = [content for at, content in ran if 40 < at < 60 and content.startswith("other")]
    assert len(late) > 50


class Unreachable(Undeletable):
    """As Undeletable, but nothing can be reached."""

    until = 20.0

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        if self._fails():
            raise ConsumerUnavailable("no way")
        return await super().acknowledge(messages)


async def test_it_is_told_when_what_is_done_is_deleted_after_the_end_of_its_lease(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("world.FlakyConsumer", Unreachable)
    source, notes = queue("orders", visibility_timeout=6), Notes()
    world = World(source, succeed)
    world.dispatcher.observers = (notes,)
    async with world:
        await asyncio.sleep(3)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(1.5)
        world.dispatcher.pause("orders")  # what comes again is for other workers
        await asyncio.sleep(40)
        assert len(source) == 0
    assert "source 'orders': messages cannot be deleted yet: no way" in caplog.messages
    assert "source 'orders': 1 messages are deleted, after their leases had ended" in caplog.messages
    assert (
        caplog.messages.count(
            "source 'orders': what is done was not deleted before its lease ended: none starts until a deletion works"
        )
        == 1
    )
    assert (Operation.ACKNOWLEDGE, "no way") in notes.calls
    assert notes.settlements == [(Operation.ACKNOWLEDGE, 1)]


async def test_what_is_done_in_a_second_outage_is_tried_to_be_deleted_as_in_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("world.FlakyConsumer", Undeletable)
    monkeypatch.setattr(Undeletable, "until", 20.0)
    monkeypatch.setattr(Undeletable, "again", (100.0, 120.0))
    source = queue("orders", visibility_timeout=6)
    async with World(source, succeed) as world:
        for start in (3, 101):
            await asyncio.sleep(start - now())
            source.send(OutgoingMessage(str(start)))
            await asyncio.sleep(1.5)
            world.dispatcher.pause("orders")  # what comes again is for other workers
            await asyncio.sleep(40)
            assert len(source) == 0
            world.dispatcher.resume("orders")
        assert source.counts["received"] == 2


async def test_a_lane_is_barred_for_longer_each_time_as_long_as_nothing_can_be_deleted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("world.FlakyConsumer", Undeletable)
    monkeypatch.setattr(Undeletable, "until", 1000.0)
    source = queue("orders", *map(str, range(10_000)), visibility_timeout=6)
    async with World(source, lambda _: asyncio.sleep(1)):
        await asyncio.sleep(980)
        assert 4 <= caplog.text.count("none starts until a deletion works") <= 6
        await asyncio.sleep(1000)
        assert len(source) == 0


async def test_while_deletions_and_extensions_fail_what_waits_behind_a_head_that_is_done_loses_next_to_no_receives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[str] = []

    async def handle(content: str) -> None:
        await asyncio.sleep(1 if content.startswith("a") else 0.05)
        ran.append(content)

    monkeypatch.setattr("world.FlakyConsumer", Undeletable)
    monkeypatch.setattr(Undeletable, "until", 22.0)
    dead = MemoryQueue("dead.fifo", clock=now)
    source = MemoryQueue("orders.fifo", 4, 3, dead, clock=now)
    async with World(source, handle):
        await asyncio.sleep(1.9)
        contents = [f"{group}{number}" for number in range(6) for group in "ab"]
        for content in contents:
            source.send(OutgoingMessage(content, group=content[0]))
        await asyncio.sleep(120)
        assert (len(source), len(dead)) == (0, 0)
    assert sorted(ran) == sorted(contents)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_was_done_before_an_outage_is_deleted_after_it_and_not_run_again(name: str) -> None:
    runs: list[str] = []

    async def handle(content: str) -> None:
        runs.append(content)

    source = queue(name, visibility_timeout=6)
    for body in "123":
        source.send(OutgoingMessage(body, group="g" if source.fifo else None))
    gone = [ConsumerUnavailable("gone")]
    faults = Faults(receiving=[None, *gone * 6], settling=gone * 12, extending=gone * 100)
    async with World(source, handle, faults=faults):
        await asyncio.sleep(60)
        assert len(source) == 0
    assert runs == ["1", "2", "3"]


async def test_what_was_done_and_deleted_with_an_outdated_receipt_is_not_run_again_where_it_comes_again() -> None:
    runs: list[str] = []

    async def handle(content: str) -> None:
        runs.append(content)
        await asyncio.sleep(5)

    source = queue("orders", "one", visibility_timeout=6)
    async with World(source, handle, faults=Faults(extending=[NEVER])) as world:
        await asyncio.sleep(3)
        [entry] = source._entries.values()
        source.change_visibility(entry.receipt, 0)
        [message] = source.receive(1)  # by another worker, which fails
        await asyncio.sleep(3)
        assert (world.dispatcher.counts["stale"], len(source)) == (1, 1)
        source.change_visibility(message.receipt, 0)
        await asyncio.sleep(10)
        assert len(source) == 0
    assert runs == ["one"]


@pytest.mark.parametrize("size", [1, 5])
async def test_what_was_delivered_twice_and_is_read_only_after_its_deletion_does_not_run_again(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Late(FlakyConsumer):
        async def receive(self, most: int) -> Sequence[Message]:
            messages = await super().receive(most)
            if messages and messages[0].receive_count > 1:
                await asyncio.sleep(0.5)
            return messages

    monkeypatch.setattr("world.FlakyConsumer", Late)
    runs: list[object] = []

    async def handle(content: object) -> None:
        runs.append(content)
        await asyncio.sleep(0.1)

    source = queue("orders", "one")
    world = World(source, handle, wait_time=20)
    if size > 1:
        world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=size, wait=0))]
    async with world:
        await asyncio.sleep(0.05)
        [entry] = source._entries.values()
        source.change_visibility(entry.receipt, 0)  # as if it were delivered twice, to two polls of this worker
        await asyncio.sleep(0.3)
        assert (world.dispatcher.held, len(source)) == (0, 1)  # an outdated receipt deletes nothing, and says nothing
        await asyncio.sleep(1)
        assert (world.dispatcher.held, len(source)) == (0, 0)
    assert len(runs) == 1


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_was_done_before_and_comes_again_is_deleted_in_a_stop_and_not_given_back(name: str) -> None:
    runs: list[str] = []

    async def handle(content: str) -> None:
        runs.append(content)

    source = queue(name, visibility_timeout=6)
    source.send(OutgoingMessage("1", group="g" if source.fifo else None))
    world = await World(source, handle, faults=Faults(settling=[NEVER])).run_for(5.9)  # the open poll brings it at 6 s
    assert (world.faults.received["1"], len(source), runs) == (2, 0, ["1"])


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_is_on_the_dead_letter_queue_and_comes_again_is_deleted_in_a_stop_and_not_given_back(
    name: str,
) -> None:
    async def fail(_: object) -> None:
        raise ValueError

    dead = queue(name.replace("orders", "dead"))
    source = queue(name, visibility_timeout=6, max_receive_count=5, dead_letters=dead)
    source.send(OutgoingMessage("1", group="g" if source.fifo else None))
    copied = attrs.evolve(AGAIN, copied=True)
    faults = Faults(dead_lettering=[copied], settling=[NEVER])
    world = await World(source, fail, Options(retry_delay=Retry(dead_letter_after=1)), faults).run_for(5.9)
    assert (world.faults.received["1"], len(source)) == (2, 0)
    assert world.dispatcher.counts["failed"] == 1


@pytest.mark.parametrize("explain", [True, False])
async def test_what_was_moved_to_the_dead_letter_queue_and_is_delivered_once_more_does_not_run_again(
    explain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliveries: list[Message] = []

    class Twice(FlakyConsumer):
        async def receive(self, most: int) -> Sequence[Message]:
            if len(deliveries) == 1:
                await asyncio.sleep(1)
                deliveries.append(attrs.evolve(deliveries[0], receipt="another", receive_count=2))
                return deliveries[1:]
            messages = await super().receive(most)
            deliveries.extend(messages)
            return messages

    monkeypatch.setattr("world.FlakyConsumer", Twice)
    runs: list[object] = []

    async def fail(content: object) -> None:
        runs.append(content)
        raise ValueError

    dead = queue("dead")
    source = queue("orders", "one", max_receive_count=1, dead_letters=dead)
    options = Options(explain_dead_letters=explain, retry_delay=Retry() if explain else Retry(dead_letter_after=1))
    world = await World(source, fail, options).run_for(5)
    assert (len(deliveries), len(runs), len(dead), len(source)) == (2, 1, 1, 0)
    assert world.dispatcher.counts["dead_lettered"] == 1


@pytest.mark.parametrize("seconds", [0.0, 30.0], ids=["deleted", "given back"])
async def test_nothing_is_asked_of_a_source_any_more_once_the_worker_has_ended(seconds: float) -> None:
    async def handle(_: object) -> None:
        await asyncio.sleep(seconds)

    faults = Faults(settling=[AGAIN] * 10_000)
    world = World(queue("orders", *"12345", visibility_timeout=60), handle, Options(grace_period=1), faults)
    await world.run_for(1)
    asked = len(faults.calls)
    await asyncio.sleep(60)
    assert len(faults.calls) == asked


async def test_of_a_batch_what_was_done_before_is_deleted_and_the_others_are_handled() -> None:
    batches: list[list[object]] = []

    async def handle(items: list[Item[Any]]) -> None:
        batches.append([item.content for item in items])

    source = queue("orders", "1", "2", visibility_timeout=6)
    world = World(source, handle, faults=Faults(settling=[NEVER]))
    world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=2, wait=1))]
    async with world:
        await asyncio.sleep(5.9)
        source.send(OutgoingMessage("3"))  # it comes in one batch with the first one, which could not be deleted
        await asyncio.sleep(10)
        assert len(source) == 0
    assert batches == [["1", "2"], ["3"]]


async def test_what_a_late_answer_brings_of_what_was_delivered_again_and_done_meanwhile_does_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs: list[int] = []

    async def handle(content: str) -> None:
        runs.append(len(source))

    class Late(FlakyConsumer):
        async def receive(self, limit: int) -> Sequence[Message]:
            messages = await super().receive(limit)
            if messages and messages[0].receive_count == 1:
                await asyncio.sleep(12)
            return messages

    monkeypatch.setattr("world.FlakyConsumer", Late)
    source = queue("orders", "1", visibility_timeout=6)
    world = World(source, handle)
    world.dispatcher.routes = [attrs.evolve(world.route(), name=name) for name in ("one", "two")]
    async with world:
        await asyncio.sleep(30)
        assert world.dispatcher.held == 0
    assert (runs, len(source)) == ([1], 0)


async def test_what_one_route_of_a_queue_has_done_another_one_does_not_run_again() -> None:
    runs: list[str] = []

    async def handle(content: str) -> None:
        runs.append(content)

    source = queue("orders", visibility_timeout=6)
    world = World(source, handle, faults=Faults(settling=[NEVER]))
    world.dispatcher.routes = [attrs.evolve(world.route(), name=name) for name in ("one", "two")]
    async with world:
        await asyncio.sleep(0.5)
        world.dispatcher.pause("two")
        source.send(OutgoingMessage("1"))
        await asyncio.sleep(3)
        world.dispatcher.pause("one")
        world.dispatcher.resume("two")
        await asyncio.sleep(10)
        assert len(source) == 0
    assert runs == ["1"]


async def test_an_acknowledgement_after_the_lease_was_lost_is_reported_as_stale(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(5)

    world = World(queue("orders", "one", visibility_timeout=6), handle, faults=Faults(extending=[NEVER]))
    await world.run_for(5.5)
    assert world.dispatcher.counts["leases_lost"] == 1
    assert world.dispatcher.counts["stale"] == 1
    assert "its lease is lost" in caplog.text
    assert "stale" in caplog.text


async def test_a_message_delivered_anew_while_it_is_acknowledged_is_acknowledged_anew() -> None:
    runs = 0

    async def handle(content: Any) -> None:
        nonlocal runs
        runs += 1

    faults = Faults(delay=3, extending=[ConsumerUnavailable("gone")] * 9)
    world = World(queue("orders", "one", visibility_timeout=2), handle, faults=faults)
    async with world:
        await asyncio.sleep(2.5)
        faults.delay = 0
        await asyncio.sleep(3)
    assert runs == 1
    assert len(world.queue) == 0


async def test_a_kept_message_is_left_alone_by_default_and_comes_back_when_its_visibility_runs_out() -> None:
    async def handle(content: Any) -> None:
        raise ValueError

    world = World(queue("orders", "one", visibility_timeout=30), handle)
    async with world:
        await asyncio.sleep(29)
        assert len(world.deliveries) == 1
        assert world.dispatcher.held == 0
        await asyncio.sleep(2)
        assert len(world.deliveries) == 2
        assert world.deliveries[-1].message.receive_count == 2
    assert calls(world, "release") == []


async def test_a_kept_message_comes_back_after_the_retry_delay() -> None:
    async def handle(content: Any) -> None:
        raise ValueError

    world = World(queue("orders", "one"), handle, Options(retry_delay=5))
    async with world:
        await asyncio.sleep(11)
    assert len(world.deliveries) == 3


async def test_a_kept_message_comes_back_as_its_retry_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)

    async def handle(content: Any) -> None:
        raise ValueError

    world = World(queue("orders", "one"), handle, Options(retry_delay=Retry(first=2, longest=5)))
    async with world:
        for seconds, deliveries in ((0.5, 1), (2, 2), (4, 3), (5, 4), (5, 5)):
            await asyncio.sleep(seconds)
            assert len(world.deliveries) == deliveries


async def test_the_exponential_retry_delay_grows_with_the_receive_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)

    async def handle(content: Any) -> None:
        raise ValueError

    world = World(queue("orders", "one"), handle, Options(retry_delay="exponential"))
    async with world:
        for seconds, deliveries in ((0.5, 1), (1, 2), (2, 3), (4, 4)):
            await asyncio.sleep(seconds)
            assert len(world.deliveries) == deliveries


async def test_a_handler_can_say_when_it_wants_its_message_back() -> None:
    async def handle(content: Any) -> None:
        raise IgnoreMessage(delay=3)

    world = World(queue("orders", "one"), handle, Options(retry_delay=100))
    async with world:
        await asyncio.sleep(2.9)
        assert len(world.deliveries) == 1
        await asyncio.sleep(0.2)
        assert len(world.deliveries) == 2


async def test_a_message_that_is_always_kept_reaches_the_dead_letter_queue() -> None:
    async def handle(content: Any) -> None:
        raise ValueError

    dead = queue("dead")
    source = queue("orders", "one", max_receive_count=3, dead_letters=dead)
    world = await World(source, handle, Options(retry_delay=1)).run_for(10)
    assert [delivery.outcome for delivery in world.deliveries] == [Outcome.FAILED] * 3
    assert len(dead) == 1
    assert len(source) == 0


async def test_a_release_that_fails_is_tried_again() -> None:
    async def handle(content: Any) -> None:
        if len(world.deliveries) == 0:
            raise ValueError

    faults = Faults(settling=[AGAIN, ConsumerError("gone for good?")])
    world = World(queue("orders", "one", visibility_timeout=100), handle, Options(retry_delay=1), faults)
    await world.run_for(5)
    assert [delivery.outcome for delivery in world.deliveries] == [Outcome.FAILED, Outcome.SUCCEEDED]
    assert len(world.queue) == 0
    assert world.dispatcher.held == 0


async def test_no_body_is_logged_above_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    faults = Faults(settling=[AGAIN, NEVER], receiving=[ConsumerUnavailable("gone")])
    await World(queue("orders", "secret"), succeed, faults=faults).run_for(5)
    assert "secret" not in caplog.text


async def test_where_deleting_was_never_allowed_the_worker_ends_at_once() -> None:
    world = World(queue("orders", *"x" * 40), succeed, faults=Faults(settling=[AccessDenied("no DeleteMessage")] * 999))
    async with world:
        with pytest.raises(AccessDenied, match="no DeleteMessage"):
            await world.ended()
        assert world.dispatcher.counts["succeeded"] <= 20


@attrs.define(eq=False)
class Denying(FlakyConsumer):
    """A consumer that may not delete for a while."""

    denied: list[float] = attrs.field(factory=list)
    """From when, and until when."""

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        if self.denied[0] <= now() < self.denied[1]:
            raise AccessDenied("no DeleteMessage")
        return await super().acknowledge(messages)


@attrs.define(eq=False)
class Denied(World):
    denied: list[float] = attrs.field(factory=list)

    def consumer(self) -> FlakyConsumer:
        return Denying(self.queue, self.wait_time, self.batch_size, self.faults, denied=self.denied)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_while_deleting_is_denied_nothing_new_starts_and_when_it_is_allowed_again_all_goes_on(name: str) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(0.1)

    source = MemoryQueue(name, 30, clock=now)
    for number in range(1000):
        source.send(OutgoingMessage("x", group=str(number) if source.fifo else None))
    world = Denied(source, handle, denied=[2, 202])
    async with world:
        await asyncio.sleep(3)
        started = world.dispatcher.counts["succeeded"]
        assert 190 < started < 230
        await asyncio.sleep(100)
        assert world.dispatcher.counts["succeeded"] == started
        assert world.queue.counts["received"] <= started + 20, "nothing is received that may not start"
        await asyncio.sleep(200)
        assert len(world.queue) == 0
    assert world.dispatcher.counts["succeeded"] == 1000


@attrs.define(eq=False)
class Failing(FlakyConsumer):
    """A consumer that can neither delete nor extend for a minute."""

    async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
        return [AGAIN] * len(messages) if 2 <= now() < 62 else await super().acknowledge(messages)

    async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
        return [AGAIN] * len(messages) if 2 <= now() < 62 else await super().extend(messages, seconds)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_while_deletions_fail_and_leases_end_for_that_nothing_new_starts(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(content: str) -> None:
        ran.append(content)
        await asyncio.sleep(0.1)

    ran: list[str] = []
    monkeypatch.setattr("world.FlakyConsumer", Failing)
    dead = MemoryQueue(name.replace("orders", "dead"), clock=now)
    source = MemoryQueue(name, 3, clock=now, max_receive_count=3, dead_letters=dead)
    for number in range(1000):
        source.send(OutgoingMessage(str(number), group=str(number) if source.fifo else None))
    world = World(source, handle)
    async with world:
        await asyncio.sleep(200)
        assert (len(source), len(dead)) == (0, 0)
    assert set(ran) == {str(number) for number in range(1000)}
    assert len(ran) < 1000 + 500, "only what ran until the first leases ended, three seconds later, runs again"
    assert (
        caplog.text.count("what is done was not deleted before its lease ended: none starts until a deletion works")
        == 1
    )


@pytest.mark.parametrize("seed", range(5))
async def test_one_message_that_cannot_be_deleted_holds_up_the_others_for_a_minute_at_most(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(FlakyConsumer):
        async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
            results = await super().acknowledge([message for message in messages if message.body != "bad"])
            return [AGAIN if message.body == "bad" else results[0] for message in messages]

        async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
            results = await super().extend(messages, seconds)
            return [
                AGAIN if message.body == "bad" else result for message, result in zip(messages, results, strict=True)
            ]

    monkeypatch.setattr("world.FlakyConsumer", Refusing)
    monkeypatch.setattr("random.random", random.Random(seed).random)
    source = queue("orders", "bad", visibility_timeout=30)
    ran: dict[str, float] = {}

    async def handle(content: str) -> None:
        ran.setdefault(content, now())

    async with World(source, handle) as world:
        for number in range(20):
            await asyncio.sleep(30)
            source.send(OutgoingMessage(str(number)))
        await asyncio.sleep(70)
        assert [message.body for message in source.messages.values()] == ["bad"]
    late = [ran[str(number)] - 30 * (number + 1) for number in range(20)]
    assert max(late) < 70
    assert sum(each > 1 for each in late) <= 3
    assert world.dispatcher.counts["succeeded"] > 20


@pytest.mark.parametrize("later", [AccessDenied("no DeleteMessage"), None])
async def test_deletions_that_were_denied_until_leases_ended_are_tried_until_they_are_allowed(
    later: AccessDenied | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Exchanged(FlakyConsumer):
        async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
            if 10 <= now() < 15 or (now() >= 15 and later is not None):
                raise AccessDenied("no DeleteMessage")
            return [AGAIN] * len(messages) if 10 <= now() < 70 else await super().acknowledge(messages)

        async def extend(self, messages: Sequence[Message], seconds: float) -> Sequence[Failure | None]:
            return [AGAIN] * len(messages) if now() >= 10 else await super().extend(messages, seconds)

    monkeypatch.setattr("world.FlakyConsumer", Exchanged)
    source = queue("orders", "one", visibility_timeout=5)
    async with World(source, succeed) as world:
        await asyncio.sleep(12)
        source.send(OutgoingMessage("two"))
        await asyncio.sleep(200)
        assert len(source) == (0 if later is None else 1)
        if later is not None:
            with pytest.raises(AccessDenied):
                await world.ended()
            assert now() < 10 + 330


async def test_a_stop_does_not_wait_until_messages_can_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("world.FlakyConsumer", Failing)
    source = MemoryQueue("orders", 3, clock=now)
    for _ in range(100):
        source.send(OutgoingMessage("x"))
    await World(source, lambda _: asyncio.sleep(0.2), Options(grace_period=1)).run_for(20)
    assert now() < 25
    assert not [task for task in asyncio.all_tasks() if "_try" in repr(task)]


async def test_deletions_that_are_denied_for_five_minutes_end_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults(settling=[None, *[AccessDenied("no")] * 9_999])
    world = World(queue("orders", "one", visibility_timeout=30), succeed, faults=faults)
    async with world:
        await asyncio.sleep(1)
        world.queue.send(OutgoingMessage("two"))
        await asyncio.sleep(290)
        assert not world.dispatcher._stop.requested.is_set()
        with pytest.raises(AccessDenied):
            await world.ended()
    assert "trouble with acknowledging on 'orders'" in caplog.text


async def test_an_acknowledgement_refused_for_its_old_receipt_goes_out_again_with_the_newer_one() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(12)

    lost = Failure("the message is not in flight", retryable=False)
    world = World(queue("orders", "one", visibility_timeout=10), handle, faults=Faults(settling=[NEVER], delay=0.5))
    world.faults.extending += [AGAIN] * 20  # so that the message is delivered anew while it is being acknowledged
    async with world:
        await asyncio.sleep(11.8)
        [lane] = world.dispatcher._lanes
        [lease] = lane.leases._held.values()
        await asyncio.sleep(0.4)
        [newer] = world.queue.receive(1) or [lease.message]
        lane.take([attrs.evolve(newer, receive_count=9)], now())
        await asyncio.sleep(5)
        assert len(world.queue) == 0, lost.reason
    assert world.dispatcher.counts["succeeded"] == 1


class Curt(IgnoreMessage):
    def __init__(self) -> None:
        """Say nothing to the class above."""


class Nasty(IgnoreMessage):
    @property
    def delay(self) -> float:
        raise KeyError("an error that cannot be asked")

    @delay.setter
    def delay(self, value: float | None) -> None: ...


class Faceless(IgnoreMessage):
    @property
    def __class__(self) -> type:
        raise KeyError("an error that does not say what it is")

    @__class__.setter
    def __class__(self, value: type) -> None: ...


class Speechless(IgnoreMessage):
    """Raises what is no Exception wherever it is looked at."""

    @property
    def delay(self) -> float:
        raise asyncio.CancelledError

    @delay.setter
    def delay(self, value: float | None) -> None: ...

    def __str__(self) -> str:
        raise asyncio.CancelledError


@pytest.mark.parametrize("error", [Curt, Nasty, Faceless, Speechless])
@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_an_error_of_the_users_own_costs_neither_a_slot_nor_a_lease(
    error: type[IgnoreMessage], name: str
) -> None:
    async def handle(content: str) -> None:
        if content == "bad":
            raise error

    source = MemoryQueue(name, 5, clock=now)
    for number, body in enumerate(["bad"] * 8 + ["good"] * 8):
        source.send(OutgoingMessage(body, group=str(number) if source.fifo else None))
    world = World(source, handle, Options(max_jobs=2, prefetch=2))
    async with world:
        await asyncio.sleep(40)
        assert {message.body for message in source.messages.values()} == {"bad"}
        assert world.dispatcher._slots.running == 0
    assert world.dispatcher.held == 0


@pytest.mark.parametrize("raised", [KeyError, asyncio.CancelledError])
async def test_an_observer_that_raises_keeps_no_message_from_its_settlement(
    raised: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def observe(delivery: Delivery) -> None:
        raise raised(delivery.message.id)

    world = World(queue("orders", *"x" * 20), succeed, Options(max_jobs=2))
    world.dispatcher.observe = observe
    await world.run_for(5)
    assert len(world.queue) == 0
    assert "its end could not be told" in caplog.text


async def test_a_delay_is_cut_to_what_sqs_takes_from_the_receipt_on() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(3600)
        raise IgnoreMessage(delay=43_200)

    delays: list[float] = []

    @attrs.define(eq=False)
    class Noting(FlakyConsumer):
        async def release(self, messages: Sequence[Message], delays_: Sequence[float]) -> Sequence[Failure | None]:
            delays.extend(delays_)
            return await super().release(messages, delays_)

    @attrs.define(eq=False)
    class Noted(World):
        def consumer(self) -> FlakyConsumer:
            return Noting(self.queue, self.wait_time, self.batch_size, self.faults)

    async with Noted(queue("orders", "one"), handle):
        await asyncio.sleep(3602)
    assert delays == [pytest.approx(LONGEST_LEASE - 3600, abs=1)]
