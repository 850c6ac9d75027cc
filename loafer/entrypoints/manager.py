"""Prepares everything needed to run, sets up the event loop and its signals, and starts the dispatcher."""

import asyncio
import os
import signal
from collections.abc import Callable

import attrs

from loafer.application.delivery import Delivery
from loafer.application.dispatcher import Dispatcher, ignore
from loafer.entrypoints.container import Container
from loafer.entrypoints.mistakes import Mistakes
from loafer.entrypoints.settings import Settings


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

    def run(self, began: Callable[[], None] = _nothing) -> None:
        """Dispatch until stopped; the first SIGINT or SIGTERM stops cleanly, the second one at once.

        `began` is called once signals are heard, before anything is received.

        Raises:
            ConfigurationError: something is wrong with the settings.
            ConsumerError: a source failed for good.
            BaseException: what a handler raised that is no `Exception` (SystemExit, for one).

        """
        try:
            dispatcher = self.prepare()
            if self.settings.sqs_transport != "lean":
                os.environ["LOAFER_SQS_TRANSPORT"] = self.settings.sqs_transport  # where publishers look too
            runner = asyncio.Runner()
            try:
                runner.run(_run_until_signal(dispatcher, began))
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


async def _run_until_signal(dispatcher: Dispatcher, began: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, dispatcher.stop)
    try:
        began()
        await dispatcher.run()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
