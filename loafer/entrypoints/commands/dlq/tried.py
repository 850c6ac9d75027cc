"""An application for a try: its routes receive from queues in memory, and keep what fails without moving it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import attrs

from loafer.application.lifespan import Lifespan
from loafer.application.publishing import QueuePublisher, TopicPublisher
from loafer.application.registered import Line, Registered
from loafer.domain.limits import FIFO
from loafer.entrypoints.wiring.applications import Application

ONCE = {"WaitTimeSeconds": 0.05}
"""Options of a consumer to which nobody sends anything later."""


def source_in_memory(route: Registered) -> str:
    """Return the queue in memory from which a route receives in a try; no group waits for another message there."""
    return f"memory://{route.queue.removesuffix(FIFO)}"


@attrs.define(eq=False)
class TriedApplication:
    """An application whose sources are in memory; what it publishes is its owner's business.

    Attributes:
        application: The application as it is.

    """

    application: Application

    @property
    def lifespan(self) -> Lifespan | None:
        """Its own."""
        return self.application.lifespan

    @property
    def settings(self) -> Mapping[str, object]:
        """Its own, but for when messages come back: none does."""
        return {name: value for name, value in self.application.settings.items() if name != "retry"}

    @property
    def line(self) -> Line:
        """Where it was made."""
        return self.application.line

    def routes(self) -> Sequence[Registered]:
        """Return its routes, under their names."""
        return [
            attrs.evolve(
                route,
                source=source_in_memory(route),
                given_name=route.name,
                retry=None,
                rate=None,
                burst=None,
                region=None,
                endpoint=None,
                profile=None,
                options=ONCE,
                consumer=None,
            )
            for route in self.application.routes()
        ]

    def publishers(self) -> Sequence[QueuePublisher[Any] | TopicPublisher[Any]]:
        """Return its publishers."""
        return self.application.publishers()

    def rejected(self) -> Mapping[str, bool]:
        """Return of sources whether messages that no route takes are rejected."""
        given = self.application.rejected()
        return {source_in_memory(route): given.get(route.source, False) for route in self.application.routes()}

    def mistakes(self) -> Sequence[str]:
        """Return what is wrong with it."""
        return self.application.mistakes()

    def running_with(self) -> AbstractContextManager[None]:
        """Return what refuses to register anything while it lasts."""
        return self.application.running_with()
