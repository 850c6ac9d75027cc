"""What the slots keep account of for one lane."""

import attrs

from loafer.domain.demand import Pace
from loafer.domain.lease import Leases
from loafer.domain.ordering import Order
from loafer.domain.share import Bucket, Share


@attrs.define(eq=False)
class Tally:
    """What Slots keep account of for one lane.

    Attributes:
        asked: Messages that running receives may still bring.
        running: Messages whose handler runs.
        has_turn: Whether the lane is among those that may start a message.
        barred: Whether nothing new may start or be received.
        paused: Whether nothing new may be received.
        limit: Handlers that may run; None: any number.
        pace: How long handlers take, where there is a limit.
        bucket: Keeps the rate; None where there is none.
        prefetch: Seats in its waiting room.
        stride: How far a start brings it: less, the more it weighs. Whose way is shortest has the next turn.
        passed: How far it is.
        pauses: Whether it waits for its rate to let it start.
        will_look: Whether its rate will have it looked at again.
        waiting: Messages that could start; this and what follows is what the totals over all lanes know of it.
        seated: Messages with a seat.
        settling: Messages on their way to being settled.
        size: Characters of the bodies that are held or asked for.

    """

    asked: int = 0
    running: int = 0
    has_turn: bool = False
    barred: bool = False
    paused: bool = False
    limit: int | None = None
    pace: Pace = attrs.field(factory=Pace)
    bucket: Bucket | None = None
    prefetch: int = 0
    stride: float = 1.0
    passed: float = 0.0
    pauses: bool = False
    will_look: bool = False
    waiting: int = 0
    seated: int = 0
    settling: int = 0
    size: float = 0

    @classmethod
    def of(cls, share: Share, prefetch: int, lightest: float, now: float) -> "Tally":
        """Return the account of a lane with a share; the weight of the route that weighs least is `lightest`."""
        return cls(
            limit=share.max_jobs,
            bucket=share.bucket(now),
            prefetch=share.prefetch or prefetch,
            stride=lightest / share.weight,
        )

    def take_turn(self) -> None:
        """Count a start."""
        self.running += 1
        self.passed += self.stride

    def startable(self, free: int, soon: int, waiting: int, now: float) -> int:
        """Return how many more messages could start by its own limits, with so many slots free, and more soon."""
        startable = free + soon
        if self.limit is not None:
            own = self.pace.starts_soon(self.limit, now) if soon else 0
            startable = min(startable, self.limit - self.running - waiting + own)
        if self.bucket is not None:
            startable = min(startable, self.bucket.soon(now) - waiting)
        return startable

    def count(self, order: Order, leases: Leases, total: "Tally") -> None:
        """Count anew what waits and what is held, and let the total know."""
        waiting = order.startable
        seated = waiting + self.running + self.asked
        settling = len(leases) - self.running - len(order)
        size = leases.size + self.asked * leases.largest
        total.waiting += waiting - self.waiting
        total.seated += seated - self.seated
        total.settling += settling - self.settling
        total.size += size - self.size
        self.waiting, self.seated, self.settling, self.size = waiting, seated, settling, size
