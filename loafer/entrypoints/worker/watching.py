"""What lets others look into a worker while it runs: its status file, and its server."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from loafer.application.dispatcher import Dispatcher
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.document import document_of
from loafer.entrypoints.worker.status_file import written
from loafer.entrypoints.worker.status_place import started


def worker_document(settings: Settings, dispatcher: Dispatcher, name: str, since: int | None) -> dict[str, Any]:
    """Return how a worker is now; on any thread."""
    return document_of(dispatcher.status(), settings.live_limit, name, since)


@contextmanager
def watched(settings: Settings, dispatcher: Dispatcher, name: str = "", number: int | None = None) -> Iterator[None]:
    """Let others look into a worker meanwhile; `name` and `number` tell it from others beside it."""
    document = partial(worker_document, settings, dispatcher, name, started(os.getpid()))
    with ExitStack() as stack:
        stack.enter_context(written(settings.status_file, number, document))
        yield
