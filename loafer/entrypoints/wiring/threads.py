"""The threads that handlers run in, and other threads that the end of the process does not wait for."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loafer.application.pool import ThreadPool

HANDLER_THREAD = "loafer-handler"
"""How the names of the threads begin that the end of the process leaves: handlers run in them, and hosts' look-ups."""


def usual_threads() -> int:
    """Return how many threads a pool has where nobody says it: as many as Python's own pools."""
    count: Callable[[], int | None] = getattr(os, "process_cpu_count", os.cpu_count)
    return min(32, (count() or 1) + 4)


def handler_threads(most: int | None) -> Iterator["ThreadPool"]:
    """Yield the threads that handlers run in; closing them waits for none, for a thread cannot be cancelled."""
    from loafer.application.pool import ThreadPool  # noqa: PLC0415 - `--help` starts no threads

    pool = ThreadPool(usual_threads() if most is None else most, HANDLER_THREAD)
    yield pool
    pool.close()
