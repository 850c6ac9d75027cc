"""A handler that ends the program has not done its work: its message is kept, whatever middleware makes of that."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import attrs
import pytest
from world import World, queue

from loafer.application.delivery import deliver
from loafer.application.middleware import through
from loafer.domain.lifecycle import Outcome
from loafer.entrypoints.worker.loops import run_to_its_end
from loafer.testing.clock import VirtualLoop

Next = Callable[[], Coroutine[Any, Any, None]]
Middleware = Callable[[Any, Next], Coroutine[Any, Any, None]]


async def swallows(_: object, call_next: Next) -> None:
    with suppress(BaseException):
        await call_next()


async def does_not_wait(_: object, call_next: Next) -> None:
    asyncio.get_running_loop().create_task(call_next())


async def does_not_look(_: object, call_next: Next) -> None:
    await asyncio.wait({asyncio.ensure_future(call_next())})


async def gathers(_: object, call_next: Next) -> None:
    await asyncio.gather(call_next(), return_exceptions=True)


async def groups(_: object, call_next: Next) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(call_next())


async def exits(_: object) -> None:
    raise SystemExit(3)


async def exits_later(_: object) -> None:
    await asyncio.sleep(1)
    raise SystemExit(3)


async def exits_itself(_: object, call_next: Next) -> None:
    await call_next()
    raise SystemExit(3)


async def is_well(_: object) -> None: ...


WAYS = [swallows, does_not_wait, does_not_look, gathers, groups]


EXIT = SystemExit(3)


async def exits_in_a_group(_: object) -> None:
    raise BaseExceptionGroup("a task group", [ValueError(), BaseExceptionGroup("inner", [EXIT])])


async def test_a_system_exit_in_a_group_of_errors_ends_the_program_with_its_status_and_keeps_the_message() -> None:
    world = World(queue("orders", "one"), exits_in_a_group)
    [message] = world.queue.receive(1)
    delivery = await deliver(world.route(), message, None)
    assert (delivery.fatal, delivery.outcome) == (EXIT, Outcome.FAILED)


@pytest.mark.parametrize("handle", [exits, exits_later, exits_in_a_group])
@pytest.mark.parametrize("middleware", WAYS)
def test_a_message_whose_handler_exits_is_kept(handle: Any, middleware: Middleware) -> None:
    assert left(handle, middleware) == 1


@pytest.mark.parametrize("middleware", WAYS[1:])
def test_so_it_is_where_inner_middleware_exits(middleware: Middleware) -> None:
    assert left(is_well, middleware, exits_itself) == 1


async def limits(_: object, call_next: Next) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(1):
            await call_next()


async def swallows_and_waits(_: object, call_next: Next) -> None:
    with suppress(SystemExit):
        await call_next()
    await asyncio.sleep(5)


def test_so_it_is_where_middleware_that_has_swallowed_an_exit_is_cancelled() -> None:
    assert left(exits, limits, swallows_and_waits) == 1


def test_one_whose_handler_ends_well_at_another_try_is_deleted() -> None:
    tries: list[int] = []

    async def handle(_: object) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise SystemExit(3)

    async def tries_again(_: object, call_next: Next) -> None:
        with suppress(SystemExit):
            await call_next()
        if len(tries) == 1:
            await call_next()

    assert left(handle, tries_again) == 0


def left(handle: Any, *wraps: Middleware) -> int:
    """Return how many of one message are left on a queue, once the handler has ended the program."""

    async def main() -> None:
        source = queue("orders", "one", visibility_timeout=600)
        world = World(source, handle)
        worlds.append(world)
        route = world.route()
        world.dispatcher.routes = [attrs.evolve(route, call=through(route.call, wraps, route.around))]
        with suppress(SystemExit):
            async with world:
                await asyncio.sleep(5)

    worlds: list[World] = []
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        run_to_its_end(runner.get_loop(), main(), lambda _: worlds[0].dispatcher.stop())
    return len(worlds[0].queue)
