"""A world in memory, in virtual time: queues and topics, somebody who publishes, and workers that run routes."""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, overload

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.domain.attributes import AttributeValue
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.wiring.applications import Application
from loafer.testing import seeds
from loafer.testing.applications import LIFESPAN, add_places
from loafer.testing.clock import refuse_within_a_coroutine, runner, threads_stop_the_time
from loafer.testing.delivery import DEFAULT_TRANSLATOR
from loafer.testing.faults import Chance, Faults
from loafer.testing.faulty import CallingPublisher
from loafer.testing.hiring import Hiring
from loafer.testing.orders import Order, order_of_application, order_of_route, order_of_settings
from loafer.testing.places import Destination, Places
from loafer.testing.post import Post
from loafer.testing.result import Journal, Result
from loafer.testing.sending import Timed
from loafer.testing.worker import PATIENCE, Bounds, Shift


@attrs.define(eq=False)
class World:
    """Queues and topics in memory on one virtual clock, which begins at 0; close it in the end.

    Attributes:
        seed: Decides when faults strike, and every random delay; from LOAFER_TEST_SEED, or drawn once a process.

    """

    seed: int = attrs.field(factory=seeds.seed_given, validator=seeds.check_seed)
    _runner: asyncio.Runner = attrs.field(factory=runner, init=False, repr=False)
    _places: Places = attrs.field(init=False, repr=False)
    _chance: Chance = attrs.field(init=False, repr=False)
    _expected: int = attrs.field(default=0, init=False, repr=False)
    _post: Post = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Let nothing be there yet, and nothing go wrong."""
        self._places = Places(self.now)
        self._chance = Chance(Faults(), random.Random(self.seed))
        self._post = Post(self._places, self._chance)
        seeds.use(self.seed)

    def __enter__(self) -> Self:
        """Return the world, which is closed in the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """End what still runs; nothing may be called afterwards."""
        with threads_stop_the_time():
            self._runner.close()

    def now(self) -> float:
        """Return the virtual time in seconds."""
        return self._runner.get_loop().time()

    @property
    def queues(self) -> Mapping[str, MemoryQueue]:
        """The queues by name."""
        return self._places.queues

    def queue(
        self,
        name: str,
        *,
        visibility_timeout: float = 30.0,
        max_receive_count: int | None = None,
        dead_letters: MemoryQueue | str | None = None,
    ) -> MemoryQueue:
        """Create a queue; with `.fifo` at the end of its name it is FIFO. A dead-letter queue is created if need be.

        Raises:
            ValueError: there is something of that name, `max_receive_count` and `dead_letters` do not come together,
                only one of the queue and its dead-letter queue is FIFO, or SQS would not have such a queue.

        """
        return self._places.queue(name, visibility_timeout, max_receive_count, dead_letters)

    def topic(self, name: str) -> MemoryTopic:
        """Create a topic; with `.fifo` at the end of its name it is FIFO.

        Raises:
            ValueError: there is a queue or topic of that name.

        """
        return self._places.topic(name)

    def faults(self, faults: Faults | None = None, /, *, seed: int | None = None, **rates: float) -> Faults:
        """Let things go wrong from now on, at the rates that `Faults` has; a seed given here goes before all others.

        Raises:
            ValueError: a rate is not from 0 to 1, or the seed is no whole number.

        """
        changes: dict[str, Any] = {**rates} if seed is None else {**rates, "seed": seed}
        given: Faults = attrs.evolve(faults or Faults(), **changes)
        if given.seed is not None:
            self.seed = given.seed
        self._chance.faults, self._chance.random = given, random.Random(self.seed)
        self._chance.copies.clear()
        return given

    def publish(
        self,
        destination: Destination,
        content: object,
        *,
        attributes: Mapping[str, AttributeValue] | None = None,
        group: str | None = None,
        deduplication_id: str | None = None,
        delay: int | None = None,
    ) -> str:
        """Publish a message and return its id; a string is its body, of anything else the JSON.

        Raises:
            LookupError: there is no queue or topic of that name.
            ValueError: it cannot be sent there.

        """
        return self._post.publish(
            destination, content, attributes=attributes, group=group, deduplication_id=deduplication_id, delay=delay
        )

    def play(self, destination: Destination, schedule: Iterable[Timed]) -> None:
        """Publish messages later, each after its seconds; a run waits for all of them.

        Raises:
            LookupError: there is no queue or topic of that name.
            ValueError: one of them cannot be sent there; then none is.

        """
        found, loop, all_timed = self._places.found(destination), self._runner.get_loop(), list(schedule)
        for timed in all_timed:
            found.check(timed.message)
        for timed in all_timed:
            self._expected += 1
            loop.call_later(timed.after, self._send_expected, found, timed.message)

    def publisher(self, destination: Destination) -> CallingPublisher:
        """Return a publisher to a queue or topic, for the handler under test."""
        return self._post.publisher(destination)

    def add(self, application: Application, *, max_receive_count: int | None = None) -> None:
        """Make the queues and topics that an application's routes and publishers name; those that are there stay.

        With `max_receive_count` each queue that a route receives from gets a dead-letter queue, NAME-dead.

        Raises:
            ConfigurationError: something is wrong with the application; all of it is said.

        """
        add_places(self._places, application, max_receive_count)

    @overload
    def run(
        self, handler: Application, *, state: Any = ..., only: Sequence[str] = ..., seconds: float | None = ...,
        at_most: int = ..., patience: float = ..., **options: Any,
    ) -> Result: ...  # fmt: skip
    @overload
    def run(
        self, handler: object, *, source: MemoryQueue | str, translator: object = ..., state: Any = ...,
        seconds: float | None = ..., at_most: int = ..., patience: float = ..., **options: Any,
    ) -> Result: ...  # fmt: skip

    def run(
        self,
        handler: object,
        *,
        source: MemoryQueue | str | None = None,
        translator: object = DEFAULT_TRANSLATOR,
        state: Any = LIFESPAN,
        only: Sequence[str] = (),
        seconds: float | None = None,
        at_most: int = 1000,
        patience: float = PATIENCE,
        **options: Any,
    ) -> Result:
        """Run a route or an application until nothing is left to do, or for so many virtual seconds; return what came.

        `handler` and `translator` are what a route takes, or its dotted name; `options` are those of
        `loafer.application.options.Options`. What runs when the seconds are over gets the grace period. `state` is that
        of contexts, in place of what an application's lifespan gives; `only` are the names of the routes that run.

        Raises:
            StillRunning: more than `at_most` messages were delivered, or `patience` virtual seconds went by.
            LookupError: there is no queue of that name.
            ConfigurationError: something is wrong with the application.
            ValueError: the handler or the translator cannot be one, or an option cannot be.
            BaseException: what ended the worker.

        """
        if isinstance(handler, Application):
            order = order_of_application(self._post, handler, state, only, options)
        else:
            given = None if state is LIFESPAN else state
            order = order_of_route(self._places, handler, source, translator, state=given, options=options)
        return self._run(order, Bounds(seconds, at_most, patience))

    def run_settings(
        self,
        settings: Mapping[str, object],
        *,
        seconds: float | None = None,
        at_most: int = 1000,
        patience: float = PATIENCE,
    ) -> Result:
        """Run what the `LOAFER_…` keys say, as if they were environment variables, on a source `memory://NAME`.

        Raises:
            ConfigurationError: something is wrong with the settings, or the source is no queue of this world.
            StillRunning: more than `at_most` messages were delivered, or `patience` virtual seconds went by.
            BaseException: what ended the worker.

        """
        return self._run(order_of_settings(self._places, settings), Bounds(seconds, at_most, patience))

    def _run(self, order: Order, bounds: Bounds) -> Result:
        refuse_within_a_coroutine()
        seeds.use(self.seed)
        journal = Journal(self.now, self.queues)
        before, state = len(self._post.published), random.getstate()
        worker = order.hire(Hiring(journal, self._chance))
        shift = Shift(worker, order.sources, bounds, journal, self._chance, lambda: self._expected > 0)
        try:
            with threads_stop_the_time():
                shift.run(self._runner)
        finally:
            random.setstate(state)
        return journal.result(self._post.published[before:])

    def _send_expected(self, destination: MemoryQueue | MemoryTopic, message: OutgoingMessage) -> None:
        self._expected -= 1
        self._post.send(destination, message)
