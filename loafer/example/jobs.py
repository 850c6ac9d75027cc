"""The documented sample handlers: they log what they receive, at WARNING so that it is seen by default."""

import logging
from typing import Any

logger = logging.getLogger(__name__)


async def async_example_job(message: Any) -> None:
    """Log the message; a coroutine, so it runs on the event loop."""
    logger.warning("message received by async_example_job: %r", message)


def example_job(message: Any) -> None:
    """Log the message; a function, so it runs in a thread."""
    logger.warning("message received by example_job: %r", message)
