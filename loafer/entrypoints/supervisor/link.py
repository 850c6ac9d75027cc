"""What a worker and its supervisor say to each other, and what they say it over."""

from typing import TYPE_CHECKING, TypeAlias

import attrs

from loafer.entrypoints.worker.ending import Ending
from loafer.entrypoints.worker.told import Told

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


@attrs.frozen
class Began:
    """What a worker says once it hears signals, before it receives anything.

    Attributes:
        grace_period: Seconds that the code of its application gives to running handlers; None: as the settings say.

    """

    grace_period: float | None = None


@attrs.frozen
class Hurry:
    """What a supervisor says to a worker that is to stop without waiting for anything."""


Said: TypeAlias = Began | Ending
"""What a worker says of its course: once that it began, and once how it ended."""

Spoken: TypeAlias = Said | Told
"""All that a worker says: beside that, every second how it is, where that is served."""

WorkerLink: TypeAlias = "Connection[Spoken, Hurry]"
"""The worker's end of the link."""

SupervisorLink: TypeAlias = "Connection[Hurry, Spoken]"
"""The supervisor's end of the link."""
