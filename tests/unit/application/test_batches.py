"""Handlers that take many messages in one call."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import attrs
import pytest
from test_sight import NOTIFICATION
from world import World, now, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.route import BatchCall, Surroundings
from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.message import Message, OutgoingMessage
from loafer.domain.retry import Retry
from loafer.domain.share import Share
from loafer.exceptions import IgnoreMessage, InvalidContent, RejectMessage

Batches = list[tuple[float, list[Any]]]


def batching(source: MemoryQueue, handle: Callable[..., Any], size: int, wait: float = 1.0, **changes: Any) -> World:
    """Return a world whose route takes batches."""
    call = changes.pop("call", {})
    world = World(source, handle)
    route = attrs.evolve(world.route(), call=BatchCall(handle, size=size, wait=wait, **call), **changes)
    world.dispatcher.routes = [route]
    return world


def noting(batches: Batches, seconds: float = 0.01) -> Callable[[list[Item[Any]]], Any]:
    async def handle(items: list[Item[Any]]) -> None:
        batches.append((now(), [item.content for item in items]))
        await asyncio.sleep(seconds)

    return handle


async def test_full_batches_go_at_once_and_the_rest_when_its_first_message_has_waited() -> None:
    batches: Batches = []
    world = batching(queue("clicks", *map(str, range(1200))), noting(batches), 500)
    async with world:
        await asyncio.sleep(10)
        assert len(world.queue) == 0
    assert [len(items) for _, items in batches] == [500, 500, 200]
    assert sorted(int(content) for _, items in batches for content in items) == list(range(1200))
    assert batches[2][0] == pytest.approx(1, abs=0.2)


async def test_a_few_messages_wait_no_longer_than_the_wait_from_the_first() -> None:
    batches: Batches = []
    world = batching(queue("clicks"), noting(batches), 100, wait=2)
    async with world:
        for _ in range(5):
            world.queue.send(OutgoingMessage("x"))
            await asyncio.sleep(0.5)
        await asyncio.sleep(5)
    assert [len(items) for _, items in batches] in ([4, 1], [5])
    assert batches[0][0] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("how", ["items", "items, and is cancelled once more", "rejects", "converts"])
async def test_a_batch_that_is_cancelled_acknowledges_nothing_whatever_it_makes_of_that(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(items: list[Item[str]]) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            match how:
                case "items, and is cancelled once more":
                    items[0].reject("cancelled")
                    cancel_again()
                    raise
                case "items":
                    for item in items:
                        item.reject("cancelled")
                case "rejects":
                    raise RejectMessage("cancelled") from None
                case _:
                    raise ConnectionError from None

    source = queue("clicks", "one", "two", visibility_timeout=600)
    world = batching(source, handle, 2, timeout=1, reject=(ConnectionError,))
    async with world:
        await asyncio.sleep(5)
        assert world.dispatcher.counts["failed"] == 2
    assert len(source) == 2
    assert "took longer than 1 s" in caplog.text


async def calls_on(_: Any, call_next: Callable[[], Awaitable[None]]) -> None:
    await call_next()


@pytest.mark.parametrize("wraps", [[], [calls_on]], ids=["alone", "through middleware"])
async def test_a_batch_that_is_closed_deletes_nothing_that_it_has_rejected(wraps: list[Any]) -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[0].reject("it closes")
        raise GeneratorExit

    source = queue("clicks", "one", "two", visibility_timeout=600)
    world = batching(source, handle, 2)
    [route] = world.dispatcher.routes
    world.dispatcher.routes = [attrs.evolve(route, call=through(route.call, wraps, route.around))]
    await world.run_for(2)
    assert (len(source), world.dispatcher.counts["failed"]) == (2, 2)


@pytest.mark.parametrize(("delay", "visible"), [(60, 1), (None, 2)])
async def test_what_a_batch_has_ignored_that_a_stop_cancels_is_no_attempt(delay: float | None, visible: int) -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[0].ignore(delay=delay)
        await asyncio.sleep(1000)

    letters = queue("dead")
    source = queue("clicks", "one", "two", visibility_timeout=600, max_receive_count=9, dead_letters=letters)
    world = batching(source, handle, 2, retry=Retry(dead_letter_after=1))
    world.dispatcher.options = Options(grace_period=1)
    await world.run_for(2)
    assert (len(letters), len(source), len(source.visible)) == (0, 2, visible)


@pytest.mark.parametrize("swallows", [False, True])
async def test_a_batch_that_middleware_itself_cuts_short_acknowledges_nothing(*, swallows: bool) -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[0].reject()
        await asyncio.sleep(60)

    async def limits(_: object, call_next: Callable[[], Awaitable[None]]) -> None:
        with suppress(TimeoutError) if swallows else nullcontext():
            async with asyncio.timeout(1):
                await call_next()

    source = queue("clicks", "one", "two", visibility_timeout=600)
    world = batching(source, handle, 2)
    [route] = world.dispatcher.routes
    world.dispatcher.routes = [attrs.evolve(route, call=through(route.call, [limits], route.around))]
    async with world:
        await asyncio.sleep(5)
        assert world.dispatcher.counts["failed"] == 2
    assert len(source) == 2


async def test_a_batch_that_somebody_else_cancels_acknowledges_nothing() -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[0].reject()
        cancel_again()
        await asyncio.sleep(60)

    source = queue("clicks", "one", "two", visibility_timeout=600)
    async with batching(source, handle, 2):
        await asyncio.sleep(5)
    assert len(source) == 2


def cancel_again() -> None:
    """Leave the task counted as cancelled, as its groups of tasks may before Python 3.13."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


