"""What stops a worker that is one of several: signals, its supervisor's order, and its supervisor's end."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from loafer.entrypoints.supervisor.link import WorkerLink
from loafer.entrypoints.worker.signals import heard, nothing


@contextmanager
def by_supervisor(link: WorkerLink, stop: Callable[[], None], look: Callable[[], None] = nothing) -> Iterator[None]:
    """Let signals, and the supervisor's end, call `stop` once; only what comes over the link calls it again, for haste.

    For a terminal or a service manager signals the whole group of processes: what the supervisor passes on is then
    heard twice, and meant once. At the end, whatever brings it, signals are ignored: there is nothing left to stop, and
    how the worker ended is still to be told. SIGUSR1 calls `look`.
    """
    orders, loop = _Orders(link, stop), asyncio.get_running_loop()
    # The loop's own way to hear signals ends with a moment in which they have their default action.
    with heard(orders.ask, afterwards=signal.SIG_IGN, look=look):
        loop.add_reader(link.fileno(), orders.read)
        try:
            yield
        finally:
            loop.remove_reader(link.fileno())


@attrs.define(eq=False)
class _Orders:
    link: WorkerLink
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
