"""The test kit: a world in memory, in virtual time, with seeded faults; imported when it is asked for.

Its pytest plugin is loaded by every pytest run where loafer is installed, so nothing here may be slow to import.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loafer.testing.delivery import Delivery, adeliver, deliver
    from loafer.testing.faults import Faults
    from loafer.testing.inner import InMemory, in_memory
    from loafer.testing.result import Result
    from loafer.testing.sending import Timed, outgoing
    from loafer.testing.worker import StillRunning
    from loafer.testing.world import World

__all__ = [
    "Delivery",
    "Faults",
    "InMemory",
    "Result",
    "StillRunning",
    "Timed",
    "World",
    "adeliver",
    "deliver",
    "in_memory",
    "outgoing",
]

if not TYPE_CHECKING:  # a type checker would take any name for one that is here
    _HOMES = {
        "Delivery": "delivery",
        "Faults": "faults",
        "InMemory": "inner",
        "Result": "result",
        "StillRunning": "worker",
        "Timed": "sending",
        "World": "world",
        "adeliver": "delivery",
        "deliver": "delivery",
        "in_memory": "inner",
        "outgoing": "sending",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
