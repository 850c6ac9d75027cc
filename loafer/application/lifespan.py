"""An application's lifespan: entered before the first message, left after the last handler, each within a bound."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs

from loafer.exceptions import LifespanError

logger = logging.getLogger(__name__)

Lifespan = Callable[[], AbstractAsyncContextManager[Any]]
"""What gives the state that handlers share; entered before the first message, left after the last handler."""

LONGEST_STOP, SHORTEST_END = 6.0, 0.5
"""Seconds beyond the grace period in which a lifespan ends, and seconds that it gets for that at least."""

HURRIED = 1.0
"""Seconds that it gets at most in a stop at once."""

CANCELLED = "code in this process, such as a handler, cancelled the lifespan while the worker ran"

CANCELLING = 0.4
"""Seconds that a lifespan gets to end once it is cancelled."""


@attrs.define(eq=False)
class Living:
    """Runs a lifespan in one task from its start to its end, for what it opens may belong to its task.

    Attributes:
        lifespan: Makes what is entered.
        unexpected: Told where it ends though nobody has asked it to.
        left: Whether it had to be left behind: it does not end, though it was cancelled.
        error: What it raised; None so far.

    """

    lifespan: Lifespan
    unexpected: Callable[[LifespanError], object]
    left: bool = attrs.field(default=False, init=False)
    error: BaseException | None = attrs.field(default=None, init=False)
    _unexpected: LifespanError | None = attrs.field(default=None, init=False)
    _over: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _started: "asyncio.Future[Any]" = attrs.field(init=False)
    _task: "asyncio.Task[None]" = attrs.field(init=False)

    @property
    def was_cancelled(self) -> bool:
        """Whether it ended because its task was cancelled."""
        return isinstance(self.error, asyncio.CancelledError)

    async def start(self, seconds: float, stopping: asyncio.Event) -> Any:
        """Return the state, within so many seconds; None if a stop was asked for before.

        Raises:
            LifespanError: it failed, or took longer.

        """
        loop = asyncio.get_running_loop()
        self._started = loop.create_future()
        self._task = loop.create_task(self._live())
        self._task.add_done_callback(self._ended)
        if await _first({self._started, self._task}, seconds, stopping):
            if self._started.done():
                return self._started.result()
            raise self._failed("at its start")
        if not stopping.is_set():
            await self._cancel()
            text = f"the lifespan did not start within {seconds:g} s (LOAFER_START_TIMEOUT)"
            raise LifespanError(text) from self.error
        return None

    async def end(self, seconds: float, hurried: asyncio.Event) -> None:
        """Leave it, within so many seconds, and one where there is haste.

        Raises:
            LifespanError: it failed, or took longer: then it is cancelled; or it had ended before.

        """
        self._over.set()
        if self._unexpected is not None:
            raise self._unexpected
        if not self._started.done():
            self._task.cancel()  # a stop came before the start
            await asyncio.wait({self._task}, timeout=seconds)
            return
        ended = await _first({self._task}, seconds, hurried)
        if not ended and hurried.is_set():
            ended = await _first({self._task}, min(seconds, HURRIED))
        if not ended:
            await self._cancel()
            raise LifespanError("the lifespan did not end in time, and was cancelled") from self.error
        if self.error is not None:
            raise self._failed("at its end")

    async def _live(self) -> None:
        try:
            async with self.lifespan() as state:
                self._started.set_result(state)
                await self._over.wait()
        except BaseException as error:  # noqa: BLE001 - whatever a user's code raises is told by whoever waits
            self.error = error

    def _ended(self, _: "asyncio.Task[None]") -> None:
        """Tell whoever wants to know where it is left too soon, as by a task of its own that fails."""
        if not self._started.done() or self._over.is_set():
            return
        if self.error is None:
            text = "the lifespan ended while the worker ran: it is to last until its handlers have ended"
            self._unexpected = LifespanError(text)
        elif self.was_cancelled:
            self._unexpected = LifespanError(CANCELLED)
        else:
            self._unexpected = self._failed("while the worker ran")
        self.unexpected(self._unexpected)

    async def _cancel(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task}, timeout=CANCELLING)
        self.left = not self._task.done()

    def _failed(self, when: str) -> LifespanError:
        error = self.error or asyncio.CancelledError()  # of its task, before that began
        named = error
        while isinstance(named, BaseExceptionGroup) and len(named.exceptions) == 1:  # which says less than what it has
            named = named.exceptions[0]
        said = ": ".join(filter(None, (type(named).__name__, str(named))))
        told = LifespanError(f"the lifespan failed {when}: {said}")
        told.__cause__ = error
        return told


async def _first(waited: "Iterable[asyncio.Future[Any]]", seconds: float, unless: asyncio.Event | None = None) -> bool:
    """Wait until one of these ends, for so many seconds at most, and until `unless` is set; tell whether one did."""
    ends, giving_up = set(waited), []
    if unless is not None:
        giving_up.append(asyncio.ensure_future(unless.wait()))
    try:
        done, _ = await asyncio.wait({*ends, *giving_up}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in giving_up:
            each.cancel()
    return bool(done & ends)
