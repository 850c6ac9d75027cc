"""The handler of workers in a storm, which notes when its worker looked last whether the message was its own.

A process that is frozen between that look and the handler's first line, a few millionths of a second later, runs the
handler when it goes on, whatever became of the message meanwhile. So that look is what a run starts with.
"""

import asyncio
import random
import time
from typing import Any

from sample_handlers import ran

from loafer.application import delivery
from loafer.application.handled import is_ours
from loafer.domain.message import Message

_looked_at: dict[str, float] = {}
"""When the look was that the next handler starts after; it takes that away, so that each has one of its own."""


def _look(message: Message) -> bool:
    """Look as Loafer does, with the time from before: who is frozen in between finds that its lease is over."""
    now = time.time()
    ours = is_ours(message)
    _looked_at.clear()
    if ours:
        _looked_at["next"] = now
    return ours


delivery.is_ours = _look  # type: ignore[attr-defined]  # where it looks last


async def succeeds_mostly(content: Any) -> None:
    """Fail 15 of 100 times; notes `group-number`, and `+group-number` once it succeeds."""
    what = f"{content['group']}-{content['n']}"
    ran(what, _looked_at.pop("next", None))
    await asyncio.sleep(random.random() * 0.02)
    if random.random() < 0.15:
        raise ValueError("as it happens")
    ran(f"+{what}")
