"""Every coroutine test of this folder runs in virtual time."""

from virtual_time import clock, pytest_asyncio_loop_factories, threads_stop_the_time

__all__ = ["clock", "pytest_asyncio_loop_factories", "threads_stop_the_time"]
