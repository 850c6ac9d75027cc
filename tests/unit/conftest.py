"""Every coroutine test of this folder runs in virtual time, and fails for what an event loop complains of.

Every test leaves signals as they were. No property fails for a machine that has other work.
"""

from complaints import complaints, pytest_runtest_call, pytest_runtest_teardown
from hypothesis import HealthCheck, settings
from own_signals import own_signals, signals_are_given_back
from virtual_time import clock, pytest_asyncio_loop_factories, threads_stop_the_time

__all__ = [
    "clock",
    "complaints",
    "own_signals",
    "pytest_asyncio_loop_factories",
    "pytest_runtest_call",
    "pytest_runtest_teardown",
    "signals_are_given_back",
    "threads_stop_the_time",
]

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
