"""Where a handler is: in its coroutine, in the thread of its function, or on the loop that it blocks."""

import asyncio
import threading
from collections.abc import AsyncIterator, Generator
from typing import Any

import pytest
from gate import Gate
from test_tally import hold, lane_of, route_of
from world import World, now, queue

from loafer.application.handled import HANDLED
from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.application.stacks import stack_of
from loafer.exceptions import ConsumerError


def lines(stack: str) -> list[str]:
    """Return the lines of code of a stack, the innermost last."""
    return [line.strip() for line in stack.splitlines() if not line.startswith("  File ") and "^" not in line]


async def innermost() -> None:
    await asyncio.Event().wait()


async def generated() -> AsyncIterator[int]:
    await innermost()
    yield 5


async def outermost() -> None:
    async for _ in generated():
        pass


async def test_a_coroutine_is_shown_from_its_beginning_to_what_it_waits_for_through_generators_too() -> None:
    [lease] = hold(lane_of(route_of()), "x")
    task = asyncio.ensure_future(outermost())
    await asyncio.sleep(0)
    shown = lines(stack_of(task, lease, None))
    assert shown[:2] == ["async for _ in generated():", "await innermost()"]
    assert shown[2] == "await asyncio.Event().wait()"
    task.cancel()


async def test_a_task_that_blocks_the_loop_or_is_being_started_is_shown_by_the_loops_thread() -> None:
    [lease] = hold(lane_of(route_of()), "x")
    seen: list[str] = []

    async def looks() -> None:
        seen.append(stack_of(asyncio.current_task(), lease, threading.get_ident()))

    await asyncio.ensure_future(looks())
    assert lines(seen[0])[-1] == "seen.append(stack_of(asyncio.current_task(), lease, threading.get_ident()))"
    assert lines(stack_of(None, lease, threading.get_ident()))[-1].startswith("assert lines(stack_of(None")
    assert stack_of(None, lease, None) == stack_of(None, lease, -1) == ""


async def test_of_several_functions_in_threads_the_one_that_has_the_message_is_shown() -> None:
    lane = lane_of(route_of())
    first, second = hold(lane, "x", "y")
    gates = Gate(), Gate()

    def one() -> None:
        gates[0](5)  # the line of one

    def other() -> None:
        gates[1](5)  # the line of the other

    async def handle(lease: Any, function: Any, pool: ThreadPool) -> None:
        HANDLED.set((lane, lease.message, 0.0))
        await ThreadHandler(function, pool)()

    loop: Any = asyncio.get_running_loop()
    loop.virtual.waits_for_threads = False
    with ThreadPool(2) as pool:
        tasks = [asyncio.ensure_future(handle(*each, pool)) for each in ((first, one), (second, other))]
        while not all(gate.begun.is_set() for gate in gates):
            await asyncio.sleep(0)
        for task, lease, line in zip(tasks, (first, second), ("one", "the other"), strict=True):
            shown = lines(stack_of(task, lease, None))
            assert [each for each in shown if each.startswith("gates")] == [
                f"gates[{0 if line == 'one' else 1}](5)  # the line of {line}"
            ]
            assert "self.context.run" not in "".join(shown)
        loop.virtual.waits_for_threads = True
        for gate in gates:
            gate.go_on.set()
        await asyncio.gather(*tasks)


async def test_an_awaited_object_that_raises_where_it_is_asked_anything_ends_the_stack_before_it() -> None:
    [lease] = hold(lane_of(route_of()), "x")

    class Proxy:
        def __await__(self) -> Any:
            return self

        def __iter__(self) -> "Proxy":
            return self

        def __next__(self) -> None:
            return None

        def throw(self, error: BaseException) -> None:
            raise error

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("it works only within a request")

    async def waits() -> None:
        await Proxy()

    task = asyncio.ensure_future(waits())
    await asyncio.sleep(0)
    assert lines(stack_of(task, lease, None)) == ["await Proxy()"]
    task.cancel()


async def test_a_generator_that_is_awaited_is_looked_through() -> None:
    [lease] = hold(lane_of(route_of()), "x")

    class Awaited:
        def __await__(self) -> Generator[Any, Any, Any]:
            yield from asyncio.sleep(5).__await__()

    async def waits() -> None:
        await Awaited()  # through a generator

    task = asyncio.ensure_future(waits())
    await asyncio.sleep(0)
    assert lines(stack_of(task, lease, None))[:2] == [
        "await Awaited()  # through a generator",
        "yield from asyncio.sleep(5).__await__()",
    ]
    task.cancel()


async def test_what_stops_a_dispatcher_from_outside_lets_handlers_end_and_is_raised() -> None:
    async def handle(content: str) -> None:
        await asyncio.sleep(5)

    world = World(queue("orders", "x"), handle)
    cause = ConsumerError("from outside")
    async with world:
        await asyncio.sleep(1)
        world.dispatcher.fail(cause)
        world.dispatcher.fail(ConsumerError("a later one"))
        with pytest.raises(ConsumerError) as caught:
            await world.ended()
    assert caught.value is cause
    assert world.dispatcher.cause is cause
    assert now() == pytest.approx(5, abs=0.1)
    assert len(world.queue) == 0
