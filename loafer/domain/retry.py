"""When a kept message comes back, and how long to wait before trying anything again."""

from typing import Literal

from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.exceptions import IgnoreMessage

RetryDelay = float | Literal["exponential"] | None
"""Seconds until a kept message comes back; `exponential`: by its attempts; None: when its visibility runs out."""

FIRST_RETRY = 1.0
LONGEST_RETRY = 15 * 60.0
"""Bounds of the exponential retry delay, in seconds."""


def backoff(attempt: int, *, first: float, longest: float, jitter: float) -> float:
    """Return seconds to wait before attempt `attempt` + 1: doubling from `first`, never above `longest`, full jitter.

    `attempt` counts from 1; `jitter` is a random number from 0 to 1.
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    exponent = min(attempt - 1, 60)
    return min(longest, first * float(2**exponent)) * jitter


def retry_delay(policy: RetryDelay, error: BaseException | None, attempts: int, jitter: float) -> float | None:
    """Return after how many seconds a kept message is wanted back; None: nothing is asked of the source.

    What the handler says with `IgnoreMessage(delay=…)` goes before the policy.
    """
    asked = error.delay if isinstance(error, IgnoreMessage) else None
    if asked is not None:
        return min(max(0.0, asked), LONGEST_VISIBILITY)
    if policy == "exponential":
        return backoff(attempts, first=FIRST_RETRY, longest=LONGEST_RETRY, jitter=jitter)
    return policy
