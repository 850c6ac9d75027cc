"""A pool with one thread, and a function that blocks it for as long as a test wishes."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool


class Gate:
    """A function that says when it has begun, and ends when it may."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, content: object) -> object:
        self.begun.set()
        assert self.go_on.wait(60)
        return content

    async def runs(self, pool: ThreadPool) -> "asyncio.Task[object]":
        """Return a task in which the function runs."""
        task = asyncio.ensure_future(ThreadHandler(self, pool)("gate"))
        await asyncio.sleep(0)
        assert self.begun.wait(60)
        return task


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.go_on.set()


@pytest.fixture
def pool(gate: Gate) -> Iterator[ThreadPool]:
    made = ThreadPool(1)
    yield made
    made.close()
    gate.go_on.set()
    made.wait()


async def begun(pool: ThreadPool, function: Callable[..., object], *given: object) -> "asyncio.Task[object]":
    """Return a task whose function is in the pool."""
    task = asyncio.ensure_future(ThreadHandler(function, pool)(*given))
    await asyncio.sleep(0)
    return task
