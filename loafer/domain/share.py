"""What a route may have of what all routes share: slots, turns, and messages a second."""

import math

import attrs

from loafer.exceptions import ConfigurationError

JOBS = 10
"""Handlers at once that a route counts for, where it does not say how many."""

NEARLY = 1e-6
"""What a token may lack: who has waited for it must not find that its last part is a rounding error away."""

SOON = 1.0
"""Seconds ahead for which a route with a rate asks for messages."""


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


@attrs.frozen(kw_only=True)
class Share:
    """How much one route may have; ConfigurationError: it cannot be; one sentence.

    Attributes:
        max_jobs: Handlers of it that run at once; None: as many as of all routes together.
        weight: Of those that wait for a slot, how many it may start for each one of a route of weight 1.
        rate: Messages that it may start a second; None: any number.
        burst: Messages that it may start at once after a pause; None: those of a tenth of a second, 1 at least.
        prefetch: Messages that wait for a slot; None: as all routes.

    """

    max_jobs: int | None = None
    weight: float = 1
    rate: float | None = None
    burst: int | None = None
    prefetch: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what would only be found out while messages are handled."""
        for name in ("max_jobs", "burst", "prefetch"):
            value = getattr(self, name)
            if value is not None and not _is_whole(value):
                raise ConfigurationError(f"{name}={value!r} cannot be; give a whole number, 1 or more")
        for name, value in (("weight", self.weight), ("rate", self.rate)):
            if value is not None and not _is_positive(value):
                raise ConfigurationError(f"{name}={value!r} cannot be; give a number above 0")
        if self.burst is not None and self.rate is None:
            raise ConfigurationError(f"burst={self.burst} without rate; give the messages a second too")

    def bucket(self, now: float) -> "Bucket | None":
        """Return what keeps the rate from now on; None where there is none."""
        if self.rate is None:
            return None
        return Bucket(self.rate, self.burst or max(1, int(self.rate / 10)), now)


@attrs.define
class Bucket:
    """Tokens that come in at a rate, and of which a few can be saved; each start takes one.

    Attributes:
        rate: Tokens that come in a second.
        burst: Tokens that can be saved.
        at: When they were last counted.

    """

    rate: float
    burst: int
    at: float
    _tokens: float = attrs.field(default=attrs.Factory(lambda self: float(self.burst), takes_self=True), init=False)

    def take(self, now: float) -> bool:
        """Take a token, if there is one."""
        self._count(now)
        if self._tokens < 1 - NEARLY:
            return False
        self._tokens = max(0.0, self._tokens - 1)
        return True

    def owe(self, tokens: int) -> None:
        """Take tokens that may not be there yet: what started with the one that was taken needs one each."""
        self._tokens -= tokens

    def wait(self, now: float) -> float:
        """Return the seconds until there is a token."""
        self._count(now)
        return max(0.0, (1 - self._tokens) / self.rate)

    def soon(self, now: float) -> int:
        """Return how many messages may start within a second."""
        self._count(now)
        return int(self._tokens + self.rate * SOON)

    def at_once(self, batch: int, now: float) -> int:
        """Return how many messages may start now, in jobs of so many at most: one token lets a whole job start."""
        self._count(now)
        return math.ceil(int(self._tokens + NEARLY) / batch) * batch

    def _count(self, now: float) -> None:
        self._tokens = min(float(self.burst), self._tokens + (now - self.at) * self.rate)
        self.at = now
