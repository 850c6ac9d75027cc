"""A test fails for a signal that it leaves with another action, and the next one has the old one again."""

import signal

import pytest
from own_signals import given_back


def test_a_signal_that_is_left_with_another_action_fails_its_test_alone() -> None:
    before = signal.getsignal(signal.SIGUSR2)
    with pytest.raises(AssertionError, match="left with another action: SIGUSR2"), given_back():
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGUSR2) == before
