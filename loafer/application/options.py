"""How a dispatcher behaves; each option is documented as a setting of the same name."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import attrs

from loafer.application.route import Route
from loafer.domain.demand import Bounds
from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.domain.retry import Retry, RetryDelay, retry_of
from loafer.exceptions import ConfigurationError

Tracebacks = Literal["full", "frames", "off"]
"""What the log shows of an error: the error itself; where it was raised, without its text, which may quote a body; one
line."""

_RIGHT = f"0 to {LONGEST_VISIBILITY} seconds, 'exponential', a Retry, or None"


def _retry(given: RetryDelay | Retry) -> Retry:
    try:
        return retry_of(given)
    except ConfigurationError as error:
        raise ValueError(f"retry_delay={given!r} cannot be; give {_RIGHT}") from error


@attrs.frozen
class Options:
    """The limits and delays of a dispatcher, over all its routes; ValueError: no dispatcher could work with them.

    Attributes:
        max_jobs: Handlers that run at once.
        prefetch: Messages that wait for a handler, per route; None: as many as keep it busy, 500 at most.
        held_bytes: Bytes of messages, their bodies and attributes, that are held at once.
        fifo_followers: Messages that wait behind others of their FIFO groups, per route.
        grace_period: Seconds that running handlers get once loafer is asked to stop.
        retry_delay: When a kept message comes back: a Retry, or what settings write for one.
        handler_timeout: Seconds after which a coroutine is cancelled; None: never.
        stall_limit: Seconds of a blocked event loop after which its leases are let go.
        poll_grace: Seconds that an outstanding poll is waited for once loafer is asked to stop; then it is aborted.
        tracebacks: What the log shows of a handler's error.
        explain_dead_letters: Messages of standard queues are moved to their dead-letter queue at their last attempt, by
            us, so that the copy says why.

    """

    max_jobs: int = 10
    prefetch: int | None = None
    grace_period: float = 20.0
    retry_delay: Retry = attrs.field(default=None, converter=_retry)
    handler_timeout: float | None = None
    stall_limit: float = 15 * 60.0
    held_bytes: int = 64 * 1024 * 1024
    fifo_followers: int = 1000
    poll_grace: float = 5.0
    tracebacks: Tracebacks = "full"
    depth: bool = False
    explain_dead_letters: bool = False

    def __attrs_post_init__(self) -> None:
        """Refuse what would only be found out while messages are handled."""
        for name in ("max_jobs", "prefetch", "held_bytes", "fifo_followers"):
            value = getattr(self, name)
            fits = isinstance(value, int) and value >= 1
            _check(self, name, fits or (name == "prefetch" and value is None), "1 or more")
        for name in ("grace_period", "poll_grace", "stall_limit"):
            _check(self, name, _is_time(getattr(self, name), math.inf), "0 or more seconds")
        timeout = self.handler_timeout
        _check(self, "handler_timeout", timeout is None or _is_time(timeout, math.inf), "0 or more seconds, or None")

    def bounds(self, routes: Sequence[Route]) -> Bounds:
        """Return what routes may hold together; a batch is one job, however many messages it has."""
        seats = self.max_jobs
        for route in routes:
            seats += route.seats(self.prefetch)
            seats += (route.batch - 1) * min(self.max_jobs, route.share.max_jobs or self.max_jobs)
        return Bounds(seats, self.held_bytes, self.fifo_followers, max(1, len(routes)))

    def limit_of(self, route: Route) -> float | None:
        """Return after how many seconds a handler of a route is cancelled; None: never."""
        return self.handler_timeout if route.timeout is None else route.timeout


def _check(options: Options, name: str, fits: bool, right: str) -> None:
    if not fits:
        raise ValueError(f"{name}={getattr(options, name)!r} cannot be; give {right}")


def _is_time(value: Any, longest: float) -> bool:
    """Tell whether a value is a number of seconds: of a NaN neither is true."""
    return isinstance(value, int | float) and 0 <= value <= longest
