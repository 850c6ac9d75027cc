"""When a message was received at the earliest: its answer may lie unread while the loop or the process stands still."""

from collections.abc import Callable

import attrs


@attrs.define(eq=False)
class Lookout:
    """Knows when the event loop last looked for answers; everything here happens on that loop.

    What is read in one turn of the loop may be handled a few turns later, and a look that happens between the two
    proves nothing about it. So what counts is the look before the last one.
    """

    clock: Callable[[], float]
    _last: float = attrs.field(init=False)
    _before: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Count from now on."""
        self._last = self._before = self.clock()

    def looked(self, at: float | None = None) -> None:
        """Note that the loop runs, and so has just looked, or has at the time `at`."""
        self._before, self._last = self._last, self.clock() if at is None else at

    def earliest(self, asked: float) -> float:
        """Return when what is handled now was received at the earliest; it was asked for at the time `asked`."""
        return max(asked, self._before)

    def look(self) -> float:
        """Look from the loop itself, and return for how many seconds it has been blocked: it runs, so for none."""
        self.looked()
        return 0.0
