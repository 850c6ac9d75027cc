"""The threads that handlers run in, and other threads that the end of the process does not wait for."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

HANDLER_THREAD = "loafer-handler"
"""How the names of the threads begin that the end of the process leaves: handlers run in them, and hosts' look-ups."""


def handler_threads(most: int | None) -> Iterator["ThreadPoolExecutor"]:
    """Yield the threads that handlers run in; closing them waits for none, for a thread cannot be cancelled."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - `--help` starts no threads

    pool = ThreadPoolExecutor(most, thread_name_prefix=HANDLER_THREAD)
    yield pool
    pool.shutdown(wait=False, cancel_futures=True)
