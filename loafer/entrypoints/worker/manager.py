"""Prepares everything needed to run, sets up the event loop and its signals, and starts the dispatcher."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.clock import lease_clock
from loafer.application.connections import Connections
from loafer.application.delivery import Delivery, ignore
from loafer.application.dispatcher import Dispatcher
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.apart import routes_apart
from loafer.entrypoints.wiring.applications import (
    Application,
    check_only,
    chosen_settings,
    load_application,
    settings_with,
)
from loafer.entrypoints.wiring.container import Container
from loafer.entrypoints.wiring.observing import observing
from loafer.entrypoints.worker.course import Course
from loafer.entrypoints.worker.deadline import WORKER, Deadline, still_running
from loafer.entrypoints.worker.ending import Ending, ending_of
from loafer.entrypoints.worker.loops import NewLoop, close, fastest_loop, run_to_its_end
from loafer.entrypoints.worker.signals import by_signals

if TYPE_CHECKING:
    from loafer.entrypoints.wiring.connecting import PublisherTo

Stoppable: TypeAlias = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Lets someone call what it is given, to stop, from any thread and for as long as the context lasts."""

Watching: TypeAlias = Callable[[Settings, Dispatcher], AbstractContextManager[None]]
"""Lets others look into a worker for as long as the context lasts."""

CutOff: TypeAlias = Callable[[Ending, str], object]
"""Ends the process, whatever runs in it, as the ending says, and logs the line."""


def _nothing() -> None:
    """Tell nobody."""


def _nobody(_: Settings, __: Dispatcher) -> AbstractContextManager[None]:
    """Let nobody look."""
    return nullcontext()


@attrs.define(eq=False)
class Manager:
    """Runs a dispatcher in an event loop of its own, until it stops or a signal stops it.

    Attributes:
        settings: What to run.
        mistakes: What is known to be wrong with the settings already.
        observe: Told of every delivery.
        broker: Has the queues in memory.
        clock: Seconds that never go back.
        new_loop: Creates event loops.
        cut_off: Ends the process where a stop has not ended at its bound; None: nobody does.
        watching: What lets others look into the worker while it runs; by its settings.
        application: The application whose routes run too; None: that of the settings, if they name one.
        publisher_to: Makes what its publishers send with; None: as their destinations are named.
        connections: Its publishers' connections, to be open while it runs; none before `prepared`.

    """

    settings: Settings
    mistakes: Mistakes = attrs.field(factory=Mistakes)
    observe: Callable[[Delivery], None] = ignore
    broker: MemoryBroker = attrs.field(factory=MemoryBroker)
    clock: Callable[[], float] = lease_clock
    new_loop: NewLoop = attrs.field(factory=fastest_loop)
    application: Application | None = None
    cut_off: CutOff | None = None
    watching: Watching = _nobody
    publisher_to: "PublisherTo | None" = None
    connections: Connections = attrs.field(factory=Connections, init=False)
    _deadline: Deadline | None = attrs.field(default=None, init=False)

    @contextmanager
    def prepared(self) -> Iterator[Dispatcher]:
        """Give the dispatcher, ready to run; what was opened for it is closed in the end.

        Raises:
            ConfigurationError: something is wrong with the settings; all of it is said.

        """
        self.settings = settings = self._settings_with_application()
        container = Container(
            settings=settings,
            application=self.application,
            publisher_to=self.publisher_to,
            mistakes=self.mistakes,
            broker=self.broker,
            observe=self.observe,
            stopping=self._begin_deadline,
            new_loop=self.new_loop,
            clock=self.clock,
            transport=settings.sqs_transport,
        )
        try:
            dispatcher = container.dispatcher()
            self.connections = container.connections()
            fixed = nullcontext() if self.application is None else self.application.running_with()
            with fixed, observing(settings, self.mistakes, dispatcher.status) as dispatcher.observers:
                self.mistakes.raise_if_any()
                yield dispatcher
        finally:
            container.shutdown_resources()

    def _settings_with_application(self) -> Settings:
        """Return the settings with what the application's code says; adds what is wrong with that."""
        settings = self.settings
        if self.application is None and settings.application is not None:
            self.application = load_application(settings.application, self.mistakes)
            if self.application is None:
                return attrs.evolve(settings, routes=())
        if self.application is None:
            return routes_apart(settings, self.mistakes)
        from loafer.entrypoints.wiring.configured import configured  # noqa: PLC0415 - as all that is for applications

        self.application, settings = configured(self.application, settings, self.mistakes)
        check_only(self.application, settings, self.mistakes)
        settings = settings_with(self.application, settings, self.mistakes)
        return attrs.evolve(settings, routes=chosen_settings(settings))

    def run(self, began: Callable[[], None] = _nothing, stoppable: Stoppable = by_signals) -> None:
        """Dispatch until stopped; the first SIGINT or SIGTERM stops cleanly, the second one at once.

        `began` is called once signals are heard, before anything is received. `stoppable` says who else may stop it.

        Raises:
            ConfigurationError: something is wrong with the settings.
            ConsumerError: a source failed for good.
            LifespanError: the application's lifespan failed.
            PublisherError: one of its publishers could not be opened.
            BaseException: what a handler, or a task that it started, raised that is no `Exception` (SystemExit, say).

        """
        with self.prepared() as dispatcher, self.watching(self.settings, dispatcher):
            if self.cut_off is not None:
                end = partial(_cut_off, dispatcher, self.cut_off)
                self._deadline = Deadline(self.settings.grace_period, WORKER, end)
            course = self.course(dispatcher)
            runner = asyncio.Runner(loop_factory=self.new_loop)
            loop = runner.get_loop()
            try:
                asking = partial(stoppable, self._asking(dispatcher, loop))
                running = _run_until_stopped(course.run, began, asking)
                run_to_its_end(loop, running, dispatcher.fail)
            finally:
                close(runner, deserted=course.left)

    def course(self, dispatcher: Dispatcher) -> Course:
        """Return what runs the dispatcher that `prepared` gave, within the application's publishers and lifespan."""
        lifespan = self.application.lifespan if self.application is not None else None
        return Course(dispatcher, lifespan, self.settings.start_timeout, self.connections)

    def _asking(self, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Return what asks to stop, and asked again to hurry, on any thread, though the loop may be blocked."""
        asked = False

        def ask() -> None:
            nonlocal asked
            if self._deadline is not None:
                self._deadline.hurry() if asked else self._deadline.begin()
            asked = True
            with suppress(RuntimeError):  # the loop is closed: it is over
                loop.call_soon_threadsafe(dispatcher.stop)

        return ask

    def _begin_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.begin()


def _cut_off(dispatcher: Dispatcher, end: CutOff, seconds: float) -> None:
    """End the process, and say what was left."""
    ending = Ending() if dispatcher.cause is None else ending_of(dispatcher.cause)
    left = [f"{dispatcher.held} messages that are held"] if dispatcher.held else []
    text = "the stop has not ended within %.1f s, so the process is ended; left: %s"
    end(ending, text % (seconds, ", ".join([*left, *still_running()])))


async def _run_until_stopped(
    run: Callable[[], Coroutine[Any, Any, None]],
    began: Callable[[], None],
    stoppable: Callable[[], AbstractContextManager[None]],
) -> None:
    with stoppable():
        began()
        await run()
