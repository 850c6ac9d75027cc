"""How a dispatcher behaves; each option is documented as a setting of the same name."""

import math
from typing import Any

import attrs

from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.domain.retry import RetryDelay


@attrs.frozen
class Options:
    """The limits and delays of a dispatcher, over all its routes; ValueError: no dispatcher could work with them.

    Attributes:
        max_jobs: Handlers that run at once.
        prefetch: Messages that wait for a handler, per route.
        grace_period: Seconds that running handlers get once loafer is asked to stop.
        retry_delay: Seconds until a kept message comes back, or `exponential`; None: when its visibility runs out.
        handler_timeout: Seconds after which a coroutine is cancelled; None: never.
        stall_limit: Seconds of a blocked event loop after which its leases are let go.

    """

    max_jobs: int = 10
    prefetch: int = 10
    grace_period: float = 30.0
    retry_delay: RetryDelay = None
    handler_timeout: float | None = None
    stall_limit: float = 15 * 60.0

    def __attrs_post_init__(self) -> None:
        """Refuse what would only be found out while messages are handled."""
        for name in ("max_jobs", "prefetch"):
            _check(self, name, isinstance(getattr(self, name), int) and getattr(self, name) >= 1, "1 or more")
        for name in ("grace_period", "stall_limit"):
            _check(self, name, _is_time(getattr(self, name), math.inf), "0 or more seconds")
        timeout, delay = self.handler_timeout, self.retry_delay
        _check(self, "handler_timeout", timeout is None or _is_time(timeout, math.inf), "0 or more seconds, or None")
        fits = delay is None or delay == "exponential" or _is_time(delay, LONGEST_VISIBILITY)
        _check(self, "retry_delay", fits, f"0 to {LONGEST_VISIBILITY} seconds, 'exponential', or None")


def _check(options: Options, name: str, fits: bool, right: str) -> None:
    if not fits:
        raise ValueError(f"{name}={getattr(options, name)!r} cannot be; give {right}")


def _is_time(value: Any, longest: float) -> bool:
    """Tell whether a value is a number of seconds: of a NaN neither is true."""
    return isinstance(value, int | float) and 0 <= value <= longest
