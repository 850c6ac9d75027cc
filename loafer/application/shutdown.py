"""The order in which everything ends, and the time that each part of it may take."""

import asyncio
import logging
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import attrs

from loafer.application.intake import Intake
from loafer.application.jobs import Jobs
from loafer.application.options import Options
from loafer.application.stop import Stop
from loafer.application.tasks import looked_at
from loafer.ports.consumer import Consumer

logger = logging.getLogger(__name__)

SETTLED = 5.25
"""Seconds on top of the grace period by which all is settled; the next five are parts of these."""

CANCELLING = 2.0
"""Seconds in which cancelled handlers are to end."""

AGAIN = 0.25
"""Seconds that are left of these where they are cancelled once more: in a clean-up, or after a function."""

ARRIVING = 0.5
"""Seconds for the answers of receives whose wait time is over."""

ARRIVING_LATE = 4.0
"""Seconds for them, where that leaves time for all else and a message that is lost with one may have had no other."""

LATE = 0.1
"""Seconds that the end of a wait for receives may be late: if it is later, the process stood still."""

ABORTING = 0.5
"""Seconds for aborted receives to end."""

FLUSHING = 2.0
"""Seconds for what is left to be settled, in any case."""

CLOSING = 0.5
"""Seconds after all of these for connections to be closed."""


AFTER_POLLS = FLUSHING + ABORTING + ARRIVING
"""Seconds of the stop that are left when no poll is waited for any more."""


def longest_wait(options: Options) -> float:
    """Return how long a poll may last in a stop, which aborts none then, and has a second for what it brings."""
    return min(options.poll_grace, options.grace_period - 1)


ROUNDS_ANEW = 2
"""How often everything is ended anew at most, where all tasks are cancelled meanwhile."""


@attrs.frozen
class Left:
    """What a stop had to leave behind.

    Attributes:
        handlers: How many handlers had not ended.
        messages: How many messages could not be settled, those of these handlers left out.
        consumers: How many consumers had not closed.

    """

    handlers: int = 0
    messages: int = 0
    consumers: int = 0

    def __str__(self) -> str:
        """Return it in words."""
        parts = {
            "handlers that did not end": self.handlers,
            "messages that could not be settled": self.messages,
            "connections that could not be closed": self.consumers,
        }
        return ", ".join(f"{count} {what}" for what, count in parts.items() if count) or "nothing"


