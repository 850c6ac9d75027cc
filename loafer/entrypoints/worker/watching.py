"""What lets others look into a worker while it runs: its status file, its server or its supervisor, and SIGUSR1."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from loafer import __version__
from loafer.adapters.aws.bill import BILL
from loafer.application.dispatcher import Dispatcher
from loafer.application.status import Status
from loafer.application.stuck import log_held
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.desk import Desk
from loafer.entrypoints.worker.document import document_of
from loafer.entrypoints.worker.history_file import Held, clear_old, noted
from loafer.entrypoints.worker.serving import serving
from loafer.entrypoints.worker.status_file import path_for, written
from loafer.entrypoints.worker.status_place import started
from loafer.entrypoints.worker.telling import is_told, telling
from loafer.entrypoints.worker.told import Told

if TYPE_CHECKING:
    from loafer.application.measures import Measures
    from loafer.domain.metrics import Family

Document: TypeAlias = Callable[[], dict[str, Any]]

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two reports to a supervisor."""


@attrs.define(eq=False)
class Watch:
    """Lets others look into a worker.

    Attributes:
        name: Its name; empty where it is alone.
        number: Which of several it is; None: it is alone.
        report: Tells its supervisor how it is; None: it has none, and serves that itself.

    """

    name: str = ""
    number: int | None = None
    report: Callable[[Told], object] | None = None
    _dispatcher: Dispatcher | None = attrs.field(default=None, init=False)

    @contextmanager
    def watched(self, settings: Settings, dispatcher: Dispatcher) -> Iterator[None]:
        """Let others look into this dispatcher meanwhile, before it runs and while it does.

        Raises:
            ConfigurationError: it cannot be served where the settings say.

        """
        self._dispatcher = dispatcher
        since = started(os.getpid())
        with ExitStack() as stack:
            measures = None if settings.status is None else _measures()
            if measures is not None:
                dispatcher.observers = (*dispatcher.observers, measures)
            path = path_for(settings.status_file, self.number)
            if path is not None:
                clear_old(time.time())
                histories = stack.enter_context(noted(path, self._held, since))
                dispatcher.observers = (*dispatcher.observers, histories)
            document = partial(self._document, settings, dispatcher, since)
            report = partial(self._told, settings, dispatcher, measures, document)
            if self.report is None:
                stack.enter_context(serving(settings, lambda: [report()]))
                stack.enter_context(telling(settings, lambda: [document()]))
            elif settings.status is not None or is_told(settings):
                stack.enter_context(_reported(report, self.report))
            stack.enter_context(written(settings.status_file, self.number, document, Desk(dispatcher, document).answer))
            yield

    def log_held(self) -> None:
        """Log what is held; on any thread."""
        if self._dispatcher is not None and self._dispatcher.view is not None:
            log_held(self._dispatcher.view)

    def _held(self) -> Held:
        view = None if self._dispatcher is None else self._dispatcher.view
        if view is None:
            return []
        messages = ((lane.route.source, lease.message) for lane, lease in view.held())
        return [(message.id, source, message.receive_count) for source, message in messages]

    def _document(self, settings: Settings, dispatcher: Dispatcher, since: int | None) -> dict[str, Any]:
        document = document_of(dispatcher.status(), settings.live_limit, self.name, since)
        return {**document, "calls": [attrs.asdict(line) for line in BILL.lines()]}

    def _told(
        self, settings: Settings, dispatcher: Dispatcher, measures: "Measures | None", document: Document
    ) -> Told:
        if measures is None:
            return Told(document())
        own = [] if self.report is None else _in_the_registry(self.name)  # who serves that itself has it there
        families = [*_families(dispatcher.status(), settings.live_limit), *measures.families(), *own]
        return Told(document(), families)


def _measures() -> "Measures":
    from loafer.application.measures import Measures  # noqa: PLC0415 - nothing is measured unless it is asked for

    return Measures()


def _in_the_registry(name: str) -> "list[Family]":
    """Return what the application of a worker keeps by the client library of Prometheus, if it has imported that."""
    if "prometheus_client" not in sys.modules:
        return []
    from loafer.adapters.prometheus.own import families_in  # noqa: PLC0415 - only where it is there already

    try:
        return families_in(name)
    except Exception as error:  # noqa: BLE001 - a collector of the application's, which may raise anything
        logger.debug("the registry of the application could not be read: %s", error)
        return []


def _families(status: Status, live_limit: float) -> "Iterator[Family]":
    from loafer.application.metrics import families_of  # noqa: PLC0415 - as above
    from loafer.domain.metrics import Family, Sample  # noqa: PLC0415

    yield Family("loafer_info", "gauge", "Which version runs: 1.", (Sample((("version", __version__),), 1),), "max")
    yield from families_of(status, live_limit)


@contextmanager
def _reported(told: Callable[[], Told], report: Callable[[Told], object]) -> Iterator[None]:
    """Report how a worker is every second meanwhile, on a thread of its own."""
    over = threading.Event()

    def tell() -> None:
        try:
            report(told())
        except Exception as error:  # noqa: BLE001 - the supervisor is gone, or whatever else: the next one may arrive
            logger.debug("the supervisor could not be told: %s", error)

    def run() -> None:
        tell()
        while not over.wait(EVERY):
            tell()
        tell()  # what was counted last counts too

    thread = threading.Thread(target=run, name="loafer-status", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(1.0)
