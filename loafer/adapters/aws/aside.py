"""Work beside the event loop, on a thread that nothing else uses: handlers may fill the loop's own threads."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")

_turn = threading.Lock()
"""Held by the thread that works: several would keep the interpreter from the event loop for longer."""


async def aside(work: Callable[[], Result]) -> Result:
    """Return what `work` returns, or raise what it raises; a cancelled call leaves behind what has begun.

    Raises:
        RuntimeError: there is no further thread to be had.

    """
    ending: Future[Result] = Future()

    def run() -> None:
        with _turn:
            if not ending.set_running_or_notify_cancel():
                return
            try:
                ending.set_result(work())
            except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
                ending.set_exception(error)

    # It holds nothing that has to be tidied up, so the end of the process need not wait for it.
    threading.Thread(target=run, name="loafer-decoder", daemon=True).start()
    return await asyncio.wrap_future(ending)
