"""How much is on the sources, and how long that will take: asked once a minute and route, where that is wanted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from loafer.application.lane import Lane
from loafer.domain.depth import backlog_of
from loafer.domain.lifecycle import Outcome
from loafer.exceptions import AccessDenied

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two questions."""


@asynccontextmanager
async def sampled(lanes: Sequence[Lane], *, wanted: bool) -> AsyncIterator[None]:
    """Find out every minute what is on the sources of lanes meanwhile, if that is wanted."""
    tasks = [asyncio.create_task(_sample(lane)) for lane in lanes] if wanted else []
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _sample(lane: Lane) -> None:
    """Ask every minute; what may not be asked is said once, and what fails in any other way is asked again."""
    await lane.answered.wait()
    at, done = lane.clock(), _done(lane)
    while True:
        try:
            depth = await lane.consumer.depth()
        except AccessDenied as error:
            logger.warning("the depth of %r is unknown, which is said once: %s", lane.route.source, error)
            lane.backlog = None
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the next minute may have an answer
            logger.debug("the depth of %r could not be found out: %s", lane.route.source, error)
            lane.backlog = None
        else:
            if depth is None:
                return
            lane.backlog = backlog_of(depth, _done(lane) - done, lane.clock() - at)
        at, done = lane.clock(), _done(lane)
        await asyncio.sleep(EVERY)


def _done(lane: Lane) -> int:
    """Return how many messages were handled so far that do not come back."""
    return lane.counts[Outcome.SUCCEEDED] + lane.counts[Outcome.REJECTED]
