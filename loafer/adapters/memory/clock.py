"""The time of queues in memory, where nobody gives them another."""

import time

_AHEAD = time.time() - time.monotonic()


def steady_time() -> float:
    """Return seconds since the epoch, as SQS tells when a message was sent, that never go back."""
    return _AHEAD + time.monotonic()
