"""How much of the log waits to be written, and what is dropped when it is too much; knows no clock and no thread."""

import attrs


@attrs.define(eq=False)
class Backlog:
    """Counts what waits, and drops what comes from when it is full until half of it is written.

    Attributes:
        limit: The most that may wait. What is larger by itself is taken while nothing else waits.
        size: What waits now.
        dropping: Whether what comes is dropped.
        dropped: How many were dropped since `take_out` last said so.

    """

    limit: int
    size: int = 0
    dropping: bool = False
    dropped: int = 0

    def fits(self, size: int) -> bool:
        """Tell whether there is room for something of this size."""
        return not self.size or self.size + size <= self.limit

    def take_in(self, size: int) -> bool:
        """Take something of this size, or drop it, count that, and return False."""
        if self.dropping or not self.fits(size):
            self.dropping = True
            self.dropped += 1
            return False
        self.size += size
        return True

    def take_out(self, size: int) -> int:
        """Count out what was taken in; return how many were dropped once there is room again, and forget them."""
        self.size -= size
        if not self.dropping or self.size > self.limit // 2:
            return 0
        dropped, self.dropped, self.dropping = self.dropped, 0, False
        return dropped
