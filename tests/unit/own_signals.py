"""What signals do belongs to the whole process: a test that left it changed would fail another one, in some orders."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["own_signals", "signals_are_given_back"]

CHANGED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@contextmanager
def given_back() -> Iterator[None]:
    """Fail for a signal that has another action in the end than it had, and give it that one again."""
    before = {number: signal.getsignal(number) for number in CHANGED}
    yield
    left = {number: action for number, action in before.items() if signal.getsignal(number) != action}
    for number, action in left.items():
        signal.signal(number, action)
    assert not left, f"left with another action: {', '.join(number.name for number in left)}"


@pytest.fixture(autouse=True)
def signals_are_given_back() -> Iterator[None]:
    """Let a test fail that leaves a signal with another action."""
    with given_back():
        yield


@pytest.fixture
def own_signals(signals_are_given_back: None) -> Iterator[None]:
    """Give back the signals of the process after a test that has them for itself."""
    before = {number: signal.getsignal(number) for number in CHANGED}
    yield
    for number, action in before.items():
        signal.signal(number, action)
