"""Children that a handler forks: one that comes back out of its handler is no second worker, and ends there."""

import os
from contextlib import suppress
from typing import NoReturn

import attrs


@attrs.define(eq=False)
class Forks:
    """Which child of a child this process is.

    Attributes:
        depth: How many forks lie between this process and the first that loaded this module.

    """

    depth: int = 0

    def deeper(self) -> None:
        """Take note of a fork, in the child."""
        self.depth += 1


FORKS = Forks()
os.register_at_fork(after_in_child=FORKS.deeper)


def leave(error: BaseException | None) -> NoReturn:
    """End this process, which a handler forked, as the handler ended in it: what loafer has is its parent's.

    It shares the parent's connections and event loop: whatever it did with them would be the parent's harm.
    """
    if not isinstance(error, SystemExit):
        how = "returned from it" if error is None else f"left it by {type(error).__name__}"
        text = f"loafer: process {os.getpid()}, which a handler forked, {how} and is ended: end it by os._exit\n"
        with suppress(OSError):
            os.write(2, text.encode())
        os._exit(0 if error is None else 1)
    os._exit(error.code if isinstance(error.code, int) else int(error.code is not None))
