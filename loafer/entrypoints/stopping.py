"""Who may stop a worker: signals where it is alone, its supervisor where it is one of several."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from loafer.entrypoints.ending import SIGNALS

if TYPE_CHECKING:
    from loafer.entrypoints.worker import Link


@contextmanager
def by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call `stop`, each time, on the running event loop."""
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def by_supervisor(link: "Link", stop: Callable[[], None]) -> Iterator[None]:
    """Let signals, and the supervisor's end, call `stop` once; only what comes over the link calls it again, for haste.

    For a terminal or a service manager signals the whole group of processes: what the supervisor passes on is then
    heard twice, and meant once. At the end, whatever brings it, signals are ignored: there is nothing left to stop, and
    how the worker ended is still to be told.
    """
    orders, loop = _Orders(link, stop), asyncio.get_running_loop()

    def hear(*_: object) -> None:
        loop.call_soon_threadsafe(orders.ask)

    # The loop's own way to hear signals ends with a moment in which they have their default action. In this one, a
    # signal that comes just as the loop falls asleep is heard when something wakes it: the watchdog, within a second.
    for number in SIGNALS:
        signal.signal(number, hear)
    loop.add_reader(link.fileno(), orders.read)
    try:
        yield
    finally:
        loop.remove_reader(link.fileno())
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


@attrs.define(eq=False)
class _Orders:
    link: "Link"
    stop: Callable[[], None]
    asked: bool = False

    def ask(self) -> None:
        if not self.asked:
            self.asked = True
            self.stop()

    def read(self) -> None:
        self.ask()
        try:
            self.link.recv()
        except (EOFError, OSError):  # the supervisor is gone, and would be read as gone for ever
            asyncio.get_running_loop().remove_reader(self.link.fileno())
        else:
            self.stop()
