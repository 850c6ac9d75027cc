"""The handlers of `loafer demo`: between them they show every way in which a delivery can end."""

import asyncio
import time
from typing import Any

from loafer.exceptions import IgnoreMessage, RejectMessage


async def coroutine(message: Any) -> None:
    """Wait a moment on the event loop, or end as the message says."""
    match message:
        case {"do": "reject"}:
            raise RejectMessage("it will never be wanted")
        case {"do": "ignore"}:
            raise IgnoreMessage("not now")
        case {"do": "fail"}:
            raise ValueError("a bug in the handler")
        case _:
            await asyncio.sleep(0.001)


def function(message: Any) -> None:  # noqa: ARG001 - what it is about is where it runs
    """Block for a moment, in a thread."""
    time.sleep(0.001)
