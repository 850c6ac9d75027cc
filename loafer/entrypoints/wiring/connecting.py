"""From the publishers of an application to what carries their content: every mistake is told with its line of code."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.broker import MemoryBroker
from loafer.application.connection import Connection
from loafer.application.connections import Connections
from loafer.application.destination import Destination
from loafer.entrypoints.settings.here import settings_here
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.wiring.applications import Application
from loafer.entrypoints.wiring.encoding import encoding_of
from loafer.entrypoints.wiring.observing import observing
from loafer.exceptions import PublisherError
from loafer.ports.publisher import Publisher

PublisherTo = Callable[[Destination], Publisher]
"""Makes what sends to a destination; PublisherError if its name can be none of one."""


@asynccontextmanager
async def published_by(application: Application) -> AsyncIterator[None]:
    """Have an application's publishers publish outside of a worker, with the settings of this process.

    Raises:
        ConfigurationError: something is wrong with the settings, or a publisher cannot be; all of it is said.
        PublisherError: a queue or topic does not exist, or cannot be reached.

    """
    mistakes = Mistakes()
    here = settings_here({}, mistakes)
    connections = Connecting(mistakes, MemoryBroker(), here.settings.sqs_transport).connections(application)
    with observing(here.settings, mistakes) as observers:
        mistakes.raise_if_any()
        here.tell()
        connections.tell(observers)
        async with connections.opened():
            yield


@attrs.frozen
class Connecting:
    """Makes connections.

    Attributes:
        mistakes: Gets what is wrong with those that cannot be made.
        broker: Has the queues and topics in memory.
        transport: What carries frequent calls to SQS.
        processes: How many worker processes there are.
        publisher_to: Makes publishers; None: those of SQS and SNS, and of the broker for memory://.

    """

    mistakes: Mistakes
    broker: MemoryBroker
    transport: str | None = None
    processes: int = 1
    publisher_to: PublisherTo | None = None

    def connections(self, application: Application | None) -> Connections:
        """Return a connection for each of an application's publishers that can have one."""
        publishers = application.publishers() if application is not None else ()
        made = [(publisher.outlet, self._connection(publisher.destination)) for publisher in publishers]
        return Connections(tuple((outlet, connection) for outlet, connection in made if connection is not None))

    def _connection(self, to: Destination) -> Connection | None:
        write, publisher = None, None
        try:
            write = encoding_of(to.content)
        except ValueError as error:
            self._tell(to, str(error))
        try:
            publisher = (self.publisher_to or self._publisher)(to)
        except PublisherError as error:
            self._tell(to, str(error))
        return None if write is None or publisher is None else Connection(publisher, write)

    def _publisher(self, to: Destination) -> Publisher:
        if to.name.startswith(SCHEME):
            return self._in_memory(to)
        from loafer.adapters.aws.publisher import (  # noqa: PLC0415 - the SDK is slow to import, and rarely needed
            SNSPublisher,
            SQSPublisher,
        )

        access = {"region": to.region, "endpoint": to.endpoint, "profile": to.profile}
        if to.topic:
            return SNSPublisher(to.name, **access)
        return SQSPublisher(to.name, transport=self.transport, **access)

    def _in_memory(self, to: Destination) -> Publisher:
        from loafer.adapters.memory.publisher import MemoryPublisher  # noqa: PLC0415 - a worker rarely needs it

        if self.processes > 1:
            wrong = f"{self.processes} processes would each have a {'topic' if to.topic else 'queue'} of their own"
            self._tell(to, f"{wrong}; give one process, or one on AWS")
        return MemoryPublisher(self.broker.topic(to.name) if to.topic else self.broker.queue(to.name))

    def _tell(self, destination: Destination, what: str) -> None:
        self.mistakes.tell(f"{destination.line}: publisher to {destination.place}: {what}")
