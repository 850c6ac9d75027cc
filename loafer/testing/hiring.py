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
from loafer.entrypoints.wiring.applications import Application
from loafer.entrypoints.wiring.threads import HANDLER_THREAD
from loafer.entrypoints.worker.course import Course
from loafer.entrypoints.worker.manager import Manager
from loafer.ports.consumer import Consumer
from loafer.testing.applications import name_in, place_of
from loafer.testing.delivery import route_of
from loafer.testing.faults import Chance, Life
from loafer.testing.faulty import FaultyConsumer
from loafer.testing.places import Places
from loafer.testing.post import Post
from loafer.testing.result import Journal


@attrs.frozen
class Hired:
    """A worker.

    Attributes:
        course: What it does.
        hurries: Whether nothing is to be waited for once it has settled what it holds; a lifespan needs its time.

    """

    course: Course
    hurries: bool = True

    @property
    def dispatcher(self) -> Dispatcher:
        """What runs its routes."""
        return self.course.dispatcher


@attrs.define(eq=False)
class Hiring:
    """Makes the workers of one run."""

    journal: Journal
    chance: Chance

    @contextmanager
    def for_route(
        self, life: Life, queue: MemoryQueue, handler: object, translator: object, *, state: object, options: Options
    ) -> Iterator[Hired]:
        """Give a worker with one route, whose handler and translator are objects or dotted names.

        Raises:
            ValueError: the handler or the translator cannot be one.

        """
        pool = ThreadPool(options.max_jobs, HANDLER_THREAD)
        try:
            route = route_of(queue.name, lambda: MemoryConsumer(queue), translator, handler, pool, state=state)
            dispatcher = Dispatcher([route], options, self._while_alive(life), self.journal.clock)
            yield Hired(Course(self._prepared(dispatcher, life)))
        finally:
            pool.close()

    @contextmanager
    def for_settings(self, life: Life, settings: Settings, mistakes: Mistakes, broker: MemoryBroker) -> Iterator[Hired]:
        """Give a worker that the container makes.

        Raises:
            ConfigurationError: something is wrong with the settings.

        """
        observe, clock = self._while_alive(life), self.journal.clock
        manager = Manager(settings, mistakes, observe, broker, clock, asyncio.new_event_loop)
        with manager.prepared() as dispatcher:
            yield Hired(Course(self._prepared(dispatcher, life)))

    @contextmanager
    def for_application(
        self, life: Life, application: Application, settings: Settings, post: Post, wait: float | None = None
    ) -> Iterator[Hired]:
        """Give a worker that runs an application on the queues and topics of the post.

        Its polls wait so many seconds; None: as its routes say.

        Raises:
            ConfigurationError: something is wrong with the application.

        """
        manager = Manager(
            settings, Mistakes(), self._while_alive(life), post.places.broker, self.journal.clock,
            asyncio.new_event_loop, application, publisher_to=lambda to: post.publisher(place_of(to)),
        )  # fmt: skip
        with manager.prepared() as dispatcher:
            dispatcher.routes = [_in_memory(route, post.places, wait) for route in dispatcher.routes]
            yield Hired(manager.course(self._prepared(dispatcher, life)), hurries=False)

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


def _in_memory(route: Route, places: Places, wait: float | None) -> Route:
    """Return a route that receives from a queue in memory: as many as from its own, and unless said for as long."""
    real, queue = route.consumer(), places.queues[name_in(route.source)]
    wait_time = real.wait_time if wait is None else wait
    return attrs.evolve(route, consumer=lambda: MemoryConsumer(queue, wait_time, real.batch_size))
