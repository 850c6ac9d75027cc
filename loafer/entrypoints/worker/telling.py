"""Who is told how the workers are: systemd where it has started them, and ECS where the settings say so."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.worker.seen import Teller, told
from loafer.entrypoints.worker.systemd import Systemd


def is_told(settings: Settings) -> bool:
    """Tell whether anybody is told."""
    return settings.ecs_protection or Systemd.of(os.environ) is not None


@contextmanager
def telling(settings: Settings, workers: Callable[[], Sequence[Mapping[str, Any]]]) -> Iterator[None]:
    """Tell meanwhile how workers are; `workers` returns what they say of themselves, on any thread."""
    tellers: list[Teller | None] = [Systemd.of(os.environ)]
    if settings.ecs_protection:
        from loafer.entrypoints.worker.ecs import Protection  # noqa: PLC0415 - few are on ECS

        tellers.append(Protection.of(os.environ))
    with told([teller for teller in tellers if teller is not None], workers):
        yield
