"""Prepares everything needed to run, sets up the event loop and its signals, and starts the dispatcher."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import attrs

from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.delivery import Delivery, ignore
from loafer.application.dispatcher import Dispatcher
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.container import Container
from loafer.entrypoints.worker.loops import NewLoop, fastest_loop
from loafer.entrypoints.worker.signals import by_signals

Stoppable: TypeAlias = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Lets someone call what it is given, to stop, for as long as the context lasts."""


def _nothing() -> None:
    """Tell nobody."""


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

    """

    settings: Settings
    mistakes: Mistakes = attrs.field(factory=Mistakes)
    observe: Callable[[Delivery], None] = ignore
    broker: MemoryBroker = attrs.field(factory=MemoryBroker)
    clock: Callable[[], float] = time.monotonic
    new_loop: NewLoop = attrs.field(factory=fastest_loop)

    @contextmanager
    def prepared(self) -> Iterator[Dispatcher]:
        """Give the dispatcher, ready to run; what was opened for it is closed in the end.

        Raises:
            ConfigurationError: something is wrong with the settings; all of it is said.

        """
        container = Container(
            settings=self.settings,
            mistakes=self.mistakes,
            broker=self.broker,
            observe=self.observe,
            new_loop=self.new_loop,
            clock=self.clock,
            transport=self.settings.sqs_transport,
        )
        try:
            dispatcher = container.dispatcher()
            self.mistakes.raise_if_any()
            yield dispatcher
        finally:
            container.shutdown_resources()

    def run(self, began: Callable[[], None] = _nothing, stoppable: Stoppable = by_signals) -> None:
        """Dispatch until stopped; the first SIGINT or SIGTERM stops cleanly, the second one at once.

        `began` is called once signals are heard, before anything is received. `stoppable` says who else may stop it.

        Raises:
            ConfigurationError: something is wrong with the settings.
            ConsumerError: a source failed for good.
            BaseException: what a handler raised that is no `Exception` (SystemExit, for one).

        """
        with self.prepared() as dispatcher:
            runner = asyncio.Runner(loop_factory=self.new_loop)
            try:
                runner.run(_run_until_stopped(dispatcher, began, stoppable))
            finally:
                _close(runner, dispatcher)


def _close(runner: asyncio.Runner, dispatcher: Dispatcher) -> None:
    """Close the event loop, unless handlers were abandoned: closing would wait for them for ever."""
    loop = runner.get_loop()
    # It would wait for the loop's threads too, one of which may be looking up a host that nobody knows: it gets others.
    loop.set_default_executor(ThreadPoolExecutor())
    if dispatcher.abandoned:
        loop.set_exception_handler(lambda *_: None)  # it would complain of them when it is destroyed
    else:
        runner.close()


async def _run_until_stopped(dispatcher: Dispatcher, began: Callable[[], None], stoppable: Stoppable) -> None:
    with stoppable(dispatcher.stop):
        began()
        await dispatcher.run()
