"""How signals stop a worker that is alone; `supervisor/orders.py` has what stops one of several."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from loafer.entrypoints.worker.ending import SIGNALS


@contextmanager
def by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call `stop`, each time, on the running event loop."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
