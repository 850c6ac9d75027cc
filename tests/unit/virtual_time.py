"""Virtual time: an event loop whose clock jumps to the next timer, so that nothing ever sleeps."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

TURN = 1e-9
"""Seconds that each turn of the loop takes: time never stands quite still, as it never does outside."""


class VirtualSelector(selectors.DefaultSelector):
    """Advances the time instead of waiting; while a thread of a pool works, the time stands still."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.working = 0
        self.waits_for_threads = True
        self.answer_time = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, after no time at all."""
        self.now += TURN
        ready = super().select(0 if timeout == 0 else self.answer_time)
        if ready or timeout == 0:
            return ready
        if self.working and self.waits_for_threads:
            return super().select(1)
        if timeout is None:
            raise RuntimeError("nothing will ever happen on this event loop: the test waits for ever")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time."""

    def __init__(self) -> None:
        self.virtual = VirtualSelector()
        super().__init__(self.virtual)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self.virtual.now

    def work_begins(self, future: "ThreadFuture[Any]") -> None:
        """Let the time stand still until the thread has answered."""
        self.virtual.working += 1
        self.virtual.answer_time = 0.002  # between the end of the work and the answer's arrival on the loop
        future.add_done_callback(lambda _: self.call_soon_threadsafe(self._work_ended))

    def _work_ended(self) -> None:
        self.virtual.working -= 1


@pytest.fixture(autouse=True)
def threads_stop_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    submit = ThreadPoolExecutor.submit

    def noticed(pool: ThreadPoolExecutor, *args: Any, **kwargs: Any) -> "ThreadFuture[Any]":
        future = submit(pool, *args, **kwargs)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return future
        if isinstance(loop, VirtualLoop):
            loop.work_begins(future)
        return future

    monkeypatch.setattr(ThreadPoolExecutor, "submit", noticed)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every coroutine test of this folder in virtual time."""
    return {"virtual": VirtualLoop}


@pytest.fixture
def clock() -> Callable[[], float]:
    """Return the virtual time; to be called in a coroutine test."""
    return lambda: asyncio.get_running_loop().time()
