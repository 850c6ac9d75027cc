"""One worker of several, in a process of its own: runs as a single one would, and tells its supervisor how it ends."""

import signal
import threading
from contextlib import suppress
from functools import partial
from multiprocessing import current_process
from typing import TYPE_CHECKING, NoReturn

import attrs

from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.supervisor.link import Began, Spoken, WorkerLink
from loafer.entrypoints.worker.deadline import cut_off
from loafer.entrypoints.worker.ending import Ending, end_process, ending_of
from loafer.entrypoints.worker.log_queue import queued_logs
from loafer.entrypoints.worker.logs import set_up_logs

if TYPE_CHECKING:
    from loafer.entrypoints.worker.manager import CutOff, Manager


def work(settings: Settings, verbose: int, link: WorkerLink) -> NoReturn:
    """Run a worker to its end and end the process, with the same status as a single worker.

    Says `Began` and an `Ending` over the link. A process that ends without the latter has died.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # until it begins; the supervisor hears a Ctrl-C too
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    mistakes = Mistakes()
    set_up_logs(settings, verbose, mistakes, several=True)
    with queued_logs() as writer:
        line = _Line(link)
        end = partial(cut_off, line.say, writer.close)
        ending = _run(settings, mistakes, end, verbose, line)
    line.say(ending)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_process(SystemExit(ending.status))


def _run(settings: Settings, mistakes: Mistakes, end: "CutOff", verbose: int, line: "_Line") -> Ending:
    from loafer.entrypoints.supervisor.orders import by_supervisor  # noqa: PLC0415 - the supervisor imports this too
    from loafer.entrypoints.worker.manager import Manager  # noqa: PLC0415 - as above
    from loafer.entrypoints.worker.watching import Watch  # noqa: PLC0415 - as above

    try:
        name = current_process().name
        watch = Watch(name, _number(name), line.say)
        manager = Manager(settings, mistakes, cut_off=end, watching=watch.watched)
        manager.run(lambda: line.say(_began(manager)), partial(by_supervisor, line.link, look=watch.log_held))
    except BaseException as error:  # noqa: BLE001 - whatever ends a worker, it is told
        return ending_of(error, traced=verbose > 1)
    return Ending()


def _number(name: str) -> int | None:
    """Return which worker it is, by the name of its process; None where it is none of several."""
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else None


def _began(manager: "Manager") -> Began:
    return Began() if manager.application is None else Began(manager.settings.grace_period)


@attrs.frozen(eq=False)
class _Line:
    """The link, to be spoken over by one thread at a time."""

    link: WorkerLink
    _guard: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def say(self, what: Spoken) -> None:
        with suppress(OSError), self._guard:  # the supervisor may be gone
            self.link.send(what)
