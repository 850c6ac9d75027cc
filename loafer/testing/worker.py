"""Workers in virtual time, one after another, until nothing is left to do."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial

import attrs

from loafer.adapters.memory.queue import MemoryQueue
from loafer.application.dispatcher import Dispatcher
from loafer.entrypoints.worker.course import Course
from loafer.testing.delivery import shown
from loafer.testing.faults import Chance, Life, tasks_but
from loafer.testing.hiring import Hired
from loafer.testing.result import Journal
from loafer.testing.sending import content_in

LOOK = 1.0
"""Virtual seconds after which the end is looked for, even if nothing happened."""

PATIENCE = 24 * 60 * 60.0
"""Virtual seconds after which a run counts as endless, unless the test says otherwise."""

ROUNDS = 100
"""How often what a dead worker left running is cancelled: a handler may refuse, but not for ever."""


Worker = Callable[[Life], AbstractContextManager[Hired]]
"""What hires a worker for a life."""


class StillRunning(AssertionError):
    """A run that does not end: the same goes on for ever; one line says what."""


@attrs.frozen
class Bounds:
    """How long a run may go on.

    Attributes:
        seconds: Virtual seconds after which it is stopped, whatever is left; None: when nothing is left to do.
        deliveries: Receives or runs after which it counts as endless.
        patience: Virtual seconds after which it counts as endless.

    """

    seconds: float | None = None
    deliveries: int = 1000
    patience: float = PATIENCE


@attrs.define(eq=False)
class Shift:
    """Runs workers on queues until nothing is left to do; one that dies of a fault is followed by a new one.

    Attributes:
        worker: Hires for one life, and clears up after it.
        sources: The queues that it receives from.
        expected: Tells whether somebody is still going to publish.

    """

    worker: Worker
    sources: Sequence[MemoryQueue]
    bounds: Bounds
    journal: Journal
    chance: Chance
    expected: Callable[[], bool]
    _began: float = attrs.field(init=False)
    _received_before: int = attrs.field(default=0, init=False)
    _task: "asyncio.Task[None] | None" = attrs.field(default=None, init=False)
    _hired: Hired | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin to count."""
        self._began, self._received_before = self.journal.clock(), self._received()

    def run(self, runner: asyncio.Runner) -> None:
        """Run to the end, though a task that a handler made raises SystemExit, which stops the event loop.

        Raises:
            StillRunning: it goes on for ever.
            BaseException: what ended the dispatcher.

        """
        go: Callable[[], None] = partial(runner.run, self._run())
        escaped: SystemExit | None = None
        while True:
            try:
                go()
            except SystemExit as error:
                if self._task is None or self._task.done() or self._hired is None:
                    raise
                escaped = escaped or error
                self._hired.dispatcher.fail(error)
                go = partial(runner.get_loop().run_until_complete, self._task)
            else:
                break
        if escaped is not None:  # it came so late that nothing was left to stop
            raise escaped

    async def _run(self) -> None:
        """Return when nothing is left to do, or the time is over.

        Raises:
            StillRunning: it goes on for ever.
            BaseException: what ended the dispatcher.

        """
        self._task = asyncio.current_task()
        while not await self._one_life():
            continue

    async def _one_life(self) -> bool:
        """Let one worker work; tell whether it came to its end, and did not die before."""
        life = self.chance.life = Life()
        try:
            with self.worker(life) as hired:
                self._hired = hired
                # Loafer's own jitter is a matter of chance, too; what was just imported may have drawn something.
                random.seed(self.chance.random.getrandbits(64))
                working = asyncio.create_task(_end_of(hired.course))
                ending = asyncio.create_task(self._end(hired.dispatcher))
                await asyncio.wait({working, ending}, return_when=asyncio.FIRST_COMPLETED)
                died = life.over
                if not died:
                    await self._stop(life, hired, working, ending)
                if life.over:
                    self.journal.crashes += 1
                    await _cancel_the_rest()
                return not died
        finally:
            life.over, self.chance.life = True, None

    async def _stop(
        self,
        life: Life,
        hired: Hired,
        working: "asyncio.Task[BaseException | None]",
        ending: "asyncio.Task[None]",
    ) -> None:
        """Stop a worker; the handlers that run get their grace period.

        Raises:
            BaseException: what ended the worker, or what is wrong with the run.

        """
        problem, dispatcher = ending.exception() if ending.done() else None, hired.dispatcher
        ending.cancel()
        dispatcher.stop()
        while dispatcher.held and not (problem or working.done() or life.over):
            await self._something_happens(LOOK)
        if hired.hurries or problem:
            dispatcher.stop()
        await asyncio.wait({working})
        problem = problem or (None if working.cancelled() else working.result())
        if problem is not None:
            raise problem

    async def _end(self, dispatcher: Dispatcher) -> None:
        """Return when the worker may stop.

        Raises:
            StillRunning: it never may.

        """
        while not self._over(dispatcher):
            if self._endless():
                raise StillRunning(self._what_goes_on(dispatcher))
            await self._something_happens(self._next_look())

    async def _something_happens(self, within: float) -> None:
        self.journal.turn.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self.journal.turn.wait()

    def _over(self, dispatcher: Dispatcher) -> bool:
        if self.bounds.seconds is not None:
            return self._elapsed() >= self.bounds.seconds
        return self._nothing_left(dispatcher)

    def _endless(self) -> bool:
        too_long = self.bounds.seconds is None and self._elapsed() >= self.bounds.patience
        return too_long or self._delivered() > self.bounds.deliveries

    def _next_look(self) -> float:
        return LOOK if self.bounds.seconds is None else min(LOOK, self.bounds.seconds - self._elapsed())

    def _nothing_left(self, dispatcher: Dispatcher) -> bool:
        on_queues = any(len(queue) for queue in self.sources)
        return not (on_queues or dispatcher.held or self.chance.pending or self.expected())

    def _elapsed(self) -> float:
        return self.journal.clock() - self._began

    def _received(self) -> int:
        return sum(queue.counts["received"] for queue in self.sources) - self._received_before

    def _delivered(self) -> int:
        return self.journal.delivered(self._received())

    def _what_goes_on(self, dispatcher: Dispatcher) -> str:
        delivered, most = self._delivered(), self.bounds.deliveries
        lost = f"the run does not end: after {delivered} deliveries and {self._elapsed():.0f} virtual seconds"
        more = f"at_most={2 * most}" if delivered > most else "patience=…"
        right = f"give the queue dead_letters, or the run seconds=… or more: {more}"
        return what_goes_on(lost, self.sources, self.journal, dispatcher.held, right)


