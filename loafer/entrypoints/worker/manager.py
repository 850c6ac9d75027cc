"""Prepares everything needed to run, sets up the event loop and its signals, and starts the dispatcher."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import attrs

from loafer.application.delivery import Delivery, ignore
from loafer.application.dispatcher import Dispatcher
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.container import Container
from loafer.entrypoints.worker.loops import fastest_loop
from loafer.entrypoints.worker.signals import by_signals

Stoppable: TypeAlias = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""Lets someone call what it is given, to stop, for as long as the context lasts."""

_TRANSPORT = "LOAFER_SQS_TRANSPORT"


def _nothing() -> None:
    """Tell nobody."""


@attrs.define(eq=False)
class Manager:
    """Runs a dispatcher in an event loop of its own, until it stops or a signal stops it.

    Attributes:
        settings: What to run.
        mistakes: What is known to be wrong with the settings already.
        observe: Told of every delivery.

    """

    settings: Settings
    mistakes: Mistakes = attrs.field(factory=Mistakes)
    observe: Callable[[Delivery], None] = ignore
    container: Container = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Give the settings to the container."""
        self.container = Container(settings=self.settings, mistakes=self.mistakes)
        self.container.observe.override(self.observe)

    def prepare(self) -> Dispatcher:
        """Return the dispatcher, ready to run.

        Raises:
            ConfigurationError: something is wrong with the settings; all of it is said.

        """
        dispatcher = self.container.dispatcher()
        self.mistakes.raise_if_any()
        return dispatcher

    def run(self, began: Callable[[], None] = _nothing, stoppable: Stoppable = by_signals) -> None:
        """Dispatch until stopped; the first SIGINT or SIGTERM stops cleanly, the second one at once.

        `began` is called once signals are heard, before anything is received. `stoppable` says who else may stop it.

        Raises:
            ConfigurationError: something is wrong with the settings.
            ConsumerError: a source failed for good.
            BaseException: what a handler raised that is no `Exception` (SystemExit, for one).

        """
        try:
            new_loop = fastest_loop()
            self.container.new_loop.override(new_loop)
            dispatcher = self.prepare()
            runner = asyncio.Runner(loop_factory=new_loop)
            try:
                with _environment_names(self.settings.sqs_transport):
                    runner.run(_run_until_stopped(dispatcher, began, stoppable))
            finally:
                _close(runner, dispatcher)
        finally:
            self.container.shutdown_resources()


@contextmanager
def _environment_names(transport: str) -> Iterator[None]:
    """Let the environment name a transport that is not the default meanwhile: consumers and publishers look there."""
    before = os.environ.get(_TRANSPORT)
    if transport != "lean":
        os.environ[_TRANSPORT] = transport
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_TRANSPORT, None)
        else:
            os.environ[_TRANSPORT] = before


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