@pytest.mark.parametrize(("size", "wait", "burst"), [(10, 0.01, 1), (5, 0.01, 1), (100, 1, 1), (10, 0.01, 20)])
async def test_the_rate_of_a_route_that_takes_batches_is_one_of_messages(size: int, wait: float, burst: int) -> None:
    batches: Batches = []
    share = Share(rate=10, burst=burst)
    async with batching(queue("clicks", *"x" * 3000), noting(batches), size, wait, share=share):
        await asyncio.sleep(20)
        assert 160 <= sum(len(items) for _, items in batches) <= 200 + burst + 10


async def test_one_item_alone_is_rejected_or_ignored_and_the_others_are_done() -> None:
    async def handle(items: list[Item[str]]) -> None:
        for item in items:
            if item.content == "bad":
                item.reject("no url")
            elif item.content == "later":
                item.ignore(delay=50)

    world = batching(queue("clicks", "good", "bad", "later", "good"), handle, 4)
    async with world:
        await asyncio.sleep(10)
        assert [message.body for message in world.queue.messages.values()] == ["later"]
        counts = world.dispatcher.counts
        assert (counts["succeeded"], counts["rejected"], counts["ignored"]) == (2, 1, 1)
        await asyncio.sleep(38)
        assert world.queue.counts["received"] == 4
        await asyncio.sleep(4)
        assert world.queue.counts["received"] == 5


async def test_a_batch_that_raises_keeps_all_that_were_not_rejected() -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[0].reject()
        raise ValueError

    world = batching(queue("clicks", *"abcd", visibility_timeout=600), handle, 4)
    await world.run_for(5)
    assert sorted(message.body for message in world.queue.messages.values()) == ["b", "c", "d"]
    assert world.dispatcher.counts["failed"] == 3


@pytest.mark.parametrize("how", ["raises", "takes too long", "is cancelled by a stop", "swallows that", "ignores all"])
async def test_what_keeps_a_whole_batch_is_told_in_one_record(how: str, caplog: pytest.LogCaptureFixture) -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[1].reject("no url")
        if how == "raises":
            raise ValueError
        if how == "ignores all":
            raise IgnoreMessage("later", delay=600)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if how != "swallows that":
                raise

    caplog.set_level("INFO", "loafer.application.report")
    source = queue("clicks", *"x" * 500, visibility_timeout=600)
    world = batching(source, handle, 500, timeout=1 if how == "takes too long" else None)
    world.dispatcher.options = Options(grace_period=0.5)
    await world.run_for(5)
    assert len(source) == (499 if how in {"raises", "ignores all"} else 500)
    told = [record.getMessage() for record in caplog.records if record.name == "loafer.application.report"]
    kept = [text for text in told if "is kept" in text]
    assert len(kept) == 1
    assert len(told) <= 2
    assert kept[0].startswith(f"message clicks-1 on route clicks is kept, with {len(source) - 1} others of its batch: ")


