"""Handlers for workers on the strict endpoint; each notes what it runs, as those of sample_handlers.py do."""

import asyncio
import contextlib
import logging
import os
import signal
import threading
import time
from typing import Any

from sample_handlers import quick, ran

from loafer.exceptions import IgnoreMessage

__all__ = ["quick"]

_begun: list[Any] = []
_left: list[asyncio.Task[None]] = []


async def takes_as_long_as_told(content: Any) -> None:
    """Take the seconds that the message says; then fail where the environment says FAILS."""
    ran(content)
    await asyncio.sleep(content.get("seconds", 0))
    if "FAILS" in os.environ:
        raise ValueError("as told")


async def stops_its_worker_at_the_third(content: Any) -> None:
    """As `takes_as_long_as_told`; the third message that runs in a process stops it, while others wait behind it."""
    _begun.append(content)
    if len(_begun) == 3:
        os.kill(os.getpid(), signal.SIGTERM)
    await takes_as_long_as_told(content)


async def blocks_the_loop_as_told(content: Any) -> None:
    ran(content)
    time.sleep(content.get("seconds", 0))  # noqa: ASYNC251 - the mistake that a worker has to survive


async def fails_where_told(content: Any) -> None:
    ran(content)
    if content["n"] == "fails":
        raise ValueError("as told")


async def wants_it_back_in_12_hours(content: Any) -> None:
    ran(content)
    raise IgnoreMessage(delay=12 * 60 * 60)


async def floods_the_log(content: Any) -> None:
    """Write more to the log than a pipe holds, as often as it takes; or take the seconds that the message says."""
    ran(content)
    if "seconds" not in content:
        for _ in range(100):
            logging.getLogger(__name__).warning("x" * 10_000)
    await asyncio.sleep(content.get("seconds", 0))


async def leaves_a_task_that_swallows_its_cancellation(content: Any) -> None:
    async def stays() -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    _left.append(asyncio.create_task(stays()))
    ran(content)
    await stays()


async def takes_40_s_to_clean_up(content: Any) -> None:
    try:
        ran(content)
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(40)


async def leaves_a_thread_that_is_no_daemon(content: Any) -> None:
    threading.Thread(target=time.sleep, args=(60,)).start()
    ran(content)


async def leaves_the_loops_own_threads_busy(content: Any) -> None:
    _left.append(asyncio.create_task(asyncio.to_thread(time.sleep, 60)))
    ran(content)


def stays_in_its_thread(content: Any) -> None:
    ran(content)
    time.sleep(60)


def _forked(content: Any) -> int:
    """Return a child's process id, or leave it in the child as the content says: raise, exit, or return 0."""
    child = os.fork()
    if child == 0 and content["n"] == "raise":
        raise FileNotFoundError
    if child == 0 and content["n"] == "exit":
        raise SystemExit(3)
    return child


def _status_of(child: int) -> int | str:
    for _ in range(500):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, 9)
    return "never"


async def forks(content: Any) -> None:
    if child := _forked(content):
        ran(f"{content['n']}-{_status_of(child)}")


def forks_in_a_thread(content: Any) -> None:
    if child := _forked(content):
        ran(f"{content['n']}-{_status_of(child)}")


async def cancels_all_tasks(content: Any) -> None:
    await asyncio.sleep(0.2)
    if content["n"] == 3:
        for task in asyncio.all_tasks():
            task.cancel()


async def stops_the_loop(content: Any) -> None:
    if content["n"] == 3:
        asyncio.get_running_loop().stop()
