"""The wish to stop: whether, how urgently, and why."""

import asyncio
from collections.abc import Callable

import attrs


def nothing() -> None:
    """Tell nobody."""


@attrs.define(eq=False)
class Stop:
    """Whether to stop, how urgently, and why; belongs to the event loop it was created in.

    Attributes:
        told: Called once, when a stop is first asked for.
        requested: Set once no new work is to begin.
        begun: Whether it is; for who asks for each message.
        hurried: Set once running work is not to be waited for either.
        cause: The error that ended everything; None after an ordinary request.
        asked: Whether somebody has asked for it; False where an error has begun it, or whoever cancelled the worker.

    """

    told: Callable[[], None] = nothing
    requested: asyncio.Event = attrs.field(factory=asyncio.Event)
    hurried: asyncio.Event = attrs.field(factory=asyncio.Event)
    cause: BaseException | None = None
    begun: bool = attrs.field(default=False, init=False)
    asked: bool = attrs.field(default=False, init=False)

    def request(self) -> None:
        """Ask to stop; who asks twice is in a hurry, but not who asks what has begun to stop by itself."""
        if self.asked:
            self.hurried.set()
        self.asked = True
        self.begin()

    def fail(self, cause: BaseException) -> None:
        """Stop because of an error; the first one is the one that is reported."""
        if self.cause is None:
            self.cause = cause
        self.begin()

    def begin(self) -> None:
        """Begin to stop; again is as if once."""
        if not self.requested.is_set():
            self.begun = True
            self.requested.set()
            self.told()
