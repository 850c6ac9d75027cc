"""Health and metrics over HTTP, where the settings say so."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from socket import socket

from loafer.entrypoints.settings.load import mistake_in
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.panel import Panel
from loafer.entrypoints.worker.status_server import bound, served
from loafer.entrypoints.worker.told import Told


@contextmanager
def serving(settings: Settings, workers: Callable[[], Sequence[Told]]) -> Iterator[None]:
    """Serve what workers say meanwhile, if the settings say where.

    Raises:
        ConfigurationError: it cannot be served there: the port is taken, or no host has this name.

    """
    if settings.status is None:
        yield
        return
    with served(_listening(settings, settings.status), Panel(workers).answer):
        yield


def _listening(settings: Settings, address: str) -> socket:
    mistakes = Mistakes()
    try:
        return bound(address)
    except OSError as error:
        right = "give another port, or another address of this machine"
        mistakes.add(mistake_in(settings, "status", f"cannot be listened at: {error.strerror or error}; {right}"))
    mistakes.raise_if_any()
    raise AssertionError("there was a mistake")
