"""Empties routes that are to do nothing more here: what waits goes back to the queue, for other workers."""

import asyncio
from collections.abc import Sequence

import attrs

from loafer.application.intake import Intake
from loafer.application.jobs import Jobs
from loafer.application.lane import Lane

LOOK = 0.1
"""Seconds between two looks whether a receive is still under way."""


@attrs.define(eq=False)
class Drains:
    """Drains lanes that are paused; on the event loop only.

    Attributes:
        jobs: Give back what waits.
        intakes: Tell whether a receive is under way.

    """

    jobs: Jobs
    intakes: Sequence[Intake]
    _tasks: "dict[Lane, asyncio.Task[None]]" = attrs.field(factory=dict, init=False)

    def begin(self, lane: Lane) -> None:
        """Give back what waits on a lane once no receive of it is under way: that would take it again."""
        self.end(lane)
        lane.drained = True
        intake = next(each for each in self.intakes if each.lane is lane)
        self._tasks[lane] = asyncio.get_running_loop().create_task(self._drain(intake))

    def end(self, lane: Lane) -> None:
        """Let what waits on a lane be handled after all."""
        lane.drained = False
        task = self._tasks.pop(lane, None)
        if task is not None:
            task.cancel()

    def end_all(self) -> None:
        """Leave everything to the stop."""
        for lane in list(self._tasks):
            self.end(lane)

    async def _drain(self, intake: Intake) -> None:
        while intake.open_polls:  # noqa: ASYNC110 - seldom, and for no longer than a receive waits
            await asyncio.sleep(LOOK)
        self.jobs.waiting.give_back(intake.lane)
        self.jobs.start(intake.lane)  # what is at its last receive, and others in the slots that were given back
