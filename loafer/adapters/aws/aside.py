"""Work beside the event loop, on a thread that nothing else uses: handlers may fill the loop's own threads."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from typing import TypeVar

Result = TypeVar("Result")

_turn = threading.Lock()
"""Held by the thread that computes: several would keep the interpreter from the event loop for longer."""


async def aside(work: Callable[[], Result]) -> Result:
    """Return what `work` computes, or raise what it raises; a cancelled call leaves behind what has begun.

    Raises:
        RuntimeError: there is no further thread to be had.

    """
    return await begun(work, turn=True)


def begun(work: Callable[[], Result], *, turn: bool = False) -> "asyncio.Future[Result]":
    """Return the result to come of a look-up that begins now, or of what has its `turn` to compute; as `aside`."""
    ending: Future[Result] = Future()

    def run() -> None:
        with _turn if turn else nullcontext():
            if not ending.set_running_or_notify_cancel():
                return
            try:
                ending.set_result(work())
            except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
                ending.set_exception(error)

    # It holds nothing that has to be tidied up, so the end of the process need not wait for it.
    name = "loafer-decoder" if turn else "loafer-look-up"
    threading.Thread(target=run, name=name, daemon=True).start()
    return asyncio.wrap_future(ending)
