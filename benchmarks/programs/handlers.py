"""The handlers that every consumer is measured with; `python handlers.py` prints how much work `busy` has to do."""

import asyncio
import os
import sys
import threading
import time
from typing import Any

from meter import meter_of_environment

METER = meter_of_environment()
LOOPS = int(os.environ.get("BUSY_LOOPS", "0"))
BUSY_SECONDS = 300e-6
"""CPU that `busy` takes, on a machine that does nothing else."""

SLEEP_SECONDS = 0.01
LOCK = threading.Lock()


async def idle(_: Any) -> None:
    """Do nothing but count."""
    METER.count()


async def sleeping(_: Any) -> None:
    """Wait for SLEEP_SECONDS, as for a database."""
    await asyncio.sleep(SLEEP_SECONDS)
    METER.count()


def function(_: Any) -> None:
    """Do nothing but count, in a thread."""
    with LOCK:
        METER.count()


async def timed(content: Any) -> None:
    """Note how long ago the message was published."""
    METER.delays.append(time.time() - content["at"])
    METER.count()


async def busy(_: Any) -> None:
    """Compute for about BUSY_SECONDS."""
    compute(LOOPS)
    METER.count()


def compute(loops: int) -> None:
    """Keep the CPU busy."""
    for _ in range(loops):
        pass


def loops_for(seconds: float) -> int:
    """Return for how many loops this machine takes so many seconds, at its best."""
    loops = 1_000_000
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        compute(loops)
        best = min(best, time.perf_counter() - began)
    return round(loops * seconds / best)


if __name__ == "__main__":
    sys.stdout.write(str(loops_for(BUSY_SECONDS)))
