"""Functions of several routes run in the same threads: nothing is held by a worker that has no thread for it."""

import asyncio
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from gate import Gate
from world import World, queue

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.handler import ThreadHandler
from loafer.application.middleware import through
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.route import BatchCall, Branching, Call, LeftOut, Route, Surroundings
from loafer.domain.choosing import Chooser
from loafer.domain.conditions import attribute
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.domain.rules import ALWAYS

Made = Callable[[Route, ThreadHandler], Route]


async def calls_on(_: object, call_next: Callable[[], Any]) -> None:
    await call_next()


def plain(route: Route, function: ThreadHandler) -> Route:
    return attrs.evolve(route, call=function)


def behind_middleware(route: Route, function: ThreadHandler) -> Route:
    return attrs.evolve(route, call=through(Call(function), [calls_on], Surroundings(route.name)))


def in_batches(route: Route, function: ThreadHandler) -> Route:
    return attrs.evolve(route, call=BatchCall(function, size=2, wait=0))


def in_batches_behind_middleware(route: Route, function: ThreadHandler) -> Route:
    call = through(BatchCall(function, size=2, wait=0), [calls_on], Surroundings(route.name))
    return attrs.evolve(route, call=call)


def chosen_by_a_condition(route: Route, function: ThreadHandler) -> Route:
    branch = attrs.evolve(route, call=function)
    return attrs.evolve(
        route, branching=Branching((branch,), Chooser.of([(ALWAYS, branch)]), lambda _: None, lambda: None)
    )


MADE = [plain, behind_middleware, in_batches, in_batches_behind_middleware, chosen_by_a_condition]


def noting(into: list[object], pool: ThreadPool) -> ThreadHandler:
    return ThreadHandler(into.append, pool)


def beside(gate: Gate, pool: ThreadPool, source: MemoryQueue, made: Made, ran: list[object]) -> World:
    """Return a world whose first route's function keeps the pool's one thread; the second one's messages are noted."""
    world = World(queue("slow", "x", visibility_timeout=600), ThreadHandler(gate, pool), Options(grace_period=0))
    other = World(source, noting(ran, pool))
    world.dispatcher.routes = [world.route(), made(other.route(), noting(ran, pool))]
    return world


async def thread_is_taken(gate: Gate) -> None:
    while not gate.begun.is_set():
        await asyncio.sleep(0)
    asyncio.get_running_loop().virtual.waits_for_threads = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("made", MADE)
async def test_while_another_route_has_all_threads_no_function_is_received_unrun(
    made: Made, gate: Gate, pool: ThreadPool
) -> None:
    dead = queue("dead")
    source = queue("quick", max_receive_count=1, dead_letters=dead)
    ran: list[object] = []
    async with beside(gate, pool, source, made, ran):
        await thread_is_taken(gate)
        await asyncio.sleep(3)  # a poll that was begun before is over
        for _ in range(6):
            source.send(OutgoingMessage("x"))
        await asyncio.sleep(20)
        assert source.counts["received"] == 0
    assert len(dead) == 0


@pytest.mark.parametrize("made", MADE)
async def test_functions_of_another_route_start_as_soon_as_a_thread_is_free(
    made: Made, gate: Gate, pool: ThreadPool
) -> None:
    source = queue("quick", "x", "x")
    ran: list[object] = []
    async with beside(gate, pool, source, made, ran):
        await thread_is_taken(gate)
        await asyncio.sleep(20)
        assert not ran
        gate.go_on.set()
        asyncio.get_running_loop().virtual.waits_for_threads = True  # type: ignore[attr-defined]
        await asyncio.sleep(0.5)
        assert len(source) == 0
        assert ran


@pytest.mark.parametrize("made", MADE)
async def test_no_more_functions_of_a_route_start_than_there_are_threads(
    made: Made, gate: Gate, pool: ThreadPool
) -> None:
    source = queue("slow", *"x" * 30, max_receive_count=1, dead_letters=queue("dead"))
    world = World(source, ThreadHandler(gate, pool), Options(grace_period=0))
    world.dispatcher.routes = [made(world.route(), ThreadHandler(gate, pool))]
    async with world:
        await thread_is_taken(gate)
        await asyncio.sleep(20)
        assert world.dispatcher._slots.running == 1
        assert source.counts["received"] == world.dispatcher.routes[0].batch


def send(source: MemoryQueue, *kinds: str) -> None:
    for kind in kinds:
        source.send(OutgoingMessage(kind, {"kind": Attribute(kind)}))


def mixed(function: ThreadHandler, ran: list[str]) -> World:
    """Return a world whose source has two handlers: a function, and a coroutine that takes five seconds."""

    async def note(content: str) -> None:
        ran.append(content)
        await asyncio.sleep(5)

    world = World(queue("mixed", max_receive_count=1, dead_letters=queue("dead")), note, Options(grace_period=0))
    threaded, coroutine = attrs.evolve(world.route(), call=function), world.route()
    chooser: Chooser[Route | LeftOut] = Chooser.of(
        [((attribute("kind") == "function").rule, threaded), (ALWAYS, coroutine)]
    )
    branching = Branching((threaded, coroutine), chooser, lambda _: None, lambda: None)
    world.dispatcher.routes = [attrs.evolve(world.route(), branching=branching)]
    return world


async def test_no_more_functions_start_than_there_are_threads_where_a_source_has_coroutines_too(
    gate: Gate, pool: ThreadPool
) -> None:
    world = mixed(ThreadHandler(gate, pool), [])
    send(world.queue, *["function"] * 10)
    async with world:
        await thread_is_taken(gate)
        await asyncio.sleep(20)
        assert world.dispatcher._slots.running == 1
        assert world.queue.counts["received"] == 1


async def test_where_one_of_a_sources_handlers_is_a_function_its_messages_wait_for_a_thread_at_their_source(
    gate: Gate, pool: ThreadPool
) -> None:
    ran: list[str] = []
    world = mixed(ThreadHandler(gate, pool), ran)
    source = world.queue
    send(source, *["coroutine"] * 8)
    async with world:
        await asyncio.sleep(1)
        assert len(ran) == 8  # more than there are threads
        send(source, "function")
        await thread_is_taken(gate)
        await asyncio.sleep(20)
        received = source.counts["received"]
        send(source, "coroutine", "function")
        await asyncio.sleep(20)
        assert source.counts["received"] == received == 9
        asyncio.get_running_loop().virtual.waits_for_threads = True  # type: ignore[attr-defined]
        gate.go_on.set()
        await asyncio.sleep(10)
        assert len(ran) == 9
        assert len(source) == 0
