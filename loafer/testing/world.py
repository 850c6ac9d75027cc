"""A world in memory, in virtual time: queues and topics, somebody who publishes, and workers that run routes."""

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Self

import attrs

from loafer.adapters.memory import SCHEME
from loafer.adapters.memory.broker import MemoryBroker
from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.application.options import Options
from loafer.domain.message import OutgoingMessage
from loafer.entrypoints.mistakes import Mistake, Mistakes
from loafer.entrypoints.settings import load_settings
from loafer.entrypoints.sources import environment_layer, warn_of_unknown_keys
from loafer.testing.clock import runner, threads_stop_the_time
from loafer.testing.delivery import DEFAULT_TRANSLATOR
from loafer.testing.faults import Chance, Faults, seed_given
from loafer.testing.hiring import Hiring
from loafer.testing.result import Journal, Result
from loafer.testing.sending import AttributeValue, CallingPublisher, Timed, content_in, outgoing
from loafer.testing.worker import PATIENCE, Bounds, Shift, Worker

Destination = MemoryQueue | MemoryTopic | str
"""A queue or topic, or its name."""


@attrs.define(eq=False)
class World:
    """Queues and topics in memory on one virtual clock, which begins at 0; close it in the end.

    Attributes:
        seed: Decides when faults strike, and every random delay; from LOAFER_TEST_SEED, or new each time.

    """

    seed: int = attrs.field(factory=seed_given)
    _runner: asyncio.Runner = attrs.field(factory=runner, init=False, repr=False)
    _broker: MemoryBroker = attrs.field(init=False, repr=False)
    _chance: Chance = attrs.field(init=False, repr=False)
    _expected: int = attrs.field(default=0, init=False, repr=False)
    _published: list[tuple[str, object]] = attrs.field(factory=list, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Let nothing be there yet, and nothing go wrong."""
        self._broker = MemoryBroker(clock=self.now)
        self._chance = Chance(Faults(), random.Random(self.seed))

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
        return self._broker.queues

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
            ValueError: there is one of that name, `max_receive_count` and `dead_letters` do not come together, or only
                one of the queue and its dead-letter queue is FIFO.

        """
        if name in self.queues:
            raise ValueError(f"there is a queue {name!r} already; it is world.queues[{name!r}]")
        if (max_receive_count is None) != (dead_letters is None):
            raise ValueError(f"queue {name!r}: max_receive_count and dead_letters need each other; give both, or none")
        target = self._broker.queue(dead_letters) if isinstance(dead_letters, str) else dead_letters
        queue = MemoryQueue(name, visibility_timeout, max_receive_count, target, self.now)
        if target is not None and target.fifo != queue.fifo:
            raise ValueError(f"queue {name!r}: a FIFO queue's dead letters need a FIFO queue, and no other one's do")
        self._broker.queues[name] = queue
        return queue

    def topic(self, name: str) -> MemoryTopic:
        """Create a topic; with `.fifo` at the end of its name it is FIFO.

        Raises:
            ValueError: there is one of that name.

        """
        if name in self._broker.topics:
            raise ValueError(f"there is a topic {name!r} already")
        return self._broker.topic(name)

    def faults(self, seed: int | None = None, **rates: float) -> Faults:
        """Let things go wrong from now on, at the rates that `Faults` has; a seed given here goes before all others."""
        faults = Faults(seed, **rates)
        if seed is not None:
            self.seed = seed
        self._chance = Chance(faults, random.Random(self.seed))
        return faults

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
        message = outgoing(content, attributes=attributes, group=group, deduplication_id=deduplication_id, delay=delay)
        return self._send(self._found(destination), message)

    def play(self, destination: Destination, schedule: Iterable[Timed]) -> None:
        """Publish messages later, each after its seconds; a run waits for all of them."""
        found, loop = self._found(destination), self._runner.get_loop()
        for timed in schedule:
            self._expected += 1
            loop.call_later(timed.after, self._send_expected, found, timed.message)

    def publisher(self, destination: Destination) -> CallingPublisher:
        """Return a publisher to a queue or topic, for the handler under test."""
        return CallingPublisher(partial(self._send, self._found(destination)))

    def run(
        self,
        handler: object,
        *,
        source: MemoryQueue | str,
        translator: object = DEFAULT_TRANSLATOR,
        seconds: float | None = None,
        at_most: int = 1000,
        patience: float = PATIENCE,
        **options: Any,
    ) -> Result:
        """Run a route until nothing is left to do, or for so many virtual seconds; return what came of it.

        `handler` and `translator` are what a route takes, or its dotted name; `options` are those of
        `loafer.application.options.Options`. What runs when the seconds are over gets the grace period.

        Raises:
            StillRunning: more than `at_most` messages were received, or `patience` virtual seconds went by.
            LookupError: there is no queue of that name.
            ValueError: the handler or the translator cannot be one.
            BaseException: what ended the worker.

        """
        queue = self._found(source)
        if not isinstance(queue, MemoryQueue):
            raise LookupError(f"{queue.name!r} is a topic; run a handler on a queue that is subscribed to it")
        values = Options(**options)

        def hire(hiring: Hiring) -> Worker:
            return partial(hiring.for_route, queue=queue, handler=handler, translator=translator, options=values)

        return self._run(hire, [queue], Bounds(seconds, at_most, patience))

    def run_settings(
        self,
        settings: Mapping[str, object],
        *,
        seconds: float | None = None,
        at_most: int = 1000,
        patience: float = PATIENCE,
    ) -> Result:
        """Run what the LOAFER_ keys say, as if they were environment variables, on a source `memory://NAME`.

        Raises:
            ConfigurationError: something is wrong with the settings, or the source is not in memory.
            StillRunning: more than `at_most` messages were received, or `patience` virtual seconds went by.
            BaseException: what ended the worker.

        """
        mistakes = Mistakes()
        layers = [environment_layer({key: str(value) for key, value in settings.items()})]
        warn_of_unknown_keys(layers)
        loaded = load_settings(layers, mistakes)
        source = loaded.routes[0].source
        if source and not source.startswith(SCHEME):
            wrong = Mistake("LOAFER_DEFAULT_ROUTE_SOURCE", source, "test", "not in memory; give memory://NAME")
            mistakes.add(wrong)
        mistakes.raise_if_any()

        def hire(hiring: Hiring) -> Worker:
            return partial(hiring.for_settings, settings=loaded, mistakes=mistakes, broker=self._broker)

        return self._run(hire, [self._broker.queue(source)], Bounds(seconds, at_most, patience))

    def _run(self, hire: Callable[[Hiring], Worker], sources: list[MemoryQueue], bounds: Bounds) -> Result:
        journal = Journal(self.now, self.queues)
        before, state = len(self._published), random.getstate()
        shift = Shift(
            hire(Hiring(journal, self._chance)), sources, bounds, journal, self._chance, lambda: self._expected > 0
        )
        random.seed(self._chance.random.getrandbits(64))  # loafer's own jitter is a matter of chance, too
        try:
            with threads_stop_the_time():
                self._runner.run(shift.run())
        finally:
            random.setstate(state)
        return journal.result(self._published[before:])

    def _found(self, destination: Destination) -> MemoryQueue | MemoryTopic:
        if not isinstance(destination, str):
            return destination
        found = self.queues.get(destination, self._broker.topics.get(destination))
        if found is None:
            there = ", ".join([*self.queues, *self._broker.topics]) or "nothing"
            raise LookupError(f"there is no queue or topic {destination!r}, but {there}; create it first")
        return found

    def _send(self, destination: MemoryQueue | MemoryTopic, message: OutgoingMessage) -> str:
        message_id = destination.send(message)
        self._published.append((destination.name, content_in(message.body)))
        return message_id

    def _send_expected(self, destination: MemoryQueue | MemoryTopic, message: OutgoingMessage) -> None:
        self._expected -= 1
        self._send(destination, message)
