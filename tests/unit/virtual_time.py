"""Virtual time for the coroutine tests of this folder: nothing ever sleeps."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from loafer.testing import clock as testing_clock
from loafer.testing.clock import VirtualLoop

__all__ = ["VirtualLoop", "block", "clock", "pytest_asyncio_loop_factories", "threads_stop_the_time"]


@pytest.fixture(autouse=True)
def threads_stop_the_time() -> Iterator[None]:
    with testing_clock.threads_stop_the_time():
        yield


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every coroutine test of this folder in virtual time."""
    return {"virtual": VirtualLoop}


@pytest.fixture
def clock() -> Callable[[], float]:
    """Return the virtual time; to be called in a coroutine test."""
    return lambda: asyncio.get_running_loop().time()


def block(seconds: float) -> None:
    """Stand still for so many seconds, as a blocked loop or a stopped process does: no timer runs meanwhile."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.virtual.now += seconds
