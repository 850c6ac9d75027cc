"""Where a world's workers come from: real dispatchers, between which and their queues stand the faults."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs

from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.consumer import MemoryConsumer
from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.delivery import Delivery as Ended
from loafer.application.dispatcher import Dispatcher
from loafer.application.options import Options
from loafer.application.pool import ThreadPool
from loafer.application.route import Route
from loafer.entrypoints.settings.mistakes import Mistakes
from loafer.entrypoints.settings.table import Settings
from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker.manager import Manager
from loafer.ports.consumer import Consumer
from loafer.testing.delivery import route_of
from loafer.testing.faults import Chance, Life
from loafer.testing.faulty import FaultyConsumer
from loafer.testing.result import Journal


@attrs.define(eq=False)
class Hiring:
    """Makes the workers of one run."""

    journal: Journal
    chance: Chance

    @contextmanager
    def for_route(
        self, life: Life, queue: MemoryQueue, handler: object, translator: object, options: Options
    ) -> Iterator[Dispatcher]:
        """Give a worker with one route, whose handler and translator are objects or dotted names.

        Raises:
            ValueError: the handler or the translator cannot be one.

        """
        pool = ThreadPool(options.max_jobs, HANDLER_THREAD)
        try:
            route = route_of(queue.name, lambda: MemoryConsumer(queue), translator, handler, pool)
            dispatcher = Dispatcher([route], options, self._while_alive(life), self.journal.clock)
            yield self._prepared(dispatcher, life)
        finally:
            pool.close()

    @contextmanager
    def for_settings(
        self, life: Life, settings: Settings, mistakes: Mistakes, broker: MemoryBroker
    ) -> Iterator[Dispatcher]:
        """Give a worker that the container makes.

        Raises:
            ConfigurationError: something is wrong with the settings.

        """
        observe, clock = self._while_alive(life), self.journal.clock
        manager = Manager(settings, mistakes, observe, broker, clock, asyncio.new_event_loop)
        with manager.prepared() as dispatcher:
            yield self._prepared(dispatcher, life)

    def _while_alive(self, life: Life) -> Callable[[Ended], None]:
        def observe(delivery: Ended) -> None:
            if not life.over:
                self.journal.ended(delivery)

        return observe

    def _prepared(self, dispatcher: Dispatcher, life: Life) -> Dispatcher:
        """Let a dispatcher live in virtual time, with faults between its routes and their sources."""
        dispatcher.threaded_heartbeat = False
        dispatcher.routes = [self._watched(route, life) for route in dispatcher.routes]
        return dispatcher

    def _watched(self, route: Route, life: Life) -> Route:
        def consumer() -> Consumer:
            return FaultyConsumer(route.consumer(), route.source, self.chance, life, self.journal)

        return attrs.evolve(route, consumer=consumer)
