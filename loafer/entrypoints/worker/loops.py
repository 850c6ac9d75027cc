"""Which event loop runs: uvloop where it is installed (the extra `fast`), or asyncio's own."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from loafer.entrypoints.wiring.threads import HANDLER_THREAD

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

logger = logging.getLogger(__name__)


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
