"""Every coroutine test of this folder runs in virtual time; no property fails for a machine that has other work."""

from hypothesis import HealthCheck, settings
from virtual_time import clock, pytest_asyncio_loop_factories, threads_stop_the_time

__all__ = ["clock", "pytest_asyncio_loop_factories", "threads_stop_the_time"]

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
