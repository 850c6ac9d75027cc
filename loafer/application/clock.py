"""The clock by which leases are counted."""

import sys
import time
from collections.abc import Callable
from functools import partial

lease_clock: Callable[[], float] = time.monotonic
"""Returns seconds that never go back; on Linux they go on while the machine sleeps, as they do for SQS."""

if sys.platform == "linux":
    lease_clock = partial(time.clock_gettime, time.CLOCK_BOOTTIME)
