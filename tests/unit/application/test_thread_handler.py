import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from gate import Gate, begun
from world import World, queue

from loafer.application.handled import HANDLED
from loafer.application.handler import ThreadHandler
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.raised import NotOurs
from loafer.domain.message import Message
from loafer.exceptions import RejectMessage

if TYPE_CHECKING:
    from loafer.testing.clock import VirtualLoop

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


@pytest.mark.parametrize(
    "error", [ValueError("no"), RejectMessage(), SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()]
)
async def test_whatever_a_function_raises_is_raised(error: BaseException, pool: ThreadPool) -> None:
    def raises(content: object) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        await ThreadHandler(raises, pool)("content")
    assert caught.value is error


async def test_a_stop_iteration_is_raised_as_in_any_coroutine(pool: ThreadPool) -> None:
    def raises(content: object) -> None:
        raise StopIteration(5)

    with pytest.raises(RuntimeError) as caught:
        await ThreadHandler(raises, pool)("content")
    assert isinstance(caught.value.__cause__, StopIteration)


async def test_the_pool_works_on_after_a_system_exit(pool: ThreadPool) -> None:
    def exits(content: object) -> None:
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        await ThreadHandler(exits, pool)("content")
    seen: list[object] = []
    await ThreadHandler(seen.append, pool)("content")
    assert seen == ["content"]


async def test_a_function_whose_lease_ends_while_it_waits_for_a_thread_never_runs(pool: ThreadPool, gate: Gate) -> None:
    ran: list[object] = []
    ours = [True]
    lane = cast("Any", SimpleNamespace(is_ours=lambda _: ours[0]))
    HANDLED.set((lane, Message("1", "", ""), 0.0))
    first = await gate.runs(pool)
    second = await begun(pool, ran.append, "second")
    ours.clear()
    ours.append(False)
    gate.go_on.set()
    assert await first == "gate", "it had begun"
    with pytest.raises(NotOurs):
        await second
    assert ran == []


async def test_the_event_loop_goes_on_while_a_function_blocks(pool: ThreadPool) -> None:
    released = threading.Event()
    call = asyncio.ensure_future(ThreadHandler(lambda content: released.wait(60), pool)("content"))
    await asyncio.sleep(0)
    assert not call.done()
    released.set()
    await call


async def test_what_is_cancelled_before_it_starts_never_runs(pool: ThreadPool, gate: Gate) -> None:
    ran: list[object] = []
    first = await gate.runs(pool)
    second = await begun(pool, ran.append, "second")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    gate.go_on.set()
    assert await first == "gate"
    await ThreadHandler(ran.append, pool)("third")
    assert ran == ["third"]


async def test_what_is_cancelled_once_it_runs_is_waited_for_and_counts(pool: ThreadPool, gate: Gate) -> None:
    task = await gate.runs(pool)
    task.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    gate.go_on.set()
    assert await task == "gate"


async def test_what_has_ended_before_the_cancelled_task_goes_on_counts(pool: ThreadPool, gate: Gate) -> None:
    task = await gate.runs(pool)
    gate.go_on.set()
    pool.close()
    pool.wait()
    task.cancel()
    assert await task == "gate"


async def test_what_has_ended_and_is_told_before_it_is_cancelled_counts(pool: ThreadPool) -> None:
    task = await begun(pool, str, "there")
    while not task._fut_waiter.done():  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    task.cancel()
    assert await task == "there"


async def test_what_is_cancelled_again_and_again_is_waited_for_until_a_stop_gives_it_up(
    pool: ThreadPool, gate: Gate
) -> None:
    virtual = cast("VirtualLoop", asyncio.get_running_loop()).virtual
    virtual.waits_for_threads = False
    task = await gate.runs(pool)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    pool.leave()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.go_on.set()


async def test_what_a_function_comes_to_counts_however_often_it_was_cancelled(pool: ThreadPool, gate: Gate) -> None:
    task = await gate.runs(pool)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    gate.go_on.set()
    assert await task == "gate"
    assert task.cancelling() == 0


async def test_each_function_sees_the_context_variables_of_its_call(pool: ThreadPool) -> None:
    async def colour(name: str) -> object:
        COLOUR.set(name)
        return await ThreadHandler(COLOUR.get, pool)()

    assert [*await asyncio.gather(colour("red"), colour("blue"))] == ["red", "blue"]
    assert await ThreadHandler(COLOUR.get, pool)() == "none"


async def test_an_awaitable_that_a_function_returns_is_awaited_on_the_loop(pool: ThreadPool) -> None:
    async def coroutine() -> str:
        await asyncio.sleep(1)
        return "awaited"

    assert await ThreadHandler(coroutine, pool)() == "awaited"


async def test_what_an_awaitable_of_a_cancelled_function_was_to_do_does_not_begin(pool: ThreadPool, gate: Gate) -> None:
    begun: list[object] = []

    async def more() -> None:
        begun.append("more")

    def function(content: object) -> object:
        gate(content)
        return more()

    task = asyncio.ensure_future(ThreadHandler(function, pool)("gate"))
    await asyncio.sleep(0)
    assert gate.begun.wait(60)
    task.cancel()
    await asyncio.sleep(0)
    gate.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert begun == []


async def some(_: object) -> AsyncIterator[None]:
    yield


def few(_: object) -> Iterator[None]:
    yield


@pytest.mark.parametrize("generator", [some, few])
@pytest.mark.parametrize("options", [Options(), Options(handler_timeout=5)])
async def test_a_function_that_returns_a_generator_fails_for_that_would_never_run(
    generator: Any, options: Options, pool: ThreadPool
) -> None:
    def function(content: object) -> object:
        return generator(content)

    world = await World(queue("orders", "one", visibility_timeout=600), ThreadHandler(function, pool), options).run_for(
        1
    )
    assert (len(world.queue), [str(each.error) for each in world.deliveries]) == (
        1,
        ["it returned a generator or a map, which would never run; write it as a loop, without yield"],
    )
