"""Where a world's seed comes from, and which was used last; the plugin asks, so nothing here may be slow to import."""

import os
import random
from typing import Any

SEED = "LOAFER_TEST_SEED"
"""The environment variable that gives a seed again."""

_drawn = random.SystemRandom().randrange(2**32)
_used: list[int] = []


def seed_given() -> int:
    """Return the seed that the environment gives, or that of this process: for all its worlds the same.

    A world that is made anew for each example of a test has the same seed each time, so that an example that failed
    fails again.

    Raises:
        ValueError: what the environment gives is no whole number.

    """
    given = os.environ.get(SEED)
    if not given:
        return _drawn
    try:
        return int(given)
    except ValueError as error:
        raise ValueError(f"{SEED}={given!r} is no seed; give a whole number") from error


def check_seed(_: object, __: object, seed: Any) -> None:
    """Raise ValueError for a seed that the environment could not give again."""
    if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool)):
        raise ValueError(f"seed={seed!r} is no seed; give a whole number")


def use(seed: int) -> None:
    """Note that a world uses a seed."""
    _used[:] = [seed]


def used() -> int | None:
    """Return the seed that was used last since `forget`; None: no world was."""
    return _used[0] if _used else None


def forget() -> None:
    """Begin anew: a test begins."""
    _used.clear()
