"""Runs several workers, each in a process of its own: passes signals on, replaces workers that die, tells how it ended.

It imports no SDK, opens no connection and runs none of the user's code, so that there is little it could die of.
"""

import logging
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import wait
from types import FrameType

import attrs

from loafer.adapters.memory import SCHEME
from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.supervisor.link import Began, Said
from loafer.entrypoints.supervisor.post import Launch, Post, manner_of_death, status_of_death
from loafer.entrypoints.worker.deadline import SUPERVISOR, Deadline
from loafer.entrypoints.worker.ending import SIGNALS, Ending
from loafer.entrypoints.worker.signals import Signals
from loafer.entrypoints.worker.starting import begun, stop_signals
from loafer.entrypoints.worker.told import Told

logger = logging.getLogger(__name__)

LONGEST_STOP = 7.4
"""Seconds beyond the grace period, or an order to hurry, after which a worker that still runs is killed.

It ends its own process a little earlier, where it can.
"""

LONGEST_WAIT = 3600.0
"""Seconds between two looks at the workers; the system takes no wait that is longer than 24 days."""


def refuse_memory(settings: Settings, mistakes: Mistakes) -> None:
    """Add a mistake for each source that every process would have for itself."""
    for route in settings.routes:
        if route.source.startswith(SCHEME):
            wrong = f"{settings.processes} processes would each have a queue of their own; give one process, or a queue"
            mistakes.add(mistake_in(route, "source", f"{wrong} on SQS"))


