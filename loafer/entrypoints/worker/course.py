"""A worker's course: publishers open, the lifespan starts, the dispatcher runs, the lifespan ends, publishers close."""

import asyncio
import logging
from typing import Any

import attrs

from loafer.application.connections import Connections
from loafer.application.dispatcher import Dispatcher
from loafer.application.lifespan import LONGEST_STOP, SHORTEST_END, Lifespan, Living
from loafer.application.shutdown import CLOSING, within
from loafer.exceptions import LifespanError

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Course:
    """Runs a dispatcher within a lifespan, if there is one; can run once.

    Attributes:
        dispatcher: What runs.
        lifespan: Gives the state of all contexts; None: it is None.
        start_timeout: Seconds in which the lifespan has to start.
        connections: What the application's publishers send over; open before the lifespan starts, and until it ended.

    """

    dispatcher: Dispatcher
    lifespan: Lifespan | None = None
    start_timeout: float = 60.0
    connections: Connections = attrs.field(factory=Connections)
    _living: Living | None = attrs.field(default=None, init=False)

    @property
    def left(self) -> bool:
        """Whether something was left behind that may never end: a handler, or the lifespan."""
        return self.dispatcher.abandoned > 0 or (self._living is not None and self._living.left)

    @property
    def lifespan_was_cancelled(self) -> bool:
        """Whether the lifespan ended because its task was cancelled."""
        return self._living is not None and self._living.was_cancelled

    async def run(self) -> None:
        """Run until the dispatcher is asked to stop.

        Raises:
            PublisherError: a publisher could not be opened; nothing else was begun.
            LifespanError: the lifespan failed, or took too long.
            BaseException: what ended the dispatcher; it goes before what the lifespan raises.

        """
        self.connections.tell(self.dispatcher.observers)
        try:
            if await self.connections.open(self.dispatcher.stop_asked):
                await self._run()
        finally:
            if not await within(CLOSING, self._close()):
                logger.warning("the publishers could not be closed in time: they are left behind")

    async def _close(self) -> None:
        try:
            await self.connections.close()
        except Exception:  # a publisher that breaks its contract
            logger.exception("a publisher could not be closed")

    async def _run(self) -> None:
        if self.lifespan is None:
            await self.dispatcher.run()
        else:
            self._living = Living(self.lifespan, self.dispatcher.fail)
            await self._run_within(self._living)

    async def _run_within(self, living: Living) -> None:
        dispatcher = self.dispatcher
        state = await living.start(self.start_timeout, dispatcher.stop_asked)
        error: BaseException | None = None
        if not dispatcher.stop_asked.is_set():
            give_state(dispatcher, state)
            try:
                await dispatcher.run()
            except BaseException as raised:  # noqa: BLE001 - the lifespan ends before it is raised
                error = raised
        try:
            await living.end(_time_left(dispatcher), dispatcher.haste)
        except LifespanError as failed:
            if error is None:
                raise
            both = self.lifespan_was_cancelled and isinstance(error, asyncio.CancelledError)  # with all other tasks
            if failed is not error and not both:  # or else it is what ended the dispatcher
                logger.error("%s", failed, exc_info=failed.__cause__)  # noqa: TRY400 - the cause says something
        if error is not None:
            raise error


def give_state(dispatcher: Dispatcher, state: Any) -> None:
    """Let the contexts of all routes have a state."""
    for route in dispatcher.routes:
        for branch in route.branches:
            branch.around.state = state


def _time_left(dispatcher: Dispatcher) -> float:
    """Return the seconds that are left to a stop for the end of the lifespan."""
    now = dispatcher.clock()
    began = now if dispatcher.stopped_at is None else dispatcher.stopped_at
    return max(SHORTEST_END, began + dispatcher.options.grace_period + LONGEST_STOP - now)
