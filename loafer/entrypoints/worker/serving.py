"""Health and metrics over HTTP, where the settings say so."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.told import Told

if TYPE_CHECKING:
    from socket import socket

    from loafer.domain.metrics import Family


@contextmanager
def serving(settings: Settings, workers: Callable[[], Sequence[Told]]) -> Iterator[None]:
    """Serve what workers say meanwhile, if the settings say where.

    Raises:
        ConfigurationError: it cannot be served there: the port is taken, or no host has this name.

    """
    if settings.status is None:
        yield
        return
    from loafer.entrypoints.worker.panel import Panel  # noqa: PLC0415 - as all below: nothing is served unless asked for
    from loafer.entrypoints.worker.status_server import served  # noqa: PLC0415

    name = settings.status.rpartition(":")[0]
    with served(_listening(settings, settings.status), Panel(workers, _text).answer, name):
        yield


def _text(families: "Sequence[Family]") -> str:
    """Return metrics as text, with those that the application keeps in this process by the client library."""
    from loafer.domain.metrics import text_of  # noqa: PLC0415

    if "prometheus_client" not in sys.modules:
        return text_of(families)
    from loafer.adapters.prometheus.registry import text_of_registry  # noqa: PLC0415 - only where it is there already

    return text_of(families) + text_of_registry()


def _listening(settings: Settings, address: str) -> "socket":
    from loafer.entrypoints.worker.status_server import bound  # noqa: PLC0415

    mistakes = Mistakes()
    try:
        return bound(address)
    except OSError as error:
        right = "give another port, or another address of this machine"
        mistakes.add(mistake_in(settings, "status", f"cannot be listened at: {error.strerror or error}; {right}"))
    mistakes.raise_if_any()
    raise AssertionError("there was a mistake")