@attrs.define(eq=False)
class Shutdown:
    """Ends everything but the heartbeat.

    Attributes:
        stop: Says when there is haste.
        jobs: What runs and what waits.
        intakes: What receives.
        options: The grace periods.
        clock: Seconds that never go back.
        left: What did not end.

    """

    stop: Stop
    jobs: Jobs
    intakes: Sequence[Intake]
    options: Options
    clock: Callable[[], float]
    left: Left = attrs.field(factory=Left, init=False)
    _began: float = attrs.field(init=False)
    _receives: "asyncio.Future[None]" = attrs.field(init=False)
    _abandoned: int = attrs.field(default=0, init=False)

    async def run(self) -> None:
        """End everything, though this is cancelled meanwhile: that is haste, as a second signal is.

        Where its own tasks are cancelled too, as all are by a second Ctrl-C in a host's `asyncio.run`, new ones take
        their place, twice at most.

        Raises:
            CancelledError: it was cancelled.

        """
        self._began = self.clock()
        self.jobs.running.see_cancelled()
        self._tell()
        cancelled: asyncio.CancelledError | None = None
        for end in (self._end_in_time, *[self._end_now] * ROUNDS_ANEW):
            self._receives = asyncio.ensure_future(self._end_receives())
            task = asyncio.create_task(end())
            while not task.done():
                try:
                    await asyncio.wait({task})
                except asyncio.CancelledError as error:
                    cancelled = error
                    self.jobs.running.see_cancelled()
                    self.stop.hurried.set()
            if not task.cancelled():
                break
            self._receives.cancel()
            self.stop.hurried.set()
        if task.cancelled():
            self._abandoned += self.jobs.running.abandon()
            self._tell_end(len(self.intakes))
        self.jobs.leave_the_rest()
        if cancelled is None or not task.cancelled():
            task.result()
        if cancelled is not None:
            raise cancelled

    def _tell(self) -> None:
        self.jobs.waiting.take_back()
        open_polls = sum(intake.open_polls for intake in self.intakes)
        text = "stopping: %d handlers run, %d messages wait, %d polls are open; the grace period is %g s"
        logger.info(text, len(self.jobs.running), len(self.jobs.waiting), open_polls, self.options.grace_period)

    async def _end_in_time(self) -> None:
        """End everything, in order.

        Running handlers get the grace period, in which messages start that would else be dead-lettered unrun, and are
        cancelled then. What else waits, and what a running receive still brings, is given back once the receives on
        its source have ended. Last, what is to be settled is settled.
        """
        if self.options.grace_period:
            self.jobs.waiting.wind_down()
        await within(self.options.grace_period, self._all_done(), self.stop.hurried)
        await self._end_now()

    async def _end_now(self) -> None:
        """End everything, without the grace period."""
        self.jobs.waiting.release()
        for seconds in (CANCELLING - AGAIN, AGAIN):
            self.jobs.running.cancel()
            await within(seconds, self.jobs.running.ended())
        self._abandoned += self.jobs.running.abandon()
        await self._receives
        flushing = FLUSHING if self.stop.hurried.is_set() else max(FLUSHING, self._end - self.clock())
        await within(flushing, self.jobs.drained())
        self._tell_end(await self._close())

    def _tell_end(self, unclosed: int) -> None:
        self.left = Left(self._abandoned, self._held, unclosed)
        level = logging.INFO if self.left == Left() else logging.WARNING
        logger.log(level, "stopped after %.1f s; left behind: %s", self.clock() - self._began, self.left)

    @property
    def _end(self) -> float:
        """By when all is to be settled, where there is no haste."""
        return self._began + self.options.grace_period + SETTLED

    @property
    def _held(self) -> int:
        return sum(len(intake.lane.leases) for intake in self.intakes)

    async def _close(self) -> int:
        """Close the consumers, and return how many of them did not."""
        closing = [asyncio.ensure_future(_closed(intake.lane.consumer)) for intake in self.intakes]
        await within(CLOSING, asyncio.gather(*closing))
        return sum(not task.done() or task.cancelled() for task in closing)

    async def _all_done(self) -> None:
        await asyncio.shield(self._receives)
        await self.jobs.idle()

    async def _end_receives(self) -> None:
        """End the receives of all sources, each for itself: an idle one is not to delay what another gives back."""
        by_source: dict[str, list[Intake]] = defaultdict(list)
        for intake in self.intakes:
            by_source[intake.lane.place].append(intake)
        until = min(self.clock() + self.options.poll_grace, self._end - AFTER_POLLS)
        aborted = sum(await asyncio.gather(*(self._end_source(each, until) for each in by_source.values())))
        if aborted:
            logger.info("%d polls were aborted; a poll grace of their wait time would let them end", aborted)

    async def _end_source(self, intakes: Sequence[Intake], until: float) -> int:
        """Wait for the receives on a source, abort those that go on for too long, and return how many these were."""
        for intake in intakes:
            intake.end()
        await within(until - self.clock(), _ended(intakes), self.stop.hurried)
        stood_still = self.clock() > until + LATE  # and answers may lie there unread
        if stood_still or any(intake.expects_answer(self.clock()) for intake in intakes):
            await within(self._arriving(intakes), _ended(intakes), self.stop.hurried)
        aborted = sum(intake.open_polls for intake in intakes)
        served_until = [at for intake in intakes for at in intake.abort()]
        await within(ABORTING, _ended(intakes))
        for intake in intakes:
            self.jobs.open_gate(intake.lane, max(served_until, default=-math.inf))
        return aborted

    def _arriving(self, intakes: Sequence[Intake]) -> float:
        """Return for how many seconds the answers of some receives are waited for, whose wait time is over."""
        left = self._end - FLUSHING - ABORTING - self.clock()
        return max(ARRIVING, min(ARRIVING_LATE, left)) if any(intake.few for intake in intakes) else ARRIVING


async def _ended(intakes: Sequence[Intake]) -> None:
    await asyncio.gather(*(intake.ended() for intake in intakes))


async def _closed(consumer: Consumer) -> None:
    try:
        await consumer.close()
    except Exception:  # a consumer that breaks its contract
        logger.exception("a consumer could not be closed")


async def within(seconds: float, end: Awaitable[object], unless: asyncio.Event | None = None) -> bool:
    """Wait for something to end, for so many seconds at most, and until `unless` is set; tell whether it has ended.

    What has not is cancelled, and left to itself.
    """
    ending = asyncio.ensure_future(end)
    waited = {ending} if unless is None else {ending, asyncio.ensure_future(unless.wait())}
    try:
        await asyncio.wait(waited, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
        return ending.done()
    finally:
        for waiter in waited:
            waiter.cancel()
            waiter.add_done_callback(looked_at)
