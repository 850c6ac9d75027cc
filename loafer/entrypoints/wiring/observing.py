"""Who is told what happens: the observers that the settings name."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from loafer.application.status import Status
from loafer.entrypoints.settings.keys import did_you_mean
from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.loading import import_name
from loafer.ports.observer import Observer

if TYPE_CHECKING:
    from loafer.domain.metrics import Family

logger = logging.getLogger(__name__)

LIBRARIES = {
    "otel": "opentelemetry",
    "otel-parent": "opentelemetry",
    "sentry": "sentry_sdk",
    "prometheus": "prometheus_client",
}
"""The observers that are loafer's own, and what they need."""

_OURS = ", ".join(LIBRARIES)

EXTRAS = {"otel-parent": "otel"}
"""The extras whose names are others."""


Families = Callable[[], "list[Family]"]
"""Returns how a worker is, as metrics."""


@contextmanager
def observing(
    settings: Settings, mistakes: Mistakes, status: Callable[[], Status] | None = None
) -> Iterator[tuple[Observer, ...]]:
    """Give the observers that the settings name, while they are told of something; adds to `mistakes`.

    `status` returns how the worker is; None: there is none, and what is published is all that there is to tell.
    """

    def families() -> "list[Family]":
        from loafer.application.metrics import families_of  # noqa: PLC0415 - whoever is told of nothing needs none

        return [] if status is None else list(families_of(status(), settings.live_limit))

    with ExitStack() as stack:
        found, told = [], set[str]()
        for name in settings.observers:
            try:
                _check_told_once(LIBRARIES.get(name, name), told)
                found.append(_observer(name, settings, stack, families))
            except ValueError as error:
                mistakes.add(mistake_in(settings, "observers", f"{name}: {error}"))
        yield tuple(found)


def _observer(name: str, settings: Settings, stack: ExitStack, families: Families) -> Observer:
    """Return the observer of a name.

    Raises:
        ValueError: there is none, or what it needs is not installed.

    """
    library = LIBRARIES.get(name)
    if library is None:
        return _of_the_user(name)
    if find_spec(library) is None:
        raise ValueError(f"{library} is not installed; pip install 'loafer[{EXTRAS.get(name, name)}]'")
    if name == "prometheus":
        return _prometheus(settings, stack, families)
    from loafer.adapters.aws.lean.covered import cover  # noqa: PLC0415 - what is not observed needs none of it

    cover(library)
    logger.info("%s is told what happens: that it instruments the SDK does not switch the lean transport off", library)
    if name == "sentry":
        from loafer.adapters.sentry.observer import SentryObserver  # noqa: PLC0415 - it is an extra

        return SentryObserver()
    from loafer.adapters.opentelemetry.observed import observed  # noqa: PLC0415 - as above
    from loafer.adapters.opentelemetry.observer import OpenTelemetryObserver  # noqa: PLC0415 - as above

    made = OpenTelemetryObserver(parent=name == "otel-parent", texts=settings.tracebacks == "full")
    stack.enter_context(observed(lambda: [*made.families(), *families()]))
    return made


def _prometheus(settings: Settings, stack: ExitStack, families: Families) -> Observer:
    """Return what counts for the registry of this process; nobody, where it is served: what serves it counts too."""
    if settings.status is not None:
        return Observer()
    from loafer.adapters.prometheus.registry import registered  # noqa: PLC0415 - it is an extra
    from loafer.application.measures import Measures  # noqa: PLC0415 - as it is for that

    measures = Measures()
    stack.enter_context(registered(lambda: [*measures.families(), *families()]))
    return measures


def _check_told_once(what: str, told: set[str]) -> None:
    """Raise ValueError if somebody is told already."""
    if what in told:
        raise ValueError(f"{what} would be told everything twice; name it once")
    told.add(what)


def _of_the_user(name: str) -> Observer:
    if "." not in name and ":" not in name:
        near = did_you_mean(name.lower(), LIBRARIES)
        raise ValueError(f"no observer{near or f'; give {_OURS}, or an Observer by its full name'}")
    found = import_name(name)
    made = found() if isinstance(found, type) else found
    if not isinstance(made, Observer):
        raise ValueError("no observer; give otel, sentry, prometheus, or the name of a loafer.ports.observer.Observer")
    return made
