"""Which event loop runs: uvloop where it is installed (the extra `fast`), or asyncio's own."""

import asyncio
import logging
from collections.abc import Callable
from typing import TypeAlias

NewLoop: TypeAlias = Callable[[], asyncio.AbstractEventLoop]

logger = logging.getLogger(__name__)


def fastest_loop() -> NewLoop:
    """Return what creates event loops, and say in the log which."""
    try:
        import uvloop  # noqa: PLC0415 - may be missing, and is slow to import
    except ImportError:
        logger.info("the event loop is asyncio's")
        return asyncio.new_event_loop
    logger.info("the event loop is uvloop's")
    return uvloop.new_event_loop
