"""So many at once, and no more: who comes later waits for a place, and gets one in its turn."""

import asyncio
from collections import deque

import attrs


@attrs.define(eq=False)
class Places:
    """Places that are taken and left again; belongs to one event loop.

    A semaphore of asyncio's costs each call a coroutine, though there is nearly always a place.

    Attributes:
        free: How many there are; none while somebody waits, for who leaves one hands it over.

    """

    free: int
    _waiting: "deque[asyncio.Future[None]]" = attrs.field(factory=deque, init=False)

    def take(self) -> bool:
        """Take a place; False: there is none, and `turn` is to be awaited."""
        if not self.free:
            return False
        self.free -= 1
        return True

    async def turn(self) -> None:
        """Wait for a place that somebody leaves, and take it."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # it was handed over to somebody who waits no longer
                self.leave()
            raise

    def leave(self) -> None:
        """Leave a place to whoever has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free += 1
