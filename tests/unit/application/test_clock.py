"""Which clock leases are counted by."""

import sys
import time

import pytest

from loafer.application.clock import lease_clock
from loafer.application.dispatcher import Dispatcher


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this clock")
def test_leases_are_counted_by_a_clock_that_goes_on_while_the_machine_sleeps() -> None:
    assert Dispatcher([]).clock is lease_clock
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert before <= lease_clock() <= time.clock_gettime(time.CLOCK_BOOTTIME)