def what_goes_on(lost: str, sources: Sequence[MemoryQueue], journal: Journal, held: int, right: str) -> str:
    """Return what goes on for ever: what was `lost`, what is left, how it ended last, and what would be right."""
    left = [(queue.name, sent.body) for queue in sources for sent in queue.messages.values()]
    if not left:
        return f"{lost} a handler still runs, or somebody is still to publish"
    name, body = left[0]
    last = journal.deliveries[-1] if journal.deliveries else None
    how = f", the last delivery: {last!r}" if last is not None else ", no handler has ended"
    among = f", {held} of them held now" if held else ""
    return f"{lost} there are {len(left)} on {name!r}{among}, first {shown(content_in(body))}{how}; {right}"


async def _end_of(course: Course) -> BaseException | None:
    """Return what ended a course; a SystemExit of a task would end the event loop at once."""
    try:
        await course.run()
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again where the run ends
        return error
    return None


async def _cancel_the_rest() -> None:
    """Cancel whatever else runs on this event loop, again and again, until nothing does."""
    me = asyncio.current_task()
    for _ in range(ROUNDS):
        others = tasks_but(me)
        if not others:
            return
        for task in others:
            task.cancel()
        done, _pending = await asyncio.wait(others, timeout=0.001)
        await asyncio.gather(*done, return_exceptions=True)
