"""A translator may be a function, a coroutine function, or a function that blocks; what it comes to is one thing."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest
from gate import Gate
from world import World, queue

from loafer.application.calling import translator_of
from loafer.application.delivery import Delivery, deliver
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall, Route
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message, Notification, OutgoingMessage
from loafer.exceptions import HandlerTimeout
from loafer.ports.consumer import Consumer

MESSAGE = Message("m-1", "body", "r-1")
NOTIFICATION = Notification("arn:aws:sns:sa-east-1:123456789012:orders", "n-1", "greeting")
VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


class Coroutine:
    async def translate(self, message: str) -> Mapping[str, Any]:
        await asyncio.sleep(3)
        return {"content": message.upper()}


class Blocking:
    blocking = True

    def translate(self, message: str, whole: Message) -> Mapping[str, Any]:
        return {"content": (whole.id, threading.current_thread().name, VARIABLE.get())}


class Indirect:
    def translate(self, message: str) -> Any:
        return Coroutine().translate(message)


class Slow:
    async def translate(self, message: str) -> None:
        await asyncio.sleep(60)


class Swallowing:
    async def translate(self, message: str) -> Mapping[str, Any]:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return {"content": message}


class Failing:
    async def translate(self, message: str) -> None:
        raise LookupError


class FailingInThread:
    blocking = True

    def translate(self, message: str) -> None:
        raise LookupError


class Impatient:
    async def translate(self, message: str) -> None:
        raise TimeoutError("its own")


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    with ThreadPool(1, "translating") as executor:
        yield executor


def no_consumer() -> Consumer:
    raise NotImplementedError


async def delivered(translator: object, pool: ThreadPool, limit: float | None = None) -> Delivery:
    async def handle(_: object) -> None: ...

    return await deliver(Route("r", "s", no_consumer, translator_of(translator, pool), handle), MESSAGE, limit)


@pytest.mark.parametrize("translator", [Coroutine, Indirect])
async def test_what_a_coroutine_translates_to_is_awaited(translator: type, pool: ThreadPool) -> None:
    delivery = await delivered(translator, pool)
    assert (delivery.content, delivery.outcome) == ("BODY", Outcome.SUCCEEDED)
    assert asyncio.get_running_loop().time() == pytest.approx(3)


async def test_a_translator_that_blocks_runs_in_a_thread_with_the_context_of_its_message(
    pool: ThreadPool,
) -> None:
    VARIABLE.set("this message's")
    delivery = await delivered(Blocking, pool)
    assert delivery.content == ("m-1", "translating_0", "this message's")


@pytest.mark.parametrize("translator", [Failing, FailingInThread])
async def test_whatever_a_translator_raises_elsewhere_keeps_the_message(translator: type, pool: ThreadPool) -> None:
    delivery = await delivered(translator, pool)
    assert delivery.outcome is Outcome.UNTRANSLATED
    assert isinstance(delivery.error, LookupError)


async def test_a_coroutine_that_translates_is_cancelled_after_the_time_limit(pool: ThreadPool) -> None:
    delivery = await delivered(Slow, pool, limit=5)
    assert delivery.outcome is Outcome.UNTRANSLATED
    assert isinstance(delivery.error, HandlerTimeout)
    assert str(delivery.error) == "its translator took longer than 5 s"
    assert asyncio.get_running_loop().time() == pytest.approx(5)


async def test_a_coroutine_that_swallows_its_cancellation_has_taken_too_long_all_the_same(pool: ThreadPool) -> None:
    delivery = await delivered(Swallowing, pool, limit=5)
    assert (delivery.outcome, str(delivery.error)) == (Outcome.UNTRANSLATED, "its translator took longer than 5 s")
    assert isinstance(delivery.error, HandlerTimeout)


async def test_a_timeout_of_the_translators_own_is_its_own_error(pool: ThreadPool) -> None:
    delivery = await delivered(Impatient, pool, limit=5)
    assert str(delivery.error) == "its own"


async def test_a_message_that_is_being_translated_when_the_worker_stops_is_given_back() -> None:
    async def handle(_: object) -> None: ...

    async def translate(_: Message) -> None:
        await asyncio.sleep(3600)

    world = World(queue("orders", "one"), handle, Options(grace_period=2), translate=translate)
    await world.run_for(1)
    assert [message.body for message in world.queue.visible] == ["one"]
    assert isinstance(world.deliveries[0].error, asyncio.CancelledError)


@pytest.mark.parametrize(("name", "size"), [("orders", 1), ("orders.fifo", 1), ("orders", 2)])
async def test_what_is_translated_at_its_last_receive_when_a_stop_has_no_more_time_is_told_to_be_given_back_unrun(
    name: str, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(_: object) -> None: ...

    async def translate(message: Message) -> Mapping[str, Any]:
        await asyncio.sleep(3600 if message.body == "two" else 0)
        return {"content": message.body}

    source = queue(name, max_receive_count=1, dead_letters=queue(name.replace("orders", "dead")))
    for body in ("one", "two")[2 - size :]:
        source.send(OutgoingMessage(body, group=body if source.fifo else None))
    world = World(source, handle, Options(grace_period=2), translate=translate)
    if size > 1:
        world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=size, wait=0.1))]
    await world.run_for(1)
    text = "message {}-{}: given back unrun at its last receive: its source moves it on"
    told = [text.format(name, number) for number in range(1, 1 + size)]
    assert [line for line in caplog.messages if "unrun" in line] == told
    assert {delivery.outcome for delivery in world.deliveries} == {Outcome.UNTRANSLATED}


async def test_a_head_whose_translator_is_cancelled_by_others_in_a_stop_has_its_runs_counted() -> None:
    translated: list[str] = []

    async def handle(_: object) -> None: ...

    async def translate(message: Message) -> Mapping[str, Any]:
        translated.append(message.body)
        await asyncio.sleep(1)  # until the stop has begun
        if message.body == "one":
            raise asyncio.CancelledError
        return {"content": message.body}

    dead = queue("dead.fifo")
    source = queue("orders.fifo", max_receive_count=2, dead_letters=dead)
    for body in ("one", "two"):
        source.send(OutgoingMessage(body, group="g"))
    for message in source.receive(10):
        source.change_visibility(message.receipt, 0)
    world = World(source, handle, Options(grace_period=5, retry_delay=3), translate=translate)
    await world.run_for(0.1)
    assert translated == ["one", "two"]
    assert ([message.body for message in dead.messages.values()], len(source)) == (["one"], 0)


async def test_the_notification_that_a_translator_tells_is_the_messages(pool: ThreadPool) -> None:
    class Telling:
        def translate(self, message: str) -> Mapping[str, Any]:
            return {"content": message, "notification": NOTIFICATION}

    delivery = await delivered(Telling, pool)
    assert delivery.message.notification == NOTIFICATION
    assert MESSAGE.notification is None


@pytest.mark.parametrize("more", [{}, {"more": 1}, {"notification": None}, {"notification": "a string"}])
async def test_anything_else_that_a_translator_returns_changes_no_message(
    more: dict[str, Any], pool: ThreadPool
) -> None:
    class Telling:
        def translate(self, message: str) -> Mapping[str, Any]:
            return {"content": message, **more}

    assert (await delivered(Telling, pool)).message is MESSAGE


async def test_a_handler_whose_translator_was_in_its_thread_when_it_was_cancelled_never_starts() -> None:
    started: list[object] = []
    gate = Gate()

    async def handle(content: object) -> None:
        started.append(content)

    class Held:
        blocking = True

        def translate(self, message: str) -> object:
            return gate({"content": message})

    with ThreadPool(1) as pool:
        route = Route("r", "s", no_consumer, translator_of(Held(), pool), handle)
        task = asyncio.ensure_future(deliver(route, MESSAGE, None))
        await asyncio.sleep(0)
        assert gate.begun.wait(60)
        task.cancel()
        await asyncio.sleep(0)
        gate.go_on.set()
        delivery = await task
    assert (delivery.outcome, started) == (Outcome.UNTRANSLATED, [])
    assert isinstance(delivery.error, asyncio.CancelledError)


async def test_a_translator_that_swallows_the_cancellation_of_a_stop_lets_no_handler_start() -> None:
    started: list[object] = []

    async def handle(content: object) -> None:
        started.append(content)

    async def translate(message: Message) -> Mapping[str, Any]:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return {"content": message.body}

    await World(queue("orders", "one"), handle, Options(grace_period=0), translate=translate).run_for(1)
    assert started == []


@pytest.mark.parametrize("size", [1, 2])
async def test_a_translator_that_leaves_its_task_counted_as_cancelled_keeps_no_handler_from_its_start(
    size: int,
) -> None:
    started: list[object] = []

    async def handle(content: Any) -> None:
        started.append(content)

    async def translate(message: Message) -> Mapping[str, Any]:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()  # and nobody uncancels it, as in a group of tasks whose last one fails, before Python 3.13
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0)
        return {"content": message.body}

    world = World(queue("orders", "one", "two"), handle, translate=translate)
    if size > 1:
        world.dispatcher.routes = [attrs.evolve(world.route(), call=BatchCall(handle, size=size, wait=0.1))]
    await world.run_for(2)
    assert len(started) * size == 2
    assert len(world.queue) == 0
