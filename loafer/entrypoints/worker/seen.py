"""How workers are, for those who run the process, and the thread that tells them each second."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import attrs

from loafer.entrypoints.worker.neighbour import beside, is_over

logger = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks."""


@attrs.frozen
class Seen:
    """How workers are, all of them together.

    Attributes:
        alive: Whether none is to be killed.
        begun: Whether all have begun to receive; their sources may not answer yet.
        stopping: Whether one is stopping.
        busy: Whether one holds a message.
        why: Why one is not alive or not ready; empty: all are.

    """

    alive: bool = True
    begun: bool = False
    stopping: bool = False
    busy: bool = False
    why: str = ""

    @classmethod
    def of(cls, workers: Sequence[Mapping[str, Any]]) -> "Seen":
        """Return how the workers are that say this of themselves."""
        reasons = [why for worker in workers for why in (*worker["not_alive"], *worker["not_ready"])]
        return cls(
            alive=all(worker["alive"] for worker in workers),
            begun=all(worker["routes"] for worker in workers),
            stopping=any(worker["state"] == "stopping" for worker in workers),
            busy=any(route["held"] for worker in workers for route in worker["routes"]),
            why=reasons[0] if reasons else "",
        )


class Teller(Protocol):
    """Tells somebody how workers are; may block for some seconds, and raises nothing."""

    def tell(self, seen: Seen) -> None:
        """Tell how they are now; called each second."""
        ...

    def end(self) -> None:
        """Tell that it ends."""
        ...


@contextmanager
def told(tellers: Sequence[Teller], workers: Callable[[], Sequence[Mapping[str, Any]]]) -> Iterator[None]:
    """Tell each second how workers are meanwhile, on a thread of its own; `workers` returns what they say."""
    if not tellers:
        yield
        return

    async def run(stop: asyncio.Event) -> None:
        while True:
            try:
                seen = Seen.of(workers())
                for teller in tellers:
                    teller.tell(seen)
            except Exception:  # what is told must not end the telling, which keeps the process alive
                logger.exception("it could not be told how the workers are")
            if await is_over(stop, EVERY):
                break
        for teller in tellers:
            teller.end()

    with beside("loafer-teller", run):
        yield