@contextmanager
def heard_signals() -> Iterator[int]:
    """Yield a file descriptor that becomes readable with each signal: what is read is their numbers, a byte each."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    wakeup = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    numbers = (*stop_signals(), signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)
    handlers = {number: signal.signal(number, _hear) for number in numbers}
    if begun(handlers.values()):
        os.write(writable, bytes([signal.SIGTERM]))
    try:
        yield readable
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(readable)
        os.close(writable)


def _hear(number: int, frame: FrameType | None) -> None:
    """Do nothing: that there is a handler makes Python write the number."""


@attrs.define(eq=False)
class Supervisor:
    """Keeps so many workers running until one of them ends or a signal stops them; can run once.

    Attributes:
        count: How many workers.
        launch: Starts one.
        began: Called when the first worker has begun.
        tell: Told, once each, what the workers' endings have to say to the user.
        grace_period: Seconds that the workers' running handlers get when they stop.
        cut_off: Ends this process where a stop has not ended at its bound; None: nobody does.

    """

    count: int
    launch: Launch
    began: Callable[[], None]
    tell: Callable[[str], None]
    grace_period: float
    cut_off: Callable[[Ending, str], object] | None = None
    clock: Callable[[], float] = time.monotonic
    _posts: list[Post] = attrs.field(factory=list, init=False)
    _signals: Signals = attrs.field(init=False)
    _deadline: Deadline | None = attrs.field(default=None, init=False)
    _begun: bool = attrs.field(default=False, init=False)
    _signalled: bool = attrs.field(default=False, init=False)
    _stopping: bool = attrs.field(default=False, init=False)
    _kill_at: float = attrs.field(default=math.inf, init=False)
    _told: set[str] = attrs.field(factory=set, init=False)
    _status: int = attrs.field(default=0, init=False)

    def run(self) -> int:
        """Run until every worker has stopped, and return the worst of their exit statuses.

        A worker that dies is replaced, after a pause. One that ends by its own decision ends all. One that does not
        stop in time is killed.
        """
        self._signals = Signals(self.clock)
        if self.cut_off is not None:
            self._deadline = Deadline(self.grace_period, SUPERVISOR, partial(self._end, self.cut_off), self.clock)
        self._posts = [Post(f"worker-{number + 1}", self.launch, self.clock) for number in range(self.count)]
        with heard_signals() as signals:
            try:
                self._fill_posts()
                while self._filled or not self._stopping:
                    self._wait(signals)
                    self._fill_posts()
            finally:
                self._stop()
        return self._status

    def told(self) -> list[Told]:
        """Return how it is with each post; on any thread."""
        return [post.reports.now() for post in list(self._posts)]

    @property
    def _filled(self) -> list[Post]:
        return [post for post in self._posts if post.filled]

    def _fill_posts(self) -> None:
        for post in self._posts:
            if not self._stopping and not post.filled and post.due <= self.clock():
                try:
                    post.fill()
                except OSError as error:
                    self._lost(post, f"could not be started: {error}")

    def _wait(self, signals: int) -> None:
        """Wait for a signal (SIGCHLD is one), a worker's word, or the time to launch or kill one; and act upon it."""
        ready = wait([signals, *(link for post in self._posts for link in post.links)], self._patience())
        overdue = self.clock() >= self._kill_at
        if signals in ready:
            for number in os.read(signals, 4096):
                if number in (*SIGNALS, signal.SIGHUP) and self._signals.count():
                    self._pass_on(number)
                elif number == signal.SIGUSR1:
                    for post in self._filled:
                        post.signal(number)
        for post in self._filled:
            exitcode = post.exitcode  # looked at first: then all that the worker said is there to be heard
            for said in post.heard():
                self._take(post, said)
            if exitcode is not None:
                self._left(post, exitcode)
        if overdue:
            self._kill()

    def _patience(self) -> float:
        """Return the seconds until something is to be done unasked, or to be looked for."""
        due = [self._kill_at] if self._stopping else [post.due for post in self._posts if not post.filled]
        return min(max(0.0, min(due, default=math.inf) - self.clock()), LONGEST_WAIT)

    def _pass_on(self, number: int) -> None:
        logger.info("%s: the workers are stopped%s", signal.Signals(number).name, " at once" * self._signalled)
        if self._signalled:
            self._kill_at = min(self._kill_at, self.clock() + LONGEST_STOP)
            if self._deadline is not None:
                self._deadline.hurry()
            for post in self._filled:
                post.hurry()
        else:
            self._signalled = True
            self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._kill_at = min(self._kill_at, self.clock() + self.grace_period + LONGEST_STOP)
        if self._deadline is not None:
            self._deadline.begin()
        for post in self._filled:
            post.stop()

    def _kill(self) -> None:
        self._kill_at = math.inf  # once is enough
        for post in self._filled:
            logger.warning("%s has not stopped in time: it is killed", str(post))
            post.kill()

    def _end(self, cut_off: Callable[[Ending, str], object], seconds: float) -> None:
        """End this process, and say what was left."""
        left = ", ".join(map(str, self._filled)) or "nothing but the log"
        status = max(self._status, status_of_death(-signal.SIGKILL) if self._filled else 0)
        cut_off(Ending(status), f"the stop has not ended within {seconds:.1f} s, so it is ended; left: {left}")

    def _allow(self, grace_period: float) -> None:
        """Give a stop the grace period that the code of an application says, which no supervisor reads."""
        self.grace_period = grace_period
        if self._deadline is not None:
            self._deadline.grace_period = grace_period

    def _take(self, post: Post, said: Said) -> None:
        """Act upon what a worker said."""
        if isinstance(said, Began):
            if said.grace_period is not None:
                self._allow(said.grace_period)
            if not self._begun:
                self._begun = True
                self.began()
            return
        self._status = max(self._status, said.status)
        if said.text and said.text not in self._told:
            self._told.add(said.text)
            self.tell(said.text)
        if not self._stopping:
            level = logging.INFO if said.text else logging.WARNING
            logger.log(level, "%s ended with status %s: the others are stopped", str(post), said.status)
            self._stop()

    def _left(self, post: Post, exitcode: int) -> None:
        """Act upon the end of a worker's process: it has stopped or it has died.

        SIGTERM, whoever sent it, stops a worker that has not begun by ending it, and without an `Ending`.
        """
        if isinstance(post.said, Ending) or (post.said is None and exitcode == -signal.SIGTERM):
            if not self._stopping:
                self._stop()
        elif self._stopping:
            logger.warning("%s %s while it was stopping", str(post), manner_of_death(exitcode))
            self._status = max(self._status, status_of_death(exitcode))
        else:
            self._lost(post, manner_of_death(exitcode))
        post.empty()

    def _lost(self, post: Post, how: str) -> None:
        pause = post.mourn()
        logger.warning("%s %s; it is started again in %.0f s", str(post), how, pause)
