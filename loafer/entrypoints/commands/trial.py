"""A finite run on a queue in memory, through the real container: what the demo and the replay are made of."""

from asyncio import CancelledError
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import attrs

from loafer.adapters.aws.saved import Sample
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.publisher import MemoryPublisher
from loafer.application.delivery import Delivery
from loafer.application.destination import Destination
from loafer.domain.limits import LONGEST_VISIBILITY
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.applications import Application
from loafer.entrypoints.worker.deadline import cut_off
from loafer.entrypoints.worker.ending import FAILED, Ending
from loafer.entrypoints.worker.manager import Manager
from loafer.entrypoints.worker.signals import by_signals
from loafer.ports.publisher import Publisher

NO_WAITING = {"WaitTimeSeconds": 0.05}
"""Nobody sends anything later, so no receive has anything to wait for."""


def publisher_in(broker: MemoryBroker, to: Destination) -> Publisher:
    """Return what sends to a queue or topic of memory in place of a destination."""
    name = to.called
    return MemoryPublisher(broker.topic(name) if to.topic else broker.queue(name))


@attrs.define(eq=False)
class Trial:
    """Delivers each sample once, and stops.

    Attributes:
        settings: The routes, each from a source `memory://NAME`.
        samples: The messages for each source.
        observe: Told of each sample's delivery, in the order in which they end.
        application: An application whose routes run beside; its sources are such, too.
        unfinished: The exit status of the process where a handler lets no stop end it.

    What the application publishes stays in memory.
    """

    settings: Settings
    samples: Mapping[str, Sequence[Sample]]
    observe: Callable[[Delivery], None]
    mistakes: Mistakes = attrs.field(factory=Mistakes)
    application: Application | None = None
    unfinished: int = FAILED
    manager: Manager = attrs.field(init=False)
    _left: set[str] = attrs.field(init=False)
    _stop: Callable[[], None] = attrs.field(init=False)
    _asked: bool = attrs.field(default=False, init=False)
    _over: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        """Put the samples on their queues."""
        routes = tuple(attrs.evolve(route, options=NO_WAITING) for route in self.settings.routes)
        settings = attrs.evolve(self.settings, routes=routes, observers=())  # what happens here is nobody's business
        self.manager = Manager(
            settings, self.mistakes, self._ended, application=self.application, cut_off=self._cut_off
        )
        self.manager.publisher_to = partial(publisher_in, self.manager.broker)
        self._left = {sample.id for samples in self.samples.values() for sample in samples}
        for source, samples in self.samples.items():
            queue = self.manager.broker.queue(source)
            queue.visibility_timeout = LONGEST_VISIBILITY  # what is kept does not come back
            for sample in samples:
                queue.send(attrs.evolve(sample.message, delay=None), sample.id)

    def run(self) -> bool:
        """Deliver everything; tell whether all of it was delivered before something stopped the run.

        Raises:
            ConfigurationError: something is wrong with the settings.
            BaseException: what a handler raised that is no `Exception` (SystemExit, for one).

        """
        try:
            self.manager.run(stoppable=self._until_all_ended)
        finally:
            self._over = True
        return not self._left

    @contextmanager
    def _until_all_ended(self, stop: Callable[[], None]) -> Iterator[None]:
        self._stop = stop

        def asked() -> None:
            self._asked = True
            stop()

        with by_signals(asked):
            yield

    def _cut_off(self, _: Ending, line: str) -> None:
        if not self._over:
            cut_off(lambda _: None, lambda: None, Ending(self.unfinished), line)

    def _ended(self, delivery: Delivery) -> None:
        if delivery.message.id not in self._left:
            return  # a handler asked for it back at once
        if self._asked and isinstance(delivery.error, CancelledError):
            return  # nothing came of it: it was stopped
        self._left.discard(delivery.message.id)
        self.observe(delivery)
        if not self._left:
            self._stop()
