"""What a user's code raises, however odd: its message ends as that of any failure, and costs nobody else a run."""

import asyncio
import math
import sys
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import CancelledError as CancelledFuture
from contextvars import copy_context
from datetime import timedelta
from functools import partial
from typing import Any, cast

import attrs
import pytest
from world import World as VirtualWorld
from world import queue

from loafer import Item, Loafer
from loafer.application import jobs
from loafer.application.delivery import Delivery
from loafer.application.options import Options
from loafer.application.raised import Unusable, usable
from loafer.application.report import report
from loafer.application.route import Route
from loafer.application.running import Running
from loafer.domain.lease import Lease
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import IgnoreMessage
from loafer.testing import World


class Faceless(Exception):
    @property
    def __class__(self) -> type:
        raise KeyError("an error that does not say what it is")

    @__class__.setter
    def __class__(self, value: type) -> None: ...


class Unnamed(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise KeyError("an error whose class does not say its name")


class Nameless(Exception, metaclass=Unnamed): ...


class Later(IgnoreMessage):
    """Says when it wants its message back in its own way."""

    def __init__(self, when: Any) -> None:
        self.delay = when


class Hiding(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise asyncio.CancelledError


async def raises_a_generator_exit() -> None:
    raise GeneratorExit


async def by_task() -> None:
    await asyncio.create_task(raises_a_generator_exit())


async def by_gather() -> None:
    await asyncio.gather(raises_a_generator_exit())


def raising(make: Callable[[], BaseException]) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise make()

    return fail


ODD = {
    "hides what it is": raising(Faceless),
    "hides all": raising(Hiding),
    "has no name": raising(Nameless),
    "a delay of another type": raising(partial(Later, timedelta(minutes=1))),
    "ends a task that it awaits": by_task,
    "ends tasks that it gathers": by_gather,
}


@pytest.fixture(params=ODD)
def fail(request: pytest.FixtureRequest) -> Callable[[], Awaitable[None]]:
    return ODD[request.param]


def test_a_failing_head_of_a_group_costs_its_followers_nothing_whatever_it_raises(
    fail: Callable[[], Awaitable[None]],
) -> None:
    app, runs = Loafer(), Counter[int]()

    @app.route("orders.fifo")
    async def handle(number: int) -> None:
        runs[number] += 1
        if number == 1:
            await fail()

    with World() as world:
        world.add(app, max_receive_count=3)
        for number in (1, 2, 3):
            world.publish("orders.fifo", number, group="a", deduplication_id=str(number))
        result = world.run(app, seconds=3600)
    assert (runs, result.dead_lettered) == ({1: 3, 2: 1, 3: 1}, [1])


def test_the_slot_of_a_message_comes_back_whatever_its_handler_raises(fail: Callable[[], Awaitable[None]]) -> None:
    app, runs = Loafer(max_jobs=1), Counter[int]()

    @app.route("orders")
    async def handle(number: int) -> None:
        runs[number] += 1
        if runs[1] == number == 1:
            await fail()

    assert run(app, "orders") == []
    assert runs == {1: 2, 2: 1, 3: 1}


def test_the_messages_of_a_batch_come_back_whatever_its_handler_raises(fail: Callable[[], Awaitable[None]]) -> None:
    app, runs = Loafer(max_jobs=1), Counter[int]()

    @app.batch("clicks", size=3)
    async def handle(items: list[Item[int]]) -> None:
        runs.update(item.content for item in items)
        if runs[1] == 1:
            await fail()

    assert run(app, "clicks") == []
    assert runs == {1: 2, 2: 2, 3: 2}


def test_the_slot_of_a_function_comes_back_whatever_its_translator_raises(fail: Callable[[], Awaitable[None]]) -> None:
    app, runs = Loafer(max_jobs=1), Counter[int]()

    class Translator:
        async def translate(self, body: str) -> dict[str, Any]:
            runs[int(body)] += 1
            if runs[1] == int(body) == 1:
                await fail()
            return {"content": int(body)}

    @app.route("orders", translator=Translator())
    def handle(number: int) -> None: ...

    assert run(app, "orders") == []
    assert runs == {1: 2, 2: 1, 3: 1}


@attrs.define
class Strange:
    number: int

    def __attrs_post_init__(self) -> None:
        if self.number == 1:
            raise Faceless


def test_content_that_cannot_be_checked_keeps_nothing_of_its_batch_but_itself() -> None:
    app, runs = Loafer(), Counter[int]()

    @app.batch("clicks", size=3)
    async def handle(items: list[Item[Strange]]) -> None:
        runs.update(item.content.number for item in items)

    assert run(app, "clicks", lambda number: {"number": number}) == [{"number": 1}]
    assert runs == {2: 1, 3: 1}


def test_an_item_whose_own_error_is_odd_is_kept_and_no_other_one() -> None:
    app = Loafer()

    @app.batch("clicks", size=3)
    async def handle(items: list[Item[int]]) -> None:
        next(item for item in items if item.content == 1).error = Later("soon")

    with World() as world:
        world.add(app, max_receive_count=2)
        for number in (1, 2, 3):
            world.publish("clicks", number)
        result = world.run(app, seconds=3600)
    assert (sorted(result.acknowledged), result.dead_lettered) == ([2, 3], [1])


def deep() -> BaseException:
    """Return an error in more groups than Python's calls may be deep."""
    error: Exception = ValueError("at the bottom")
    for _ in range(3 * sys.getrecursionlimit()):
        error = ExceptionGroup("a group", [error])
    return error


def raises_deep(content: int) -> None:
    if content == 1:
        raise deep()


async def raises_deep_in_a_coroutine(content: int) -> None:
    raises_deep(content)


@pytest.mark.parametrize("handle", [raises_deep, raises_deep_in_a_coroutine])
@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
def test_an_error_in_groups_however_deep_fails_its_message_and_no_other_one(handle: Any, name: str) -> None:
    app = Loafer(max_jobs=1)
    app.route(name, reject=OSError)(handle)
    with World() as world:
        world.add(app, max_receive_count=2)
        for number in (1, 2, 3):
            world.publish(name, number, group=str(number) if name.endswith(".fifo") else None)
        result = world.run(app, seconds=3600)
    assert (sorted(result.acknowledged), result.dead_lettered) == ([2, 3], [1])


class Proxy:
    """What raises whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise KeyError(name)


def spoil(item: Item[int], how: str) -> None:
    if how == "an error that is none":
        item.error = cast("Any", Proxy())
    elif how == "deep groups":
        item.error = cast("Any", deep())
    else:
        object.__delattr__(item, how)


@pytest.mark.parametrize("how", ["an error that is none", "deep groups", "error", "message", "content"])
def test_an_item_that_its_handler_has_spoilt_is_kept_and_no_other_one(how: str) -> None:
    app = Loafer(max_jobs=1)

    @app.batch("clicks", size=3)
    async def handle(items: list[Item[int]]) -> None:
        for item in items:
            if item.content == 1:
                spoil(item, how)

    with World() as world:
        world.add(app, max_receive_count=2)
        for number in (1, 2, 3):
            world.publish("clicks", number)
        result = world.run(app, seconds=3600)
    assert (sorted(result.acknowledged), result.dead_lettered) == ([2, 3], [1])


async def test_what_delivering_itself_raises_fails_the_message_and_its_slot_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def raises(route: Route, message: Message, *_: object) -> Delivery:
        if message.body == "1" and message.receive_count == 1:
            raise RecursionError
        return Delivery(route.name, message, Outcome.SUCCEEDED)

    monkeypatch.setattr(jobs, "deliver", raises)

    async def handle(_: object) -> None: ...

    world = VirtualWorld(queue("orders", "1", "2", "3", visibility_timeout=6), handle, Options(max_jobs=1))
    await world.run_for(30)
    assert (len(world.queue), world.dispatcher.counts["failed"], world.dispatcher.counts["succeeded"]) == (0, 1, 3)


def test_a_delay_that_is_none_is_told_in_words(caplog: pytest.LogCaptureFixture) -> None:
    error = usable(Later(timedelta(minutes=1)))
    report(Delivery("orders", Message("1", "{}", "receipt"), Outcome.FAILED, error), "off")
    assert "its handler failed: Later: its delay is no number of seconds" in caplog.text


@pytest.mark.parametrize("error", [ValueError("text"), IgnoreMessage(delay=5), Later(True), asyncio.CancelledError()])
def test_an_error_that_can_be_looked_at_is_itself(error: BaseException) -> None:
    assert usable(error) is error


@pytest.mark.parametrize("name", ["orders", "orders.fifo"])
@pytest.mark.parametrize(
    "make", [partial(Later, "60"), partial(Later, math.nan), lambda: IgnoreMessage(delay=cast("Any", "30"))]
)
def test_what_asks_for_a_delay_that_is_no_number_fails_and_is_not_rejected(
    make: Callable[[], BaseException], name: str
) -> None:
    app = Loafer()

    @app.route(name, reject=Exception)
    async def handle(_: object) -> None:
        raise make()

    with World() as world:
        world.add(app)
        world.publish(name, 1, group="g" if name.endswith(".fifo") else None)
        result = world.run(app, seconds=1)
    assert set(result.outcomes) == {Outcome.FAILED}
    assert len(result.left[name]) == 1


def is_cancelled_elsewhere(_: object) -> None:
    raise CancelledFuture


async def is_cancelled_elsewhere_too(_: object) -> None:
    raise CancelledFuture


def returns_a_generator(_: object) -> object:
    return iter_once()


async def returns_a_generator_too(_: object) -> object:
    return iter_once()


def iter_once() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    "handle", [is_cancelled_elsewhere, is_cancelled_elsewhere_too, returns_a_generator, returns_a_generator_too]
)
def test_what_was_cancelled_elsewhere_and_what_never_runs_fails_and_is_not_rejected(handle: Any) -> None:
    app = Loafer()
    app.route("orders", reject=Exception)(handle)
    with World() as world:
        world.add(app)
        world.publish("orders", 1)
        result = world.run(app, seconds=0.5)
    assert set(result.outcomes) == {Outcome.FAILED}
    assert len(result.left["orders"]) == 1


def test_a_subclass_may_say_its_delay_for_all() -> None:
    class Soon(IgnoreMessage):
        delay = 5.0

    assert [Soon("later").delay, Soon(delay=6).delay, IgnoreMessage().delay] == [5, 6, None]


@pytest.mark.parametrize(
    "make", [Faceless, Hiding, partial(Later, "60"), partial(Later, object()), partial(Later, math.nan)]
)
def test_one_that_cannot_is_replaced_by_one_of_its_name_and_traceback(make: Callable[[], BaseException]) -> None:
    def fail() -> None:
        raise make()

    try:
        fail()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        instead, name = usable(error), type(error).__name__
    assert isinstance(instead, Unusable)
    assert type(instead).__name__ == name
    assert [frame.name for frame in traceback.extract_tb(instead.__traceback__)][-1] == "fail"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_program_is_never_replaced(kind: type[BaseException]) -> None:
    error = type("Odd", (kind,), {"__class__": property(lambda _: 1 / 0)})()
    assert usable(error) is error


def run(app: Loafer, source: str, content: Callable[[int], object] = int) -> Sequence[Any]:
    """Return what is left on a queue of three messages an hour later."""
    with World() as world:
        world.add(app)
        for number in (1, 2, 3):
            world.publish(source, content(number))
        return world.run(app, seconds=3600).left[source]


async def test_a_task_that_is_closed_from_elsewhere_settles_nothing() -> None:
    running = Running(unbegun=lambda *_: None)
    lease, other = (Lease(Message(name, "{}", "receipt"), 0, 0, 0) for name in "ab")
    with pytest.raises(GeneratorExit):
        running.raise_if_closed(GeneratorExit(), lease)
    with pytest.raises(GeneratorExit):
        await asyncio.to_thread(running.raise_if_closed, GeneratorExit(), lease)
    task = cast("asyncio.Task[None]", asyncio.current_task())
    running.add(task, (cast("Any", None), (lease,), 0.0), None, copy_context())
    running.raise_if_closed(GeneratorExit(), lease)
    with pytest.raises(GeneratorExit):
        running.raise_if_closed(GeneratorExit(), other)
