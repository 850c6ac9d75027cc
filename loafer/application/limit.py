"""How long a handler may take: functions in threads are waited for, all else is cut short, and nothing begins later.

An event loop that something else blocks is nobody's own time: it could have gone on, and would be cut short unrun.
"""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

import attrs

from loafer.application.ticket import TICKET, Ticket
from loafer.exceptions import HandlerTimeout

TURNS = 8
"""Turns of the event loop until whoever waits for a function has heard of its end: middleware may wait for a task that
waits for it, or for one that waits for that."""


LATE = 0.1
"""Seconds by which the event loop comes late to the end of a limit where it stood still."""


@attrs.define(eq=False)
class TimeLimit:
    """Cancels what is awaited in its block when its time is over.

    If the event loop stands still when it is, it has as much time again as the loop came late, once.

    Attributes:
        seconds: Its time.

    """

    seconds: float
    _scope: asyncio.Timeout = attrs.field(factory=lambda: asyncio.timeout(None), init=False)
    _timer: asyncio.TimerHandle = attrs.field(init=False)
    _due: float = attrs.field(init=False)
    """When it is to be over, by the event loop."""
    _given: bool = attrs.field(default=False, init=False)
    """Whether it has had time again."""

    async def __aenter__(self) -> Self:
        """Begin to count."""
        await self._scope.__aenter__()
        self._wait(self.seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel nothing any more; TimeoutError where it has."""
        self._timer.cancel()
        await self._scope.__aexit__(kind, error, trace)

    def expired(self) -> bool:
        """Tell whether anything was cancelled."""
        return self._scope.expired()

    def _wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + seconds
        self._timer = loop.call_later(seconds, self._look)

    def _look(self) -> None:
        if (left := self._stood_still()) > 0:
            self._wait(left)
        else:
            self._scope.reschedule(asyncio.get_running_loop().time())

    def _stood_still(self) -> float:
        """Return by how many seconds the event loop comes late, if that is to be given; 0: it is not."""
        late = asyncio.get_running_loop().time() - self._due
        if self._given or late < LATE:
            return 0.0
        self._given = True
        return late


@attrs.define(eq=False)
class Limit(TimeLimit):
    """Cancels what is awaited in its block when its time is over, but for functions in threads, which it tells of.

    Once they have ended, what is still awaited is cancelled; what needs not to wait for anything counts. While its
    message stands in the line before the threads, no time passes.

    Attributes:
        seconds: Its time.
        tell: Called once if a function runs in its thread then.

    """

    tell: Callable[[], object]
    _ticket: Ticket | None = attrs.field(factory=TICKET.get, init=False)
    _token: "Token[Limit | None]" = attrs.field(init=False)
    _threads: int = attrs.field(default=0, init=False)
    """How many functions run in threads, or wait for one."""
    _over: bool = attrs.field(default=False, init=False)
    _left: bool = attrs.field(default=False, init=False)
    _refused: bool = attrs.field(default=False, init=False)

    async def __aenter__(self) -> Self:
        """Begin to count."""
        await TimeLimit.__aenter__(self)
        self._token = LIMIT.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cancel nothing any more; TimeoutError where it has."""
        self._left = True
        LIMIT.reset(self._token)
        await TimeLimit.__aexit__(self, kind, error, trace)

    def expired(self) -> bool:
        """Tell whether anything was cancelled or refused."""
        return self._refused or self._scope.expired()

    def enter(self) -> None:
        """Let a function have a thread; HandlerTimeout once the time is over."""
        self.go_on()
        self._threads += 1

    def leave(self) -> None:
        """Note that a function has ended."""
        self._threads -= 1
        if self._over and not self._threads:
            self._cut(TURNS)

    def go_on(self) -> None:
        """Do nothing, or raise HandlerTimeout once the time is over: nothing begins any more."""
        if self._over:
            self._refused = True
            raise HandlerTimeout(took_longer(self.seconds))

    def _look(self) -> None:
        left = 0.0 if self._ticket is None else self._ticket.left(self.seconds)
        if (left := left or self._stood_still()) > 0:
            self._wait(left)
            return
        self._over = True
        if self._threads:
            self.tell()
        else:
            self._cut()

    def _cut(self, turns: int = 0) -> None:
        """Cancel what is awaited, if that does not end in this turn of the event loop, or in so many more."""
        loop = asyncio.get_running_loop()
        if turns:
            loop.call_soon(self._cut, turns - 1)
        elif not self._left and not self._scope.expired():
            self._scope.reschedule(loop.time())


LIMIT: "ContextVar[Limit | None]" = ContextVar("loafer_limit", default=None)
"""That of the handler which runs in this context; None: it has none, or is a coroutine without middleware."""


def took_longer(seconds: float) -> str:
    """Return why a handler was cut short."""
    return f"it took longer than {seconds:g} s"
