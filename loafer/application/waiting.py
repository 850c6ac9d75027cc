"""What waits for its start, and what a stop makes of it: some may start yet, and the rest is given back."""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from itertools import groupby

import attrs

from loafer.application.lane import Lane
from loafer.application.settlement import Settlement
from loafer.application.slots import Slots
from loafer.ports.observer import Cause


class Phase(Enum):
    """What may start: anything; in a stop, only what would be dead-lettered unrun; nothing."""

    OPEN = auto()
    LAST_RECEIVES = auto()
    OVER = auto()


@attrs.define(eq=False)
class Waiting:
    """What waits, in all lanes.

    Attributes:
        slots: Have what stands in the lines before threads.
        settlements: Where what is given back goes.
        start: Called when a message of a lane may start.
        phase: What may start.

    """

    slots: Slots
    settlements: Mapping[Lane, Settlement]
    start: Callable[[Lane], None]
    phase: Phase = attrs.field(default=Phase.OPEN, init=False)

    def __len__(self) -> int:
        """Count the messages."""
        return sum(len(lane.order) for lane in self.settlements)

    def wind_down(self) -> None:
        """Give back what waits, but start messages at their last receive, and on FIFO queues what is before them.

        Given back, they would be dead-lettered unrun.
        """
        self.phase = Phase.LAST_RECEIVES
        for lane in self.settlements:
            self.give_back(lane)
        for lane in self.settlements:
            self.start(lane)

    def release(self) -> None:
        """Give back all that waits, and all that is still to come; start nothing any more."""
        self.phase = Phase.OVER
        for lane in self.settlements:
            self.give_back(lane)

    def take_back(self) -> None:
        """Let what stands in the lines before threads wait for its start again."""
        for lane in self.settlements:
            self.slots.take_back(lane)

    def give_back(self, lane: Lane) -> None:
        """Give back what waits in a lane, but for what may start yet."""
        self.slots.take_back(lane)
        last = lane.info.last_receive
        over = self.phase is Phase.OVER or self.slots.is_barred(lane)
        spared = lane.order.spare(None if over else last)
        settlement, now = self.settlements[lane], lane.clock()
        for delay, leases in groupby(spared, lambda lease: max(0.0, lease.not_before - now)):
            settlement.release(list(leases), delay, cause=Cause.STOP)
