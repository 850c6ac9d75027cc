"""A worker in an event loop that is someone else's: it hears no signals, changes no log, and ends within its bound."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import attrs

from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.dispatcher import Dispatcher
from loafer.entrypoints.settings.here import settings_here
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.applications import Application, name_of, settings_beside
from loafer.entrypoints.worker.course import Course
from loafer.entrypoints.worker.handle import Worker
from loafer.entrypoints.worker.log_queue import by_the_heartbeat, queued_logs
from loafer.entrypoints.worker.loops import CANCELLED
from loafer.entrypoints.worker.manager import Manager
from loafer.exceptions import LifespanError, LoaferError

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Hosted:
    """Runs a worker's course in a task, and keeps what ended it as a value: raised there, it could end the host's loop.

    Attributes:
        course: What runs.

    """

    course: Course
    _error: BaseException | None = attrs.field(default=None, init=False)
    _told: bool = attrs.field(default=False, init=False)
    _task: "asyncio.Task[None]" = attrs.field(init=False)

    def start(self) -> None:
        """Begin; once."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def dispatcher(self) -> Dispatcher:
        """What runs the routes."""
        return self.course.dispatcher

    @property
    def error(self) -> BaseException | None:
        """What failed for good; None so far."""
        return self._error or self.dispatcher.cause

    @property
    def alive(self) -> bool:
        """Whether it has neither failed nor ended."""
        return self.error is None and not self._task.done()

    async def ready(self) -> None:
        """Return once the lifespan has started and every source has answered.

        Raises:
            RuntimeError: it was stopped before.
            BaseException: what ended it before.

        """
        opened = await _first(self.dispatcher.opened(), self.dispatcher.stop_asked.wait(), self._task)
        if self.error is not None:
            raise self.error
        if not opened:
            raise RuntimeError("the worker was stopped before it was ready")

    async def ended(self) -> None:
        """Return when it has ended, however it did."""
        await asyncio.wait({self._task})

    async def end(self, asked: tuple[object, ...] = ()) -> None:
        """Ask it to stop and wait until it has; cancelled meanwhile it hurries, and is cancelled in the end.

        `asked` is what the cancellation says that has led here, if one has. A scope of anyio's cancels again in each
        turn of the event loop and says the same: it asks once.
        """
        if not self.dispatcher.stop_wanted:
            self.dispatcher.stop()
        cancelled: asyncio.CancelledError | None = None
        while not self._task.done():
            try:
                await asyncio.wait({self._task})
            except asyncio.CancelledError as error:
                if not error.args or error.args != asked:
                    self.dispatcher.haste.set()
                cancelled, asked = error, error.args
        if cancelled is not None:
            raise cancelled

    async def _run(self) -> None:
        telling = asyncio.get_running_loop().create_task(self._tell_when_it_fails())
        try:
            await self.course.run()
        except asyncio.CancelledError:  # whoever ends the host's loop cancels its block too, and that asks for a stop
            if not self.dispatcher.stop_wanted and self._only_cancelled():
                self._error = LoaferError(CANCELLED)
        except BaseException as error:  # noqa: BLE001 - it is raised where the host's block ends
            self._error = error
        finally:
            telling.cancel()
        self._tell()

    def _only_cancelled(self) -> bool:
        """Tell whether it has not failed, or its lifespan alone, by the same cancellation."""
        cause = self.dispatcher.cause
        return cause is None or (isinstance(cause, LifespanError) and self.course.lifespan_was_cancelled)

    async def _tell_when_it_fails(self) -> None:
        await self.dispatcher.stop_asked.wait()
        self._tell()

    def _tell(self) -> None:
        """Log what failed, once."""
        error = self.error
        if error is None or self._told:
            return
        self._told = True
        shown = error.__cause__ if isinstance(error, LifespanError) else None
        text = str(error) if isinstance(error, LoaferError) else f"{type(error).__name__}: {error}"
        logger.error("the worker stops: %s", text, exc_info=shown)


async def _first(wanted: Awaitable[object], *others: Awaitable[Any]) -> bool:
    """Wait until one of these ends, and tell whether it is the first."""
    waited = [asyncio.ensure_future(each) for each in (wanted, *others)]
    try:
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        return waited[0].done()
    finally:
        for each, given in zip(waited, (wanted, *others), strict=True):
            if each is not given:  # a task that is somebody else's goes on
                each.cancel()


@asynccontextmanager
async def inside(course: Course) -> AsyncIterator[Worker]:
    """Run a course in this event loop while the block runs; raises what failed, unless the block raises something."""
    worker = Hosted(course)
    worker.start()
    asked: tuple[object, ...] = ()
    try:
        yield Worker(worker)
    except asyncio.CancelledError as error:
        asked = error.args
        raise
    finally:
        await worker.end(asked)
    if worker.error is not None:
        raise worker.error


@asynccontextmanager
async def hosted(application: Application, broker: MemoryBroker | None = None) -> AsyncIterator[Worker]:
    """Run an application in this event loop while the block runs, with the settings of this process.

    Raises:
        ConfigurationError: something is wrong with the settings or the application; all of it is said.
        BaseException: what ended the worker, when the block ends, unless that raises something itself.

    """
    mistakes = Mistakes()
    here = settings_here({}, mistakes)
    here.tell()
    settings = _of_one_process(settings_beside(here.settings, name_of(application)))
    manager = Manager(settings, mistakes, application=application, new_loop=asyncio.new_event_loop)
    manager.broker = broker or manager.broker
    with queued_logs(by_the_heartbeat), manager.prepared() as dispatcher:
        async with inside(manager.course(dispatcher)) as worker:
            yield worker


def _of_one_process(settings: Settings) -> Settings:
    """Return the settings of a worker that has no others beside it, whoever asks for them."""
    if settings.processes > 1:
        text = "processes=%d (%s) is not for a worker inside another program: it runs alone"
        logger.warning(text, settings.processes, settings.origins["processes"])
    return attrs.evolve(settings, processes=1, origins={**settings.origins, "processes": "the host"})
