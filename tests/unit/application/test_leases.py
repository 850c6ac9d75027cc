"""What is held stays ours: the heartbeat in virtual time, on the same loop."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from test_batches import batching
from virtual_time import block
from world import Faults, FlakyConsumer, World, now, queue

from loafer.application import batch_jobs, jobs
from loafer.application.options import Options
from loafer.application.route import BatchCall
from loafer.domain.batch import Failure
from loafer.domain.message import Message, OutgoingMessage
from loafer.exceptions import AccessDenied, ConsumerUnavailable
from loafer.ports.consumer import ANSWER_AGE, ANSWER_BEGINS, ANSWER_DOUBTED


async def takes_an_hour(content: Any) -> None:
    await asyncio.sleep(3600)


async def test_a_long_handler_keeps_its_message() -> None:
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour)
    async with world:
        await asyncio.sleep(3600.5)
        assert len(world.queue) == 0
    assert world.queue.counts["received"] == 1
    assert world.dispatcher.counts["stale"] == 0


async def test_leases_are_extended_every_third_of_the_visibility_timeout_in_batches() -> None:
    world = World(queue("orders", *"x" * 12, visibility_timeout=30), takes_an_hour, Options(max_jobs=12))
    async with world:
        await asyncio.sleep(31)
        extended = [entries for call, entries in world.faults.calls if call == "extend"]
        assert sum(extended) == 3 * 12
        assert max(extended) == 10
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_waiting_messages_are_extended_too() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(0.01 if content == "quick" else 200)

    bodies = ["quick"] * 20 + ["slow"] * 5
    world = World(queue("orders", *bodies, visibility_timeout=10), handle, Options(max_jobs=1))
    async with world:
        await asyncio.sleep(300)
        assert world.queue.counts["received"] == 25
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_an_extension_that_fails_is_tried_again_in_time() -> None:
    faults = Faults(extending=[ConsumerUnavailable("gone"), Failure("throttled"), ConsumerUnavailable("gone")])
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(60)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_the_heartbeat_opens_one_consumer_a_route_and_tries_again_where_it_could_not() -> None:
    opened = []

    @attrs.define(eq=False)
    class Counting(World):
        def consumer(self) -> FlakyConsumer:
            opened.append(asyncio.get_running_loop().time())
            return super().consumer()

    faults = Faults(opening=[None, ConsumerUnavailable("gone")])
    world = Counting(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(300)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()
    assert opened == pytest.approx([0, 10, 11], abs=1.1), "the route's own, one that failed, and one that serves on"


async def test_every_lease_that_is_lost_is_counted() -> None:
    faults = Faults(extending=[Failure("the receipt is no longer valid", retryable=False)] * 2)
    world = World(queue("orders", "one", "two", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(15)
        assert world.dispatcher.counts["leases_lost"] == 2
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_an_extension_call_that_is_stuck_delays_no_other() -> None:
    stuck, free = Faults(extension_delay=1e6), Faults()
    slow = World(queue("stuck", "one", visibility_timeout=30), takes_an_hour, faults=stuck)
    quick = World(queue("free", "one", visibility_timeout=30), takes_an_hour, faults=free)
    slow.dispatcher.routes = [slow.route(), quick.route()]
    async with slow:
        await asyncio.sleep(100)
        assert quick.queue.counts["received"] == 1
        slow.dispatcher.stop()
        slow.dispatcher.stop()


async def test_an_extension_call_that_is_stuck_is_given_up_in_time_for_another() -> None:
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=Faults(extension_delay=1e6))
    async with world:
        await asyncio.sleep(12)
        world.faults.extension_delay = 0
        await asyncio.sleep(60)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_message_is_kept_invisible_for_as_long_as_sqs_allows_and_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("loafer.domain.lease.LONGEST_LEASE", 595)  # 12 hours, in less time

    world = World(queue("orders", "one", visibility_timeout=60), takes_an_hour)
    async with world:
        await asyncio.sleep(600 - 10)
        assert world.queue.counts["received"] == 1
        await asyncio.sleep(10)
        assert world.queue.counts["received"] == 2
        assert world.dispatcher.counts["duplicates"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_message_that_was_held_for_as_long_as_sqs_allows_is_lost_and_that_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("loafer.domain.lease.LONGEST_LEASE", 595)
    world = World(queue("orders", "one", visibility_timeout=60), takes_an_hour, Options(grace_period=0))
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.pause("orders")
        await asyncio.sleep(700)
        extensions = [call for call in world.faults.calls if call[0] == "extend"]
        await asyncio.sleep(100)
        assert [call for call in world.faults.calls if call[0] == "extend"] == extensions
    assert caplog.messages.count("message orders-1: its lease is lost: it has been held for 12 hours") == 1
    assert world.dispatcher.counts["leases_lost"] == 1


async def test_a_message_whose_lease_ended_while_it_waited_is_not_started(caplog: pytest.LogCaptureFixture) -> None:
    started: list[Any] = []

    async def handle(content: str) -> None:
        started.append(content)
        await asyncio.sleep(20 if content == "slow" else 0.001)

    refused = Failure("the receipt is no longer valid", retryable=False)
    bodies = ["quick"] * 9 + ["slow", "waits"]
    world = World(queue("orders", *bodies, visibility_timeout=9), handle, Options(max_jobs=1, prefetch=20))
    world.batch_size = 20
    async with world:
        await asyncio.sleep(1)
        world.faults.extending += [refused] * 2
        await asyncio.sleep(25)
    assert "it is not started" in caplog.text


async def test_a_message_is_released_only_when_its_extension_has_ended() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(10.2)
        raise ValueError

    faults = Faults(extension_delay=0.8)  # the extension at 10 s is still under way when the handler fails
    world = World(queue("orders", "one", visibility_timeout=30), handle, Options(retry_delay=1), faults)
    async with world:
        await asyncio.sleep(13)
        assert len(world.dispatcher.counts) > 0
        assert world.queue.counts["received"] == 2
        world.dispatcher.stop()
        world.dispatcher.stop()


@attrs.define(eq=False)
class Unread(FlakyConsumer):
    """A consumer whose answers with messages lie in the socket for so many seconds, since the loop is blocked."""

    unread: float = 0.0

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        if messages:
            block(self.unread)
            await asyncio.sleep(0)  # what the loop reads in one turn, it hands on in another
        return messages


@attrs.define(eq=False)
class StandingStill(World):
    unread: float = 0.0

    def consumer(self) -> FlakyConsumer:
        return Unread(self.queue, self.wait_time, self.batch_size, self.faults, unread=self.unread)


async def test_a_message_whose_answer_lay_unread_for_longer_than_its_lease_is_not_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handled: list[str] = []

    async def handle(content: str) -> None:
        handled.append(content)

    world = StandingStill(queue("orders", visibility_timeout=6), handle, unread=7)
    async with world:
        await asyncio.sleep(0.5)  # the poll has waited since before the message was sent
        world.queue.send(OutgoingMessage("one"))
        await asyncio.sleep(7.1)
        assert handled == []
        assert "it is not started" in caplog.text
        world.dispatcher.stop()


async def test_a_batch_that_begins_late_is_not_started_once_its_leases_have_ended_and_takes_no_slot(
    caplog: pytest.LogCaptureFixture,
) -> None:
    batches: list[tuple[float, int]] = []

    async def handle(items: Sequence[Any]) -> None:
        batches.append((now(), len(items)))
        if len(batches) == 1:
            block(40)  # while the other batch is about to begin

    world = batching(queue("orders", *"abcd", visibility_timeout=30), handle, 2)
    async with world:
        await asyncio.sleep(39)
        assert "2 messages on 'orders': their leases ended while they waited; they are not started" in caplog.text
        assert [size for at, size in batches if at < 40] == [2]
        await asyncio.sleep(40)
        [route] = world.dispatcher.status().routes
        assert (route.jobs, route.held, len(world.queue)) == (0, 0, 0)
        assert set(route.causes) == {"lease lost"}


@attrs.define(eq=False)
class Late(FlakyConsumer):
    """A consumer whose answers are on their way for so many seconds, and which knows it."""

    late: float = 0.0

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        if messages:
            await asyncio.sleep(self.late)
            told = ANSWER_AGE.get()
            assert told is not None
            told(self.late + 0.5)  # at most
        return messages


@attrs.define(eq=False)
class FarAway(World):
    late: float = 0.0

    def consumer(self) -> FlakyConsumer:
        return Late(self.queue, self.wait_time, self.batch_size, self.faults, late=self.late)


@pytest.mark.parametrize(("late", "asked", "starts"), [(7, 0.5, False), (4, 0.5, True), (5, 0, True)])
async def test_an_answer_that_was_on_its_way_for_longer_than_its_lease_starts_nothing(
    late: float, asked: float, starts: bool
) -> None:
    handled: list[float] = []

    async def handle(_: str) -> None:
        handled.append(now())
        await asyncio.sleep(4)

    source = queue("orders", visibility_timeout=6)
    if not asked:
        source.send(OutgoingMessage("one"))  # it cannot have been ours before it was asked for
    async with FarAway(source, handle, wait_time=20, late=late) as world:
        if asked:
            await asyncio.sleep(asked)
            source.send(OutgoingMessage("one"))
        await asyncio.sleep(late + 0.1)
        assert bool(handled) is starts
        await asyncio.sleep(3.8)
        assert len(handled) == int(starts)
        assert world.queue.counts["received"] == (1 if starts else 2)


@pytest.mark.parametrize(("name", "in_batches"), [("orders", False), ("orders", True), ("orders.fifo", False)])
async def test_what_has_little_left_of_its_lease_starts_once_that_is_extended(name: str, in_batches: bool) -> None:
    extended_at_start: list[bool] = []

    async def handle(_: Any) -> None:
        extended_at_start.append(("extend", 1) in world.faults.calls)
        await asyncio.sleep(4)

    source = queue(name, visibility_timeout=12)
    world = FarAway(source, handle, Options(max_jobs=1), wait_time=20, late=9)
    if in_batches:
        world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=1, wait=0))]
    async with world:
        await asyncio.sleep(0.5)
        source.send(OutgoingMessage("one", group="g" if name.endswith(".fifo") else None))
        await asyncio.sleep(20)
    assert extended_at_start == [True]
    assert (source.counts["received"], source.counts["deleted"]) == (1, 1)
    assert world.deliveries[0].message.receive_count == 1


async def test_what_has_little_left_of_its_lease_does_not_start_where_that_is_not_extended(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handled: list[float] = []

    async def handle(_: Any) -> None:
        handled.append(now())

    faults = Faults(extending=[ConsumerUnavailable("gone")] * 1000)
    source = queue("orders", visibility_timeout=12)
    world = FarAway(source, handle, Options(max_jobs=1), faults, wait_time=20, late=9)
    async with world:
        await asyncio.sleep(0.5)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(12)
        assert handled == []
        assert "its lease ended while it waited; it is not started" in caplog.text
        [route] = world.dispatcher.status().routes
        assert (route.jobs, route.held) == (0, 0)


async def test_what_waits_for_its_lease_to_be_extended_is_given_back_by_a_stop() -> None:
    handled: list[float] = []

    async def handle(_: Any) -> None:
        handled.append(now())

    faults = Faults(extending=[ConsumerUnavailable("gone")] * 1000)
    source = queue("orders", visibility_timeout=12)
    world = FarAway(source, handle, Options(max_jobs=1, grace_period=1), faults, wait_time=20, late=9)
    async with world:
        await asyncio.sleep(0.5)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(9.1)
        assert world.dispatcher.status().routes[0].jobs == 1
    assert handled == []
    assert source.counts["released"] == 1
    assert len(source) == 1


@attrs.define(eq=False)
class Doubtful(FlakyConsumer):
    """A consumer that cannot tell for how long its answers were on their way."""

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        if messages:
            doubt = ANSWER_DOUBTED.get()
            assert doubt is not None
            doubt()
        return messages


@attrs.define(eq=False)
class FromSomewhere(World):
    def consumer(self) -> FlakyConsumer:
        return Doubtful(self.queue, self.wait_time, self.batch_size, self.faults)


@pytest.mark.parametrize(("sent", "on_its_way", "starts"), [(8.5, 0.0, True), (0.5, 9.0, True), (0.5, 13.0, False)])
async def test_what_may_have_been_on_its_way_for_long_starts_once_it_is_extended(
    sent: float, on_its_way: float, starts: bool, caplog: pytest.LogCaptureFixture
) -> None:
    extended_at_start: list[bool] = []

    async def handle(_: Any) -> None:
        extended_at_start.append(("extend", 1) in world.faults.calls)

    source = queue("orders", visibility_timeout=12)
    world = FromSomewhere(source, handle, Options(max_jobs=1), Faults(late=on_its_way), wait_time=20)
    async with world:
        await asyncio.sleep(sent)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(on_its_way + 3)
        assert extended_at_start == [True] * starts
        assert ("its lease is lost" in caplog.text) is not starts
        world.dispatcher.stop()
        world.dispatcher.stop()


@pytest.mark.parametrize("sent", [0.5, 7.5])
async def test_what_is_ours_however_long_it_was_on_its_way_starts_at_once_and_is_extended_in_time_for_that(
    sent: float,
) -> None:
    started: list[float] = []

    async def handle(_: Any) -> None:
        started.append(now())
        await asyncio.sleep(60)

    source = queue("orders", visibility_timeout=12)
    async with FromSomewhere(source, handle, Options(max_jobs=1), wait_time=20) as world:
        began = now()
        await asyncio.sleep(sent)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(0.1)
        assert started == [pytest.approx(began + sent, abs=0.01)]
        assert ("extend", 1) not in world.faults.calls
        await asyncio.sleep((12 - sent) / 3 + 1)
        assert ("extend", 1) in world.faults.calls
        world.dispatcher.stop()
        world.dispatcher.stop()


@pytest.mark.parametrize("wait", [12, 60])
async def test_where_extensions_are_denied_a_batch_begins_before_its_first_lease_ends(wait: float) -> None:
    batches: list[tuple[float, int]] = []

    async def handle(items: Sequence[Any]) -> None:
        batches.append((now() - began, len(items)))

    world = batching(queue("orders", "one", "two", visibility_timeout=12), handle, 10, wait)
    world.faults.extending = [AccessDenied("not for you")] * 1000
    async with world:
        began = now()
        await asyncio.sleep(1)
        world.queue.send(OutgoingMessage("three"))
        await asyncio.sleep(29)
    assert [(round(at), size) for at, size in batches] == [(8, 3)]
    assert (len(world.queue), world.queue.counts["received"]) == (0, 3)


async def test_where_extensions_work_a_batch_waits_for_longer_than_its_leases_last() -> None:
    sizes: list[int] = []

    async def handle(items: Sequence[Any]) -> None:
        sizes.append(len(items))

    async with batching(queue("orders", "one", visibility_timeout=12), handle, 10, 60) as world:
        await asyncio.sleep(59)
        assert sizes == []
        await asyncio.sleep(2)
        assert sizes == [1]
    assert world.queue.counts["received"] == 1


async def test_where_extensions_are_denied_what_would_wait_for_one_starts_all_the_same() -> None:
    started: list[str] = []

    async def handle(content: str) -> None:
        started.append(content)

    source = queue("orders", visibility_timeout=12)
    faults = Faults(extending=[AccessDenied("no")])
    async with FromSomewhere(source, handle, Options(max_jobs=1), faults, wait_time=20) as world:
        await asyncio.sleep(8.5)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(2)
        assert started == ["one"]
        await asyncio.sleep(8.5)
        source.send(OutgoingMessage("two"))
        await asyncio.sleep(0.1)
        assert started == ["one", "two"], "nobody could tell any better"
        world.dispatcher.stop()
        world.dispatcher.stop()


@pytest.mark.parametrize(("late", "starts"), [(9.0, True), (13.0, False)])
async def test_what_comes_long_after_the_wait_time_of_its_poll_starts_once_it_is_extended(
    late: float, starts: bool
) -> None:
    extended_at_start: list[bool] = []

    async def handle(_: Any) -> None:
        extended_at_start.append(("extend", 1) in world.faults.calls)

    source = queue("orders", "one", visibility_timeout=12)
    world = World(source, handle, Options(max_jobs=1), Faults(late=late), wait_time=1)
    async with world:
        await asyncio.sleep(late + 3)
        assert extended_at_start == [True] * starts
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_message_is_held_for_as_long_as_its_receive_asked_for_whatever_was_found_since() -> None:
    runs: list[float] = []

    async def handle(_: str) -> None:
        runs.append(now())
        await asyncio.sleep(60)

    source = queue("orders", visibility_timeout=30)
    async with World(source, handle, wait_time=17), World(source, handle, wait_time=17):
        await asyncio.sleep(100)
        source.visibility_timeout = 600  # both look after 300 seconds, while a poll is open that asked for 30
        await asyncio.sleep(202)
        source.send(OutgoingMessage("one"))
        await asyncio.sleep(100)
    assert runs == [pytest.approx(302)]
    assert len(source) == 0


@attrs.define(eq=False)
class Slow(FlakyConsumer):
    """A consumer whose answers lie in the socket for 7 s, and are read then in many pieces, for a second."""

    async def receive(self, limit: int) -> Sequence[Message]:
        messages = await super().receive(limit)
        if messages:
            block(7)
            begins = ANSWER_BEGINS.get()
            assert begins is not None
            begins()
            await asyncio.sleep(2)
        return messages


@attrs.define(eq=False)
class ReadingSlowly(World):
    def consumer(self) -> FlakyConsumer:
        return Slow(self.queue, self.wait_time, self.batch_size, self.faults)


async def test_an_answer_that_is_read_in_many_pieces_is_as_old_as_the_first_of_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handled: list[str] = []

    async def handle(content: str) -> None:
        handled.append(content)

    world = ReadingSlowly(queue("orders", visibility_timeout=6), handle)
    async with world:
        await asyncio.sleep(0.5)
        world.queue.send(OutgoingMessage("one"))
        await asyncio.sleep(9.2)
        assert handled == []
        assert "it is not started" in caplog.text
        world.dispatcher.stop()


async def test_a_lease_is_counted_from_before_its_answer_lay_unread_and_extended_at_once() -> None:
    world = StandingStill(queue("orders", visibility_timeout=6), takes_an_hour, unread=4)
    async with world:
        await asyncio.sleep(3)
        world.queue.send(OutgoingMessage("one"))
        await asyncio.sleep(4.6)
        assert ("extend", 1) in world.faults.calls
        await asyncio.sleep(60)
        assert world.queue.counts["received"] == 1
        world.dispatcher.stop()
        world.dispatcher.stop()


async def test_a_lease_that_passes_its_deadline_unextended_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults(extending=[ConsumerUnavailable("gone")] * 16)
    world = World(queue("orders", "one", visibility_timeout=9), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(40)
        world.dispatcher.stop()
        world.dispatcher.stop()
    assert world.dispatcher.counts["leases_ended"] == 1
    assert caplog.text.count("have ended without an extension") == 1
    assert caplog.text.count("trouble with extending leases") == 1


async def test_extensions_that_are_denied_are_told_at_once_and_end_the_worker_when_a_lease_has_ended_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults(extending=[AccessDenied("no ChangeMessageVisibility")] * 1000)
    world = World(queue("orders", "one", visibility_timeout=30), takes_an_hour, faults=faults)
    async with world:
        await asyncio.sleep(12)
        assert "no ChangeMessageVisibility" in caplog.text
        await asyncio.sleep(280)
        assert not world.dispatcher._stop.requested.is_set()
        with pytest.raises(AccessDenied):
            await world.ended()


async def test_a_worker_that_may_not_extend_goes_on_while_its_handlers_are_short() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(11)

    faults = Faults(extending=[AccessDenied("no")] * 10_000)
    world = World(queue("orders", *"x" * 60, visibility_timeout=30), handle, Options(max_jobs=1, prefetch=1), faults)
    async with world:
        await asyncio.sleep(700)
        assert len(world.queue) == 0
    assert world.dispatcher.counts["leases_ended"] == 0


async def test_an_extension_that_crosses_the_messages_own_deletion_loses_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(10.2)

    world = World(queue("orders", "one", visibility_timeout=30), handle, faults=Faults(extension_delay=0.8))
    await world.run_for(13)  # the extension at 10 s is still under way when the message is deleted
    assert world.queue.counts["deleted"] == 1
    assert world.dispatcher.counts["leases_lost"] == 0
    assert "its lease is lost" not in caplog.text


async def test_an_extension_that_is_under_way_when_a_stop_is_over_is_not_left_behind() -> None:
    async def handle(content: Any) -> None:
        await asyncio.sleep(10.2)

    before = asyncio.all_tasks()
    world = World(
        queue("orders", "one", visibility_timeout=30), handle, Options(grace_period=0), Faults(extension_delay=4)
    )
    await world.run_for(10.5)
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("batch", [None, 2], ids=["one by one", "in batches"])
async def test_a_process_that_stands_still_just_before_a_handler_begins_does_not_start_it(
    batch: int | None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[float] = []
    loop = asyncio.get_running_loop()

    async def handle(content: Any) -> None:
        handled.append(loop.time())

    def start_late(coroutine: Any, context: Any = None) -> "asyncio.Task[None]":
        """Start a task as Pythons before 3.12 do, and let the process stand still before its turn comes."""
        if not stood_still:
            block(7)
            stood_still.append(True)
        return loop.create_task(coroutine, context=context)

    stood_still: list[bool] = []
    monkeypatch.setattr(jobs if batch is None else batch_jobs, "start_task", start_late)
    source = queue("orders", "one", "two", visibility_timeout=6)
    world = World(source, handle, Options(max_jobs=1)) if batch is None else batching(source, handle, batch)
    async with world:
        await asyncio.sleep(20)
    assert "not started" in caplog.text
    assert min(handled) >= 7
    assert len(handled) == (2 if batch is None else 1)
    assert len(world.queue) == 0
    assert world.dispatcher.counts["stale"] == 0