async def test_each_other_message_of_a_batch_that_is_kept_is_a_line_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    async def handle(_: list[Item[str]]) -> None:
        raise ValueError

    caplog.set_level("DEBUG", "loafer.application.report")
    await batching(queue("clicks", *"abc", visibility_timeout=600), handle, 3).run_for(5)
    told = [(record.levelname, record.getMessage()) for record in caplog.records if "report" in record.name]
    assert [text for level, text in told if level == "DEBUG"] == [
        f"message clicks-{number} on route clicks is kept, as message clicks-1 of its batch" for number in (2, 3)
    ]


async def test_what_cannot_be_translated_or_does_not_fit_is_none_of_the_handlers() -> None:
    def decode(content: Any) -> Any:
        if content == "misfit":
            raise InvalidContent("$", "a url")
        return content

    batches: Batches = []
    world = batching(queue("clicks", "a", "misfit", "none", "b"), noting(batches), 4, call={"decode": decode})
    world.dispatcher.routes = [
        attrs.evolve(
            world.dispatcher.routes[0],
            translate=lambda message: {"content": None if message.body == "none" else message.body},
            reject=(InvalidContent,),
        )
    ]
    await world.run_for(5)
    assert [items for _, items in batches] == [["a", "b"]]
    assert [message.body for message in world.queue.messages.values()] == ["none"]
    assert world.dispatcher.counts["rejected"] == 1


async def test_leases_are_held_while_a_batch_outlives_the_visibility_timeout() -> None:
    batches: Batches = []
    world = batching(queue("clicks", *"x" * 50, visibility_timeout=6), noting(batches, 60), 50)
    async with world:
        await asyncio.sleep(70)
        assert len(world.queue) == 0
    assert len(batches) == 1
    assert world.queue.counts["received"] == 50


@pytest.mark.parametrize("seconds", [0.5, 100])
async def test_at_a_stop_what_waits_goes_back_and_a_batch_is_done_or_cancelled_and_given_back(seconds: float) -> None:
    batches: Batches = []
    world = batching(queue("clicks", *"x" * 70), noting(batches, seconds), 50, share=Share(max_jobs=1))
    world.dispatcher.options = Options(grace_period=5)
    async with world:
        await asyncio.sleep(0.2)
    assert world.queue.in_flight == []
    assert len(world.queue) == (20 if seconds < 5 else 70)
    assert len(batches) == 1


async def test_a_batch_is_one_job_and_its_route_holds_no_more_than_it_may() -> None:
    running = most = held = 0

    async def handle(items: list[Item[str]]) -> None:
        nonlocal running, most, held
        running += 1
        most, held = max(most, running), max(held, world.dispatcher.held)
        await asyncio.sleep(1)
        running -= 1

    world = batching(queue("clicks", *"x" * 1000), handle, 50, share=Share(max_jobs=2))
    async with world:
        await asyncio.sleep(30)
        assert len(world.queue) == 0
    assert most == 2
    assert 100 <= held <= 2 * 50 + 2 * 50 + 100, "two batches that run, two that wait, and what is being settled"


async def test_many_small_batches_keep_no_seat_of_those_that_come_after_them() -> None:
    batches: Batches = []
    world = batching(queue("clicks", *"x" * 600), noting(batches), 2, share=Share(max_jobs=1))
    async with world:
        await asyncio.sleep(10)
        assert len(world.queue) == 0
    assert len(batches) == 300


async def test_a_handler_of_batches_that_wants_a_context_gets_all_messages_in_it() -> None:
    seen: list[tuple[int, str]] = []

    async def handle(items: list[Item[str]], context: Context[Any]) -> None:
        seen.append((len(context.messages), context.route))
        with pytest.raises(RuntimeError, match=r"item\.message"):
            _ = context.message
        assert [item.attempt for item in items] == [1, 1, 1]

    await batching(queue("clicks", *"abc"), handle, 3, call={"contextual": True}).run_for(5)
    assert seen == [(3, "clicks")]


async def test_attempts_left_are_the_items() -> None:
    left: list[Sequence[int | None]] = []

    async def handle(items: list[Item[str]]) -> None:
        left.append([item.attempts_left for item in items])
        raise ValueError

    source = queue("clicks", *"ab", max_receive_count=3, dead_letters=queue("dead"), visibility_timeout=5)
    await batching(source, handle, 2).run_for(30)
    assert left[0] == [2, 2]
    assert left[-1] == [0, 0]


