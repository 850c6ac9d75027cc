"""One of several workers' posts: the process that fills it now, and what becomes of those that die there."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import Pipe, get_context, resource_tracker
from multiprocessing.process import BaseProcess
from typing import TypeAlias

import attrs

from loafer.domain.retry import backoff
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.supervisor.link import Hurry, Said, Spoken, SupervisorLink, WorkerLink
from loafer.entrypoints.supervisor.reports import Reports
from loafer.entrypoints.supervisor.supervised import work
from loafer.entrypoints.worker.told import Told

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds between a worker's death and the start of the next one: they double with each death in a row."""

LONG_LIFE = 60.0
"""Seconds after which a worker's death is not in a row with those before it."""

Launch: TypeAlias = Callable[[str, WorkerLink], BaseProcess]
"""Starts a worker with this name that speaks over this link; raises OSError where the system has no room for it."""


def launch_worker(settings: Settings, verbose: int, name: str, link: WorkerLink) -> BaseProcess:
    """Start a process that runs `work`; what interrupts a terminal's processes passes it by until then."""
    process = get_context("spawn").Process(target=work, name=name, args=(settings, verbose, link))
    resource_tracker.ensure_running()  # starting it unblocks the signal, so it comes first
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
    return process


def pause_after(deaths: int) -> float:
    """Return the seconds until the next start, after so many deaths in a row."""
    return backoff(deaths, first=FIRST_PAUSE, longest=LONGEST_PAUSE, jitter=1)


def manner_of_death(exitcode: int) -> str:
    """Return how a process died, in words."""
    if exitcode >= 0:
        return f"ended unexpectedly with status {exitcode}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-exitcode).name}"
    return f"was killed by signal {-exitcode}"


def status_of_death(exitcode: int) -> int:
    """Return the exit status that a shell would give for a process that ended like this."""
    return 128 - exitcode if exitcode < 0 else exitcode


@attrs.define(eq=False)
class Post:
    """Holds one worker at a time.

    Attributes:
        due: When the next worker is to be launched, by `clock`; says nothing while there is one.
        said: The last that the worker said of its course; None before it began.
        reports: What its workers say of how they are.

    """

    name: str
    launch: Launch
    clock: Callable[[], float]
    due: float = 0.0
    said: Said | None = None
    _process: BaseProcess | None = None
    _link: "SupervisorLink | None" = None
    _launched: float = 0.0
    _deaths: int = 0
    reports: Reports = attrs.field(
        default=attrs.Factory(lambda self: Reports(self.name, self.clock), takes_self=True), init=False
    )

    def __str__(self) -> str:
        """Return the worker's name, with its process id where it has one."""
        return self.name if self._process is None else f"{self.name} (process {self._process.pid})"

    @property
    def filled(self) -> bool:
        """Whether there is a worker."""
        return self._process is not None

    @property
    def exitcode(self) -> int | None:
        """How the worker's process ended; None while it runs."""
        return None if self._process is None else self._process.exitcode

    @property
    def links(self) -> "list[SupervisorLink]":
        """What is readable when the worker says something: one link or none."""
        return [] if self._link is None else [self._link]

    def fill(self) -> None:
        """Launch a worker.

        Raises:
            OSError: the system has no room for it.

        """
        self.said, self._launched = None, self.clock()
        here, there = Pipe()
        try:
            self._process = self.launch(self.name, there)
        except OSError:
            here.close()
            raise
        finally:
            there.close()
        self._link = here

    def heard(self) -> Iterator[Said]:
        """Yield what the worker said since the last time."""
        try:
            while self._link is not None and self._link.poll():
                said: Spoken = self._link.recv()
                if isinstance(said, Told):
                    self.reports.take(said)
                    continue
                self.said = said
                yield said
        except (EOFError, OSError):
            self._hang_up()

    def stop(self) -> None:
        """Ask the worker to stop; asked again is as if asked once. One that has not begun just ends."""
        if self._process is not None:
            self._process.terminate()

    def hurry(self) -> None:
        """Tell the worker to stop without waiting for anything."""
        if self._link is not None:
            with suppress(OSError):  # it may have ended
                self._link.send(Hurry())
        self.stop()

    def signal(self, number: int) -> None:
        """Send the worker a signal."""
        if self._process is not None and self._process.pid is not None:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End the worker's process, whatever it does."""
        if self._process is not None:
            self._process.kill()

    def empty(self) -> None:
        """Forget the worker, whose process has ended."""
        self._hang_up()
        self.reports.lose()
        if self._process is not None:
            self._process.close()
        self._process = None

    def mourn(self) -> float:
        """Count a death, set when the next worker is due, and return in how many seconds that is."""
        now = self.clock()
        self._deaths = 1 if now - self._launched >= LONG_LIFE else self._deaths + 1
        pause = pause_after(self._deaths)
        self.due = now + pause
        return pause

    def _hang_up(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = None
