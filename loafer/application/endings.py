"""What has come of deliveries: each is told at once; all that end in one turn are counted and settled together."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from typing import TypeAlias

import attrs

from loafer.application.delivery import ENDS, Delivery, ignore
from loafer.application.lane import Lane
from loafer.application.options import Options
from loafer.application.report import ALONE, Company, report
from loafer.application.report import logger as report_logger
from loafer.application.route import BatchCall
from loafer.application.running import Running
from loafer.application.settlement import Settlement
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.tasks import is_stopped
from loafer.domain.lease import Lease
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.domain.retry import Retry
from loafer.exceptions import IgnoreMessage
from loafer.ports.observer import Cause, Ending

logger = logging.getLogger(__name__)


Kept: TypeAlias = tuple[BaseException | None, Retry | None]
"""Of a message that is not acknowledged, what was raised, and when it comes back."""

End: TypeAlias = tuple[Lease, Outcome, float, Kept | None]
"""A lease, what came of its delivery, and after how many seconds; the content is not held until it is settled."""


@attrs.define(eq=False)
class Endings:
    """Ends the deliveries of all lanes.

    Attributes:
        settlements: What settles the messages of each lane.
        slots: Get the slots back.
        stop: Told what a handler raised that ends loafer.
        options: How much of an error is told.
        observe: Called with each delivery.
        start: Called for a lane when slots of it are free.
        context: Where messages are settled: in no handler's.

    """

    settlements: Mapping[Lane, Settlement]
    slots: Slots
    stop: Stop
    options: Options
    observe: Callable[[Delivery], None]
    start: Callable[[Lane], None]
    context: Context
    _tells_all: bool = attrs.field(init=False)
    """Whether anyone wants to know of deliveries that succeeded; looked at once, for it is asked for each message."""
    _ended: defaultdict[Lane, list[End]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """What has ended in this turn of the event loop."""
    _told: defaultdict[Lane, list[Ending]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """What is to be told of it; nothing where nobody wants to know."""

    def __attrs_post_init__(self) -> None:
        """Find out who wants to know."""
        self._tells_all = self.observe is not ignore or report_logger.isEnabledFor(logging.DEBUG)

    def end(self, lane: Lane, lease: Lease, delivery: Delivery, seconds: float, company: Company = ALONE) -> None:
        """Tell what a delivery has come to, in its handler's context; it is settled once this turn of the loop ends."""
        told = delivery.route, delivery.message, delivery.outcome, delivery.error, seconds
        if not self._ended:
            asyncio.get_running_loop().call_soon(self.settle, context=self.context)
        if lane.tell.handled:
            self._told[lane].append(told)
        outcome = delivery.outcome
        kept = None
        if not outcome.acknowledged:
            kept, lease.no_attempt = (delivery.error, delivery.retry), delivery.no_attempt
        self._ended[lane].append((lease, outcome, seconds, kept))  # first: whoever is told may end the program
        for tell in lane.tell.ended:
            tell(*told)
        if delivery.error is not None or self._tells_all:
            self._tell(delivery, company)
        for tell in lane.tell.reported:
            tell(delivery.message)

    def settle(self) -> None:
        """Count and settle what has ended, and let others start."""
        ended, self._ended = self._ended, defaultdict(list)
        told, self._told = self._told, defaultdict(list)
        for lane, ends in ended.items():
            now = lane.clock()
            _, outcomes, seconds, _ = zip(*ends, strict=True)
            lane.events.count(outcomes, seconds)
            for tell in lane.tell.handled:
                tell(told[lane])
            if not isinstance(lane.route.call, BatchCall):  # whose one slot is back already
                self.slots.ended(lane, seconds, now)
            self._settle(lane, ends, now)
            self.start(lane)
        self.slots.seats.feed()

    def _settle(self, lane: Lane, ends: Sequence[End], now: float) -> None:
        settlement = self.settlements[lane]
        done = [lease for lease, _, _, kept in ends if kept is None]
        if done:
            with _guarded(settlement, done):
                settlement.acknowledge(done, now)
        if len(done) == len(ends):
            return
        for lease, outcome, _, kept in ends:
            if kept is not None:
                error, retry = kept
                with _guarded(settlement, [lease]):
                    settlement.keep(lease, outcome, error, now, retry)

    def _tell(self, delivery: Delivery, company: Company) -> None:
        try:
            self.observe(delivery)
            report(delivery, self.options.tracebacks, company)
        except BaseException:  # whoever is told must not keep the message from its settlement
            logger.exception("message %s: its end could not be told", delivery.message.id)
        if delivery.fatal is not None:
            self.stop.fail(delivery.fatal)


@contextmanager
def _guarded(settlement: Settlement, leases: Sequence[Lease]) -> Iterator[None]:
    """Leave messages to their leases if settling them fails, as where a user's error raises when it is looked at."""
    try:
        yield
    except BaseException:  # in no task that could be cancelled: whatever it is, it is the user's
        for lease in leases:
            logger.exception("message %s could not be settled: it is left to its lease", lease.message.id)
        settlement.let_go(leases, Cause.FAILED)


def broken_off(running: Running, lane: Lane, lease: Lease, message: Message, error: BaseException) -> Delivery:
    """Return what has come of a message whose delivery itself raised: whatever it is, it fails.

    Raises:
        GeneratorExit: the event loop is gone, and the task is closed for that.

    """
    running.raise_if_closed(error, lease)
    return Delivery(lane.route.name, message, Outcome.FAILED, error)


def as_it_counts(running: Running, lease: Lease, delivery: Delivery) -> Delivery | None:
    """Return what came of a handling, as a stop lets it count; None: the stop is over, and nothing can be settled."""
    if not running.cancelled:
        return delivery
    return None if running.is_abandoned(lease) else _unless_cancelled(delivery)


def _unless_cancelled(delivery: Delivery) -> Delivery:
    """Return what came of this task in a stop that cancelled it: it has not done its work, whatever it makes of that.

    If it swallowed that, it would be done, and an error made of it, as clients of databases do, would be an attempt.
    """
    outcome, error = delivery.outcome, delivery.error
    if not is_stopped() or issubclass(type(error), ENDS):
        return delivery
    if outcome is Outcome.IGNORED and isinstance(error, IgnoreMessage) and error.delay is not None:
        return attrs.evolve(delivery, no_attempt=True)  # it says when it wants to come back
    cancelled = asyncio.CancelledError()
    cancelled.__cause__ = error
    outcome = Outcome.UNTRANSLATED if outcome is Outcome.UNTRANSLATED else Outcome.FAILED
    return attrs.evolve(delivery, outcome=outcome, error=cancelled)
