"""Prepares everything needed to run, sets up the event loop and its signals, and starts the dispatcher."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import attrs

from loafer.application.delivery import Delivery
from loafer.application.dispatcher import Dispatcher, ignore
from loafer.entrypoints.container import Container
from loafer.entrypoints.loops import fastest_loop
from loafer.entrypoints.mistakes import Mistakes
from loafer.entrypoints.settings import Settings
from loafer.entrypoints.stopping import by_signals

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
            if self.settings.sqs_transport != "lean":
                os.environ["LOAFER_SQS_TRANSPORT"] = self.settings.sqs_transport  # where publishers look too
            runner = asyncio.Runner(loop_factory=new_loop)
            try:
                runner.run(_run_until_stopped(dispatcher, began, stoppable))
            finally:
                _close(runner, dispatcher)
        finally:
            self.container.shutdown_resources()


def _close(runner: asyncio.Runner, dispatcher: Dispatcher) -> None:
    """Close the event loop, unless handlers were abandoned: closing would wait for them for ever."""
    if dispatcher.abandoned:
        runner.get_loop().set_exception_handler(lambda *_: None)  # it would complain of them when it is destroyed
    else:
        runner.close()


async def _run_until_stopped(dispatcher: Dispatcher, began: Callable[[], None], stoppable: Stoppable) -> None:
    with stoppable(dispatcher.stop):
        began()
        await dispatcher.run()
