"""One worker of several, in a process of its own: runs as a single one would, and tells its supervisor how it ends."""

import signal
from contextlib import suppress
from functools import partial
from multiprocessing import current_process
from typing import TYPE_CHECKING, NoReturn

from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.supervisor.link import Began, Said, WorkerLink
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
        end = partial(cut_off, partial(_say, link), writer.close)
        ending = _run(settings, mistakes, end, verbose, link)
    _say(link, ending)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_process(SystemExit(ending.status))


def _run(settings: Settings, mistakes: Mistakes, end: "CutOff", verbose: int, link: WorkerLink) -> Ending:
    from loafer.entrypoints.supervisor.orders import by_supervisor  # noqa: PLC0415 - the supervisor imports this too
    from loafer.entrypoints.worker.manager import Manager  # noqa: PLC0415 - as above
    from loafer.entrypoints.worker.watching import watched  # noqa: PLC0415 - as above

    try:
        name = current_process().name
        watching = partial(watched, name=name, number=_number(name))
        manager = Manager(settings, mistakes, cut_off=end, watching=watching)
        manager.run(lambda: _say(link, _began(manager)), partial(by_supervisor, link))
    except BaseException as error:  # noqa: BLE001 - whatever ends a worker, it is told
        return ending_of(error, traced=verbose > 1)
    return Ending()


def _number(name: str) -> int | None:
    """Return which worker it is, by the name of its process; None where it is none of several."""
    number = name.rpartition("-")[2]
    return int(number) if number.isdecimal() else None


def _began(manager: "Manager") -> Began:
    return Began() if manager.application is None else Began(manager.settings.grace_period)


def _say(link: WorkerLink, what: Said) -> None:
    with suppress(OSError):  # the supervisor may be gone
        link.send(what)
