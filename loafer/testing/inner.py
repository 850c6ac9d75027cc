"""An application in memory inside the test's own event loop, beside whatever else the test has there."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.adapters.memory.topic import MemoryTopic
from loafer.application.route import BatchCall, Route
from loafer.domain.attributes import AttributeValue
from loafer.domain.limits import FIFO
from loafer.domain.retry import Retry
from loafer.entrypoints.wiring.applications import Application, chosen
from loafer.entrypoints.worker.handle import Worker
from loafer.entrypoints.worker.hosted import inside
from loafer.testing.applications import LIFESPAN, add_places, name_in, settings_in_memory, with_state
from loafer.testing.clock import VirtualLoop, threads_stop_the_time
from loafer.testing.faults import Chance, Faults, Life
from loafer.testing.hiring import Hired, Hiring
from loafer.testing.places import Destination, Places
from loafer.testing.post import Post
from loafer.testing.result import Journal, Result
from loafer.testing.worker import PATIENCE, StillRunning, what_goes_on

LOOK = 0.05
"""Seconds after which the end is looked for, even if nothing happened."""

REAL_PATIENCE = 10.0
"""Seconds after which what does not settle counts as endless where time is real."""

TURNS = 50
"""Turns of the event loop, many more than a message takes from its queue to the dispatcher."""

POLLING = 0.02
"""Seconds that a poll waits for messages where time is real: one that began before a jump knows nothing of it."""

GATHERING = 0.05
"""Seconds that a batch waits for others at most where time is real."""


@attrs.define(eq=False)
class Skipped:
    """The time of the event loop, and what was skipped of it."""

    seconds: float = 0.0
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)

    @property
    def ahead(self) -> float:
        """Seconds by which time since the epoch is ahead of it; none where time is virtual."""
        return 0.0 if isinstance(self._loop, VirtualLoop) else time.time() - self.now()

    def now(self) -> float:
        """Return the time, in any thread."""
        return self._loop.time() + self.seconds


@attrs.define(eq=False, repr=False)
class InMemory:
    """A running application, its queues and its topics; `in_memory` makes it.

    Where time is real nobody waits for what comes back later: while no handler runs, the queues' time jumps there.
    """

    _post: Post
    _journal: Journal
    _clock: Skipped
    _sources: Sequence[MemoryQueue]
    _hired: Hired
    _worker: Worker
    _seen: int = attrs.field(default=0, init=False)
    _received: int = attrs.field(default=0, init=False)

    @property
    def queues(self) -> Mapping[str, MemoryQueue]:
        """The queues by name."""
        return self._post.places.queues

    @property
    def topics(self) -> Mapping[str, MemoryTopic]:
        """The topics by name."""
        return self._post.places.broker.topics

    @property
    def worker(self) -> Worker:
        """The worker that runs the application."""
        return self._worker

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
            destination, content, attributes=attributes, group=group, deduplication_id=deduplication_id, delay=delay,
            noted=False,
        )  # fmt: skip

    async def settle(self, *, at_most: int = 1000, patience: float | None = None) -> Result:
        """Wait until nothing is left to do, and return what came of it since the last time.

        Raises:
            StillRunning: more than `at_most` messages were delivered, or `patience` seconds went by; unless given, 10
                where time is real, and a virtual day elsewhere.
            BaseException: what ended the worker.

        """
        loop = asyncio.get_running_loop()
        longest, began = (PATIENCE if isinstance(loop, VirtualLoop) else REAL_PATIENCE), loop.time()
        while self._left:
            if not self._worker.alive:
                break
            elapsed = loop.time() - began
            if self._delivered() > at_most or elapsed > (longest if patience is None else patience):
                raise StillRunning(self._what_goes_on(elapsed))
            if not await self._something_happens() and await self._nothing_is_on_its_way():
                self._skip()
        if self._worker.error is not None:
            raise self._worker.error
        return self._since_last_time()

    @property
    def _left(self) -> bool:
        return self._hired.dispatcher.held > 0 or any(len(queue) for queue in self._sources)

    def _count(self) -> int:
        return sum(queue.counts["received"] for queue in self._sources)

    def _delivered(self) -> int:
        return self._journal.delivered(self._count() - self._received)

    def _skip(self) -> None:
        """Let the time of the queues jump to when a message comes back, if nothing can happen before.

        No poll that has been woken may be on its way: it would take the message for one that it got before the jump.
        """
        if isinstance(asyncio.get_running_loop(), VirtualLoop) or self._hired.dispatcher.held:
            return
        waits = [seconds for queue in self._sources if (seconds := queue.next_visible()) is not None]
        if waits and min(waits) > 0 and not any(queue.visible for queue in self._sources):
            self._clock.seconds += min(waits)

    async def _nothing_is_on_its_way(self) -> bool:
        """Tell whether nothing is received now; what was received before has come to the dispatcher by then."""
        before = self._count()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return self._count() == before

    async def _something_happens(self) -> bool:
        self._journal.turn.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                return await self._journal.turn.wait()
        return False

    def _since_last_time(self) -> Result:
        result = self._journal.result(self._post.published[self._seen :])
        self._seen, self._received = len(self._post.published), self._count()
        self._journal.begin()
        return result

    def _what_goes_on(self, elapsed: float) -> str:
        lost = f"it does not settle: after {self._delivered()} deliveries and {elapsed:.1f} seconds"
        right = "give in_memory a max_receive_count=, or settle more: at_most=… or patience=…"
        return what_goes_on(lost, self._sources, self._journal, self._hired.dispatcher.held, right)


@asynccontextmanager
async def in_memory(
    application: Application,
    *,
    state: Any = LIFESPAN,
    only: Sequence[str] = (),
    max_receive_count: int | None = None,
    **options: Any,
) -> AsyncIterator[InMemory]:
    """Run an application in the test's own event loop, on queues and topics in memory.

    `state` stands in for what its lifespan gives; without it, its lifespan runs. `only` names the routes that run.
    With `max_receive_count` its queues have dead-letter queues. `options` are those of
    `loafer.application.options.Options`; unless given, no handler gets a grace period when the block ends.

    Raises:
        ConfigurationError: something is wrong with the application; all of it is said.
        BaseException: what ended the worker, when the block ends.

    """
    clock, chance = Skipped(), Chance(Faults(), random.Random())
    places = Places(clock.now)
    add_places(places, application, max_receive_count)
    for queue in places.queues.values():
        queue.ahead = clock.ahead
    sources = dict.fromkeys(name_in(route.source) for route in chosen(application.routes(), only))
    journal, post = Journal(clock.now, places.queues, clock.now()), Post(places, chance)
    settings = settings_in_memory({"grace_period": 0.0, "poll_grace": 0.0, **options}, only)
    hiring = Hiring(journal, chance)
    wait = None if isinstance(asyncio.get_running_loop(), VirtualLoop) else POLLING
    with (
        threads_stop_the_time(),
        hiring.for_application(Life(), with_state(application, state), settings, post, wait) as hired,
    ):
        if wait is not None:
            hired.dispatcher.routes = [_impatient(route) for route in hired.dispatcher.routes]
        async with inside(hired.course) as worker:
            await worker.ready()
            yield InMemory(post, journal, clock, [places.queues[name] for name in sources], hired, worker)


def _impatient(route: Route) -> Route:
    """Return a route for where time is real: batches hardly wait, and a FIFO queue's messages run again at once."""
    if isinstance(route.call, BatchCall):
        return attrs.evolve(route, call=attrs.evolve(route.call, wait=min(route.call.wait, GATHERING)))
    return attrs.evolve(route, retry=Retry(delay=0)) if route.source.endswith(FIFO) else route
