"""Which event loop runs, uvloop or asyncio's own; how it runs to its end, and is closed, whatever is left there."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.exceptions import LoaferError

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

logger = logging.getLogger(__name__)

CANCELLED = "code in this process, such as a handler, cancelled all tasks, loafer's own too: it has stopped"
STOPPED = "code in this process, such as a handler, stopped the event loop"

CLEARING = 0.3
"""Seconds that tasks, and then async generators, which handlers left behind have to end."""


def fastest_loop() -> NewLoop:
    """Return what creates event loops, and say in the log which."""
    try:
        import uvloop  # noqa: PLC0415 - may be missing, and is slow to import
    except ImportError:
        logger.info("the event loop is asyncio's")
        return partial(_with_threads, asyncio.new_event_loop)
    logger.info("the event loop is uvloop's")
    return partial(_with_threads, uvloop.new_event_loop)


def _with_threads(new_loop: NewLoop) -> asyncio.AbstractEventLoop:
    """Return a new loop whose threads, which look hosts up, are among those that the end of the process leaves."""
    loop = new_loop()
    loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix=HANDLER_THREAD))
    return loop


def run_to_its_end(
    loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None], escaped: Callable[[BaseException], None]
) -> None:
    """Run a coroutine until it ends, though a task it did not wait for raises what ends an event loop, or stops it.

    `escaped` is told of such a SystemExit or KeyboardInterrupt, or of the stop, and the loop goes on.

    Raises:
        LoaferError: the coroutine was cancelled, and nothing of ours does that.
        BaseException: what the coroutine raised.

    """
    loop.set_exception_handler(_complain)
    task = loop.create_task(coroutine)
    while True:
        try:
            return loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as error:
            if task.done():
                raise
            escaped(error)
        except asyncio.CancelledError as error:
            raise LoaferError(CANCELLED) from error
        except RuntimeError:
            if task.done() or loop.is_closed():
                raise
            escaped(LoaferError(STOPPED))


def close(runner: asyncio.Runner, *, deserted: bool) -> None:
    """Close the event loop, unless it is `deserted` or something does not end: closing would wait for it for ever."""
    loop = runner.get_loop()
    # It would wait for the loop's threads too, one of which may be looking up a host that nobody knows: it gets others.
    loop.set_default_executor(ThreadPoolExecutor())
    if deserted or not _cleared(loop):
        loop.set_exception_handler(lambda *_: None)  # it would complain of what is left when it is destroyed
    else:
        runner.close()


def _cleared(loop: asyncio.AbstractEventLoop) -> bool:
    """Cancel what runs, close async generators, and tell whether all of it has ended."""
    try:
        return loop.run_until_complete(_clear())
    except (SystemExit, KeyboardInterrupt):  # the worker ends already, as it is to end
        return False


async def _clear() -> bool:
    loop, me = asyncio.get_running_loop(), asyncio.current_task()
    tasks = {task for task in asyncio.all_tasks() if task is not me}
    for task in tasks:
        task.cancel()
    return await _end_in_time(tasks) and await _end_in_time({loop.create_task(loop.shutdown_asyncgens())})


async def _end_in_time(tasks: set[asyncio.Task[Any]]) -> bool:
    return not tasks or not (await asyncio.wait(tasks, timeout=CLEARING))[1]


def _complain(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Complain as usual, but not of what has ended the worker: how it ends says so."""
    if not isinstance(context.get("exception"), (SystemExit, KeyboardInterrupt)):
        loop.default_exception_handler(context)