@pytest.mark.parametrize("contextual", [False, True])
async def test_through_middleware_a_batch_gets_a_context_if_it_wants_one_and_else_none(contextual: bool) -> None:
    seen: list[Any] = []

    async def handle(*given: Any) -> None:
        seen.append(given)

    async def calls_on(context: Context[Any], call_next: Callable[[], Any]) -> None:
        seen.append(context)
        await call_next()

    call = through(BatchCall(handle, contextual, size=2), [calls_on], Surroundings("clicks", state="state"))
    assert isinstance(call, BatchCall)
    world = World(queue("clicks", "one", "two"), handle)
    world.dispatcher.routes = [attrs.evolve(world.route(), call=call)]
    await world.run_for(2)
    [context, (items, *others)] = seen
    assert [item.content for item in items] == ["one", "two"]
    assert [message.body for message in context.messages] == ["one", "two"]
    assert others == ([context] if contextual else [])


async def test_what_does_not_fit_a_batch_is_told_with_what_was_wrong_with_it_and_with_its_content() -> None:
    misfit = InvalidContent("no number")

    def number(content: object) -> int:
        if content == "x":
            raise misfit
        return int(str(content))

    world = batching(queue("clicks", "1", "x"), noting([]), 2, call={"decode": number})
    await world.run_for(2)
    [told] = [delivery for delivery in world.deliveries if delivery.message.body == "x"]
    assert (told.error, told.content) == (misfit, "x")


async def test_a_batch_that_was_left_to_its_leases_settles_nothing_when_it_ends_after_all() -> None:
    ended = asyncio.Event()

    async def handle(items: list[Item[str]]) -> None:
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            await swallowing_cancellations()
            ended.set()

    async def swallowing_cancellations() -> None:
        until = now() + 500
        while now() < until:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(until - now())

    world = batching(queue("clicks", "one", "two", visibility_timeout=300), handle, 2)
    world.dispatcher.options = Options(grace_period=1)
    await world.run_for(2)
    assert world.dispatcher.abandoned == 1
    await ended.wait()
    await asyncio.sleep(1)
    assert world.deliveries == []
    assert len(world.queue) == 2
    assert not [call for call in world.faults.calls if call[0] in {"acknowledge", "release"}]


async def test_the_notification_that_a_translator_tells_is_that_of_each_message_of_a_batch() -> None:
    seen: list[object] = []

    async def handle(items: list[Item[str]]) -> None:
        seen.extend(item.message.notification for item in items)

    def translate(message: Message) -> object:
        return {"content": message.body, "notification": NOTIFICATION if message.body == "one" else None}

    await batching(queue("clicks", "one", "two"), handle, 2, translate=translate).run_for(2)
    assert seen == [NOTIFICATION, None]


async def test_a_coroutine_that_translates_the_messages_of_a_batch_is_awaited_for_as_long_as_each_may_take() -> None:
    batches: Batches = []

    async def translate(message: Message) -> object:
        await asyncio.sleep(float(message.body))
        return {"content": message.body + " s"}

    world = batching(queue("clicks", "1", "9"), noting(batches), 2, translate=translate, timeout=2)
    await world.run_for(5)
    assert [contents for _, contents in batches] == [["1 s"]]
    told = {delivery.message.body: (delivery.outcome, str(delivery.error)) for delivery in world.deliveries}
    assert told == {"1": ("succeeded", "None"), "9": ("untranslated", "its translator took longer than 2 s")}


async def test_a_batch_that_a_stop_cancels_while_it_is_translated_never_reaches_its_handler() -> None:
    batches: Batches = []

    async def translate(message: Message) -> object:
        await asyncio.sleep(1)
        return {"content": message.body}

    source = queue("clicks", "one", "two", "three", visibility_timeout=600)
    world = batching(source, noting(batches), 3, wait=0.1, translate=translate)
    world.dispatcher.options = Options(grace_period=0)
    await world.run_for(1.5)
    assert batches == []
    assert len(source.visible) == 3


async def test_a_system_exit_is_heard_where_each_message_of_its_batch_had_ended_alone() -> None:
    async def handle(items: list[Item[str]]) -> None:
        items[0].reject("no")
        items[1].ignore(delay=60)
        raise SystemExit(3)

    source = queue("clicks", "one", "two", visibility_timeout=600)
    world = batching(source, handle, 2)
    with pytest.raises(SystemExit):
        async with asyncio.timeout(60):
            await world.dispatcher.run()
    assert [message.body for message in source.messages.values()] == ["two"]
