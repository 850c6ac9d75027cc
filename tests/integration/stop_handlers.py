"""Handlers that leave something behind when their worker stops; each notes what it runs."""

import asyncio
import contextlib
import ctypes
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from sample_handlers import ran

_kept: list[Any] = []


async def stays() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def _takes_long_to_clean_up() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(40)


async def _leaves_an_async_generator_that_takes_long_to_close() -> None:
    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(40)

    generator = numbers()
    _kept.append(generator)
    await anext(generator)


async def _leaves_a_task() -> None:
    _kept.append(asyncio.create_task(stays()))


async def _leaves_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(60,), name="left-thread").start()


async def _leaves_a_thread_of_the_loop() -> None:
    _kept.append(asyncio.create_task(asyncio.to_thread(time.sleep, 60)))


_LEAVES: tuple[Callable[[], Any], ...] = (
    stays,
    _takes_long_to_clean_up,
    _leaves_an_async_generator_that_takes_long_to_close,
    _leaves_a_task,
    _leaves_a_thread,
    _leaves_a_thread_of_the_loop,
)


async def leaves_everything_behind(content: Any) -> None:
    """Leave another thing behind for each number."""
    ran(content)
    await _LEAVES[content["n"] % len(_LEAVES)]()


async def leaves_a_thread_behind(content: Any) -> None:
    ran(content)
    await _leaves_a_thread()


async def blocks_the_loop(content: Any) -> None:
    ran(content)
    time.sleep(60)  # noqa: ASYNC251 - the mistake that a worker has to survive


async def blocks_the_loop_where_no_signal_interrupts(content: Any) -> None:
    """Wait in C for as long as it takes, as some clients of databases do; Python handles no signal meanwhile."""
    ran(content)
    lock = ctypes.CDLL(None)
    readable, _ = os.pipe()
    buffer = ctypes.create_string_buffer(1)
    while lock.read(readable, buffer, 1) < 0:  # releases the interpreter, and begins again in C
        pass


async def starts_one_that_leaves_with_status_3(content: Any) -> None:
    """Let a task that nobody waits for raise SystemExit, once all run; take 1 s."""

    async def leave() -> None:
        await asyncio.sleep(0.2)
        sys.exit(3)

    ran(content)
    if content["n"] == 0:
        _kept.append(asyncio.create_task(leave()))
        await asyncio.sleep(60)
    await asyncio.sleep(1)


async def starts_a_group_of_which_one_leaves_with_status_3(content: Any) -> None:
    """Let a task of a group raise SystemExit, once all run; take 1 s."""

    async def leave() -> None:
        await asyncio.sleep(0.2)
        sys.exit(3)

    ran(content)
    if content["n"] == 0:
        async with asyncio.TaskGroup() as group:
            group.create_task(leave())
            group.create_task(asyncio.sleep(60))
    await asyncio.sleep(1)


async def never_ends(content: Any) -> None:
    ran(content)
    await asyncio.Event().wait()
