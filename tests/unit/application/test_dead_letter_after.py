"""Retry(dead_letter_after=…): after so many attempts a message is moved to the dead-letter queue, by us."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from virtual_time import block
from world import Faults, FlakyConsumer, World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.options import Options
from loafer.application.route import BatchCall, Route
from loafer.application.shutdown import Left
from loafer.domain.batch import Failure
from loafer.domain.item import Item
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.retry import Retry
from loafer.exceptions import AccessDenied, ConfigurationError, ConsumerUnavailable, IgnoreMessage, RejectMessage
from loafer.ports.consumer import COPY_CONFIRMED, SourceInfo

AGAIN = Failure("not now")
NEVER = Failure("not allowed", retryable=False)
THREE = Options(retry_delay=Retry(delay=1, dead_letter_after=3))


def with_letters(*bodies: str, name: str = "orders", count: int = 10, **attributes: Any) -> MemoryQueue:
    letters = MemoryQueue(name.replace("orders", "letters"), clock=queue().clock)
    source = queue(name, max_receive_count=count, dead_letters=letters, **attributes)
    for number, body in enumerate(bodies):
        group = "g" if source.fifo else None
        source.send(OutgoingMessage(body, group=group, deduplication_id=str(number) if group else None))
    return source


def letters_of(source: MemoryQueue) -> list[str]:
    assert source.dead_letters is not None
    return [message.body for message in source.dead_letters.messages.values()]


async def fail(content: str) -> None:
    if content.startswith("bad"):
        raise ValueError(content)


async def test_a_message_that_fails_is_moved_after_so_many_attempts_and_no_other_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = with_letters("bad", "good")
    world = await World(source, fail, THREE).run_for(10)
    assert [delivery.message.attempt for delivery in world.deliveries if delivery.error] == [1, 2, 3]
    assert letters_of(source) == ["bad"]
    assert len(source) == 0
    assert world.dispatcher.counts["dead_lettered"] == 1
    assert "moved to the dead-letter queue at attempt 3" in caplog.text


async def test_on_a_fifo_queue_a_head_is_moved_and_its_followers_go_on() -> None:
    source = with_letters("bad", "good", "better", name="orders.fifo")
    world = await World(source, fail, THREE).run_for(10)
    assert [delivery.message.body for delivery in world.deliveries] == ["bad", "bad", "bad", "good", "better"]
    assert letters_of(source) == ["bad"]
    assert world.deliveries[-1].message.receive_count == 1


async def test_the_copy_has_an_id_of_its_own_and_the_messages_id_for_deduplication() -> None:
    source = with_letters("bad", name="orders.fifo")
    [message_id] = source.messages
    await World(source, fail, THREE).run_for(10)
    assert source.dead_letters is not None
    [(letter_id, letter)] = source.dead_letters.messages.items()
    assert letter_id != message_id
    assert (letter.deduplication_id, letter.group) == (message_id, "g")


@pytest.mark.parametrize(
    ("extending", "moved"), [([], 0), ([ConsumerUnavailable("gone")], 1), ([AccessDenied("no")], 1), ([AGAIN], 1)]
)
async def test_what_another_worker_was_given_too_and_has_done_is_not_moved(
    extending: list[Any], moved: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = with_letters("bad")

    async def fail_slowly(_: str) -> None:
        await asyncio.sleep(1)
        raise ValueError

    world = World(source, fail_slowly, Options(retry_delay=Retry(dead_letter_after=1)), Faults(extending=extending))
    async with world:
        await asyncio.sleep(0.5)
        [entry] = source._entries.values()
        source.change_visibility(entry.receipt, 0)  # a standard queue delivers it to another worker too
        [theirs] = source.receive(1)
        assert source.delete(theirs.receipt)
        await asyncio.sleep(1)
    assert (len(letters_of(source)), world.dispatcher.counts["dead_lettered"]) == (moved, moved)
    assert ("message orders-1: its lease is lost" in caplog.text) != bool(moved)
    assert ("message orders-1: not moved to the dead-letter queue" in caplog.text) != bool(moved)


@pytest.mark.parametrize(("visibility_timeout", "moved"), [(30, 1), (3, 0)])
async def test_a_question_that_is_not_answered_keeps_no_message_from_its_move_while_it_is_ours(
    visibility_timeout: int, moved: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = with_letters("bad", visibility_timeout=visibility_timeout)
    faults = Faults(extension_delay=99)
    async with World(source, fail, Options(retry_delay=Retry(dead_letter_after=1)), faults) as world:
        await asyncio.sleep(2.9)
        assert letters_of(source) == []
        await asyncio.sleep(2.2)
        assert len(letters_of(source)) == moved
    assert (world.dispatcher.counts["dead_lettered"], world.dispatcher.counts["leases_lost"]) == (moved, 0)
    assert ("message orders-1: not moved to the dead-letter queue: its lease has ended" in caplog.text) != bool(moved)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_is_delivered_again_while_it_is_moved_is_moved_once_and_deleted(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    move, again = FlakyConsumer.dead_letter, list[Message]()

    async def dead_letter(consumer: FlakyConsumer, message: Message) -> Failure | None:
        if not again:
            again.append(message)
            source.change_visibility(message.receipt, 0)  # its lease ends, and an open poll brings it once more
        await asyncio.sleep(0.5)
        return await move(consumer, message)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", dead_letter)
    source = with_letters("bad", name=name, visibility_timeout=30)
    world = await World(source, fail, THREE, wait_time=0.1).run_for(100)
    assert len(world.deliveries) == 3
    assert letters_of(source) == ["bad"]
    assert (len(source), world.dispatcher.counts["dead_lettered"]) == (0, 1)


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_what_is_on_the_dead_letter_queue_is_only_deleted_however_long_that_takes(
    name: str, stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Halfway(FlakyConsumer):
        async def dead_letter(self, message: Message) -> Failure | None:
            assert self.queue.dead_letters is not None
            self.queue.dead_letters.send(OutgoingMessage(message.body, group=message.group))
            return Failure("an error of the server", copied=True)

        async def acknowledge(self, messages: Sequence[Message]) -> Sequence[Failure | None]:
            return [AGAIN] * len(messages) if now() < 12 else await super().acknowledge(messages)

    monkeypatch.setattr("world.FlakyConsumer", Halfway)
    source = with_letters("bad", name=name, visibility_timeout=30)
    world = await World(source, fail, attrs.evolve(THREE, grace_period=20)).run_for(4 if stops else 60)
    assert len(world.deliveries) == 3
    assert letters_of(source) == ["bad"]
    assert (len(source), world.dispatcher.counts["dead_lettered"]) == (0, 1)


@pytest.mark.parametrize("count", [1, 2])
async def test_what_the_queue_moves_earlier_it_moves_itself_and_that_is_told_once(
    count: int, caplog: pytest.LogCaptureFixture
) -> None:
    source = with_letters("bad", count=count)
    world = await World(source, fail, THREE).run_for(10)
    assert len(world.deliveries) == count
    assert letters_of(source) == ["bad"]
    assert world.dispatcher.counts["dead_lettered"] == 0
    told = [record.getMessage() for record in caplog.records if record.name.endswith(".attempts")]
    said = "Retry(dead_letter_after=3) never comes to pass, for source 'orders' moves messages after"
    assert told == [f"route 'orders': {said} {count} already: its maxReceiveCount; ask for as many or fewer"]


class Panic(BaseException):
    """What libraries in Rust raise."""


OF_ALL_KINDS = [
    IgnoreMessage(delay=1), ValueError(), Panic(), BaseExceptionGroup("", [Panic()]), GeneratorExit(),
    asyncio.CancelledError(),
]  # fmt: skip


@pytest.mark.parametrize("error", OF_ALL_KINDS)
@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_every_attempt_counts_whatever_kept_the_message(error: BaseException, name: str) -> None:
    async def handle(content: str) -> None:
        raise error

    source = with_letters("one", name=name)
    world = await World(source, handle, THREE).run_for(10)
    assert len(world.deliveries) == 3
    assert letters_of(source) == ["one"]


async def test_what_is_rejected_at_its_last_attempt_is_deleted() -> None:
    async def handle(content: str) -> None:
        raise RejectMessage

    source = with_letters("one")
    await World(source, handle, Options(retry_delay=Retry(dead_letter_after=1))).run_for(1)
    assert (letters_of(source), len(source)) == ([], 0)


async def test_a_route_has_a_limit_of_its_own_and_its_context_knows_the_attempts_left() -> None:
    source = with_letters("bad")
    world = World(source, fail, THREE)
    [route] = world.dispatcher.routes
    world.dispatcher.routes = [attrs.evolve(route, retry=Retry(delay=1, dead_letter_after=2))]
    await world.run_for(10)
    assert len(world.deliveries) == 2
    last, first = world.deliveries[1].message, world.deliveries[0].message
    assert (route.around.attempts_left(first), route.around.attempts_left(last)) == (1, 0)


async def test_of_a_batch_those_are_moved_that_have_had_their_attempts() -> None:
    async def handle(items: list[Item[Any]], *_: object) -> None:
        for item in items:
            if item.content == "bad":
                item.ignore()

    source = with_letters("bad", "good")
    world = World(source, fail, THREE)
    [route] = world.dispatcher.routes
    world.dispatcher.routes = [attrs.evolve(route, call=BatchCall(handle, size=2, wait=0.1))]
    await world.run_for(10)
    assert [delivery.message.body for delivery in world.deliveries] == ["bad", "good", "bad", "bad"]
    assert (letters_of(source), len(source)) == (["bad"], 0)


async def test_a_move_that_fails_is_tried_again_and_then_the_message_is_kept_and_keeps_no_other_one_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = with_letters("bad")
    world = await World(source, fail, THREE, faults=Faults(dead_lettering=[AGAIN] * 5)).run_for(20)
    assert letters_of(source) == ["bad"]
    assert [delivery.message.attempt for delivery in world.deliveries] == [1, 2, 3, 4]
    assert world.faults.calls.count(("dead_letter", 1)) == 6
    assert "kept, not moved to the dead-letter queue: not now" in caplog.text


async def test_a_message_that_may_not_be_moved_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    source = with_letters("bad", count=4)
    world = await World(source, fail, THREE, faults=Faults(dead_lettering=[NEVER] * 9)).run_for(20)
    assert [delivery.message.attempt for delivery in world.deliveries] == [1, 2, 3, 4]
    assert letters_of(source) == ["bad"]  # by the queue, in the end
    assert world.dispatcher.counts["dead_lettered"] == 0
    assert "kept, not moved to the dead-letter queue: not allowed" in caplog.text


GONE = ConsumerUnavailable("no answer")


@pytest.mark.parametrize(
    ("faults", "why"),
    [([GONE] * 100, "no answer"), ([GONE, *[NEVER] * 9], "not allowed")],
    ids=["never", "then denied"],
)
async def test_a_move_for_which_there_is_no_answer_is_told_with_why(
    faults: list[Failure | Exception], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = with_letters("bad", visibility_timeout=300)
    options = Options(retry_delay=Retry(dead_letter_after=1))
    await World(source, fail, options, Faults(dead_lettering=list(faults))).run_for(100)
    told = f"{why}; copies may be there, for answers may have been lost"
    assert f"message orders-1: kept, not moved to the dead-letter queue: {told}" in caplog.messages
    assert (letters_of(source), len(source)) == ([], 1)


async def test_nothing_is_moved_for_a_lost_lease() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(5)
        raise ValueError

    source = with_letters("one", visibility_timeout=9)
    gone = Failure("gone", retryable=False)
    options = Options(retry_delay=Retry(dead_letter_after=1))
    world = World(source, handle, options, faults=Faults(extending=[gone]))
    async with world:
        await asyncio.sleep(6)
        assert len(world.deliveries) == 1
        assert ("dead_letter", 1) not in world.faults.calls
        assert letters_of(source) == []


async def test_a_message_that_fails_for_the_last_time_during_a_stop_is_moved() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(5)
        raise ValueError

    for name in ("orders", "orders.fifo"):
        source = with_letters("one", name=name)
        await World(source, handle, Options(retry_delay=Retry(dead_letter_after=1))).run_for(2)
        assert letters_of(source) == ["one"]


async def test_a_move_that_is_under_way_when_everything_else_has_ended_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = FlakyConsumer.dead_letter

    async def slowly(self: FlakyConsumer, message: Message) -> Failure | None:
        await asyncio.sleep(1.5)
        return await move(self, message)

    monkeypatch.setattr(FlakyConsumer, "dead_letter", slowly)
    source = with_letters("bad")
    world = await World(source, fail, Options(retry_delay=Retry(dead_letter_after=1))).run_for(0.5)
    assert (letters_of(source), len(source), world.dispatcher.left) == (["bad"], 0, Left())
    assert now() == pytest.approx(1.5, abs=0.1)


async def test_a_handler_that_is_cancelled_by_the_stop_has_made_no_attempt() -> None:
    source = with_letters("one")
    options = Options(retry_delay=Retry(dead_letter_after=1), grace_period=1)
    await World(source, lambda _: asyncio.sleep(60), options).run_for(2)
    assert (letters_of(source), len(source.visible)) == ([], 1)


@pytest.mark.parametrize("opening", [[], [ConsumerUnavailable("later")]])
async def test_a_queue_without_a_redrive_policy_is_refused_at_the_start_with_the_routes_line(
    opening: list[Exception | None],
) -> None:
    world = World(queue("orders", "one"), fail, faults=Faults(opening=opening))
    [route] = world.dispatcher.routes
    given: dict[str, Any] = {"retry": Retry(dead_letter_after=3), "origin": "shop.py:3: route 'orders'"}
    world.dispatcher.routes = [attrs.evolve(route, **given)]
    with pytest.raises(ConfigurationError) as caught:
        async with world:
            await world.ended()
    assert str(caught.value) == (
        "shop.py:3: route 'orders': Retry(dead_letter_after=3) needs a dead-letter queue, and source 'orders' has no "
        "redrive policy: give it one, or leave dead_letter_after out"
    )
    assert world.deliveries == []


async def test_a_policy_that_may_not_be_read_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(queue("orders", "one"), fail, THREE)

    async def opened(_: object) -> SourceInfo:
        return SourceInfo(30, redrive_known=False)

    monkeypatch.setattr("world.FlakyConsumer.open", opened)
    text = "of source 'orders' may not be read: allow sqs:GetQueueAttributes"
    with pytest.raises(ConfigurationError, match=text):
        async with world:
            await world.ended()


def test_a_route_is_named_by_an_error_without_its_line_where_it_has_none() -> None:
    route = Route("orders", "orders", lambda: None, lambda _: None, fail)  # type: ignore[arg-type, return-value]
    assert route.origin == "route 'orders'"


class StandsStill(FlakyConsumer):
    """Stands still for eight seconds while the answers to its moves are under way."""

    async def dead_letter(self, message: Message) -> Failure | None:
        assert self.queue.dead_letters is not None
        self.queue.dead_letters.send(OutgoingMessage(message.body, group=message.group, deduplication_id=message.id))
        asyncio.get_running_loop().call_later(0.05, block, 8)
        for seconds in (0.1, 0, 0, 0):  # it is read in several turns of the event loop
            await asyncio.sleep(seconds)
        confirmed = COPY_CONFIRMED.get()
        assert confirmed is not None
        confirmed()
        [failure] = await self.acknowledge([message])
        return failure and attrs.evolve(failure, copied=True)


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
async def test_a_move_whose_confirmation_lay_unread_while_the_process_stood_still_is_not_forgotten(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ran: list[str] = []

    async def fail_at_first(content: str) -> None:
        ran.append(content)
        if len(ran) == 1:
            raise ValueError

    monkeypatch.setattr("world.FlakyConsumer", StandsStill)
    source = with_letters("bad", name=name, visibility_timeout=6)
    await World(source, fail_at_first, Options(retry_delay=Retry(delay=0, dead_letter_after=1))).run_for(30)
    assert (ran, letters_of(source), len(source)) == (["bad"], ["bad"], 0)
    assert "moved to the dead-letter queue at attempt 1" in caplog.text
    assert "not moved" not in caplog.text


@pytest.mark.parametrize(("seconds", "told"), [(270, False), (290, True)])
async def test_where_a_fifo_queue_may_have_forgotten_the_first_copy_it_is_told_that_there_may_be_two(
    seconds: float, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    source = with_letters("bad", name="orders.fifo", visibility_timeout=30)
    lost = ConsumerUnavailable("gone")
    faults = Faults(dead_lettering=[lost] * 1000)
    async with World(source, fail, Options(retry_delay=Retry(delay=0, dead_letter_after=1)), faults):
        await asyncio.sleep(seconds)
        faults.dead_lettering.clear()
        await asyncio.sleep(10)
    assert letters_of(source) == ["bad"]
    assert ("its copy may be there 2 times, for the first answers may have been lost" in caplog.text) is told
