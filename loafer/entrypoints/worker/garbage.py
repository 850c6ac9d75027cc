"""How often Python looks for cycles of garbage while a worker runs: large content is thousands of objects."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

USUAL = {700, 2000}
"""After how many new objects the versions of Python look, unless somebody says otherwise."""

SELDOM = 20_000
"""After how many a worker does; a list of a thousand records has a few thousand, and is gone with its message."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Have the garbage collector look seldom within the block, unless somebody has said how often it is to look."""
    first, *others = gc.get_threshold()
    if first in USUAL:
        gc.set_threshold(SELDOM, *others)
    try:
        yield
    finally:
        if first in USUAL and gc.get_threshold()[0] == SELDOM:
            gc.set_threshold(first, *others)
