"""When a kept message comes back, and how long to wait before trying anything again."""

import math
from typing import Literal, TypeAlias

import attrs

from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.exceptions import ConfigurationError, IgnoreMessage, InvalidDelay

FIRST_RETRY = 1.0
LONGEST_RETRY = 15 * 60.0
"""Bounds of an exponential retry delay that names none, in seconds."""

RetryDelay: TypeAlias = float | Literal["exponential"] | None
"""How settings write a Retry: seconds until a kept message comes back; None: when its visibility runs out."""


def _is_delay(value: object) -> bool:
    if value is None:
        return True
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= LONGEST_VISIBILITY


@attrs.frozen(kw_only=True)
class Retry:
    """When a kept message comes back, and after how many attempts it is given up.

    With nothing set it comes back when its visibility runs out. ConfigurationError: it cannot be; one sentence.

    Attributes:
        delay: Seconds until it comes back, 0 to 43200.
        first: Seconds after the first attempt at most; this bound doubles with each attempt, and the delay is a random
            part of it.
        longest: Seconds that they do not exceed.
        dead_letter_after: Attempts after which it is moved to the queue's dead-letter queue; None: as the queue says.

    """

    delay: float | None = None
    first: float | None = None
    longest: float | None = None
    dead_letter_after: int | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what would only be found out while messages are handled."""
        for name in ("delay", "first", "longest"):
            if not _is_delay(value := getattr(self, name)):
                raise ConfigurationError(f"Retry({name}={value!r}) cannot be; give 0 to {LONGEST_VISIBILITY} seconds")
        attempts = self.dead_letter_after
        if attempts is not None and not (type(attempts) is int and attempts >= 1):
            raise ConfigurationError(f"Retry(dead_letter_after={attempts!r}) cannot be; give 1 attempt or more")
        if self.delay is not None and self._bounds is not None:
            raise ConfigurationError("Retry: delay= and first= or longest= exclude one another; give the one you mean")
        if self._bounds is not None and self._bounds[0] > self._bounds[1]:
            first, longest = self._bounds
            raise ConfigurationError(f"Retry: the first delay, {first:g} s, is above the longest, {longest:g} s")

    def after(self, attempts: int, jitter: float) -> float | None:
        """Return seconds until a message comes back after so many attempts (from 1); None: nothing is asked for.

        `jitter` is a random number from 0 to 1.
        """
        if self._bounds is None:
            return self.delay
        first, longest = self._bounds
        return backoff(attempts, first=first, longest=longest, jitter=jitter)

    def over(self, default: "Retry") -> "Retry":
        """Return this, where one half that it leaves unsaid, delays or attempts, is as the default says.

        A Retry that says nothing at all leaves nothing to it.
        """
        if self.delay is None and self._bounds is None and self.dead_letter_after is not None:
            return attrs.evolve(default, dead_letter_after=self.dead_letter_after)
        if self.dead_letter_after is None and self != NOTHING:
            return attrs.evolve(self, dead_letter_after=default.dead_letter_after)
        return self

    def gives_up_after(self, attempts: int) -> bool:
        """Tell whether a message that was kept after so many attempts goes to the dead-letter queue."""
        return self.dead_letter_after is not None and attempts >= self.dead_letter_after

    @property
    def _bounds(self) -> tuple[float, float] | None:
        first, longest = self.first, self.longest
        if first is None and longest is None:
            return None
        if first is None:
            first = FIRST_RETRY if longest is None else min(FIRST_RETRY, longest)
        return first, max(LONGEST_RETRY, first) if longest is None else longest


NOTHING = Retry()
EXPONENTIAL = Retry(first=FIRST_RETRY, longest=LONGEST_RETRY)


def retry_of(given: "RetryDelay | Retry") -> Retry:
    """Return the Retry that settings write as seconds, as `exponential`, or not at all; a Retry as it is.

    Raises:
        ConfigurationError: it cannot be.

    """
    if isinstance(given, Retry):
        return given
    return EXPONENTIAL if given == "exponential" else Retry(delay=given)


def backoff(attempt: int, *, first: float, longest: float, jitter: float) -> float:
    """Return seconds to wait before attempt `attempt` + 1: doubling from `first`, never above `longest`, full jitter.

    `attempt` counts from 1; `jitter` is a random number from 0 to 1.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    exponent = min(attempt - 1, 60)
    return min(longest, first * float(2**exponent)) * jitter


def retry_delay(retry: Retry, error: BaseException | None, attempts: int, jitter: float) -> float | None:
    """Return after how many seconds a kept message is wanted back; None: nothing is asked of the source.

    What the handler says with `IgnoreMessage(delay=…)` goes first.
    """
    asked = asked_delay(error)
    return retry.after(attempts, jitter) if asked is None else asked


def asked_delay(error: BaseException | None) -> float | None:
    """Return after how many seconds, as far as SQS can wait, a handler wants its message back; None: it is silent.

    Raises:
        InvalidDelay: a subclass of IgnoreMessage says NaN; TypeError: it says something else that is no number.

    """
    asked = error.delay if isinstance(error, IgnoreMessage) else None
    if asked is None:
        return None
    if asked != asked:  # noqa: PLR0124 - as NaN is
        raise InvalidDelay(f"delay={asked!r} is no number of seconds")
    return float(min(max(0, asked), LONGEST_VISIBILITY))
