"""The order in which everything ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from loafer.application.intake import Intake
from loafer.application.jobs import Jobs
from loafer.application.stop import Stop

BOUND = 9.5
CANCELLING = 3.0
ABORTING = 1.0
FLUSHING = 2.5
"""Seconds on top of the grace period: of the whole stop; for cancelled handlers to end, for aborted receives to end,
and, in any case, for what is left to be settled."""


async def shut_down(
    stop: Stop,
    jobs: Jobs,
    intakes: Sequence[Intake],
    grace_period: float,
    clock: Callable[[], float],
) -> int:
    """End everything but the heartbeat, in order; return how many handlers did not end and are left to their leases.

    What waits is given back at once, and so is what a running receive still brings. Running handlers get the grace
    period and are cancelled then. Last, what is to be settled is settled.
    """
    end = clock() + grace_period + BOUND
    for intake in intakes:
        intake.end()
    jobs.release_waiting()
    await _within(grace_period, jobs.ended(), stop.hurried)
    jobs.cancel()
    await _within(CANCELLING, jobs.ended())
    abandoned = jobs.abandon()
    receives = asyncio.gather(*(intake.ended() for intake in intakes))
    await _within(end - FLUSHING - ABORTING - clock(), receives, stop.hurried)
    for intake in intakes:
        intake.abort()
    await _within(ABORTING, asyncio.gather(*(intake.ended() for intake in intakes)))
    await _within(FLUSHING if stop.hurried.is_set() else max(FLUSHING, end - clock()), jobs.drained())
    return abandoned


async def _within(seconds: float, end: Awaitable[object], unless: asyncio.Event | None = None) -> None:
    """Wait for something to end, for so many seconds at most, and no longer than until `unless` is set."""
    waited: set[asyncio.Future[object]] = {asyncio.ensure_future(end)}
    if unless is not None:
        waited.add(asyncio.ensure_future(unless.wait()))
    await asyncio.wait(waited, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    for waiter in waited:
        waiter.cancel()
    await asyncio.gather(*waited, return_exceptions=True)
