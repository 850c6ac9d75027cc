"""What has come of a delivery: it is counted, told and settled, whatever goes wrong in between."""

import asyncio
import logging
from collections.abc import Callable, Mapping

import attrs

from loafer.application.delivery import Delivery, ignore
from loafer.application.handled import HANDLED
from loafer.application.lane import Lane
from loafer.application.options import Options
from loafer.application.report import ALONE, Company, report
from loafer.application.report import logger as report_logger
from loafer.application.settlement import Settlement
from loafer.application.stop import Stop
from loafer.domain.lease import Lease
from loafer.domain.lifecycle import Outcome
from loafer.ports.observer import Cause

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Endings:
    """Ends the deliveries of all lanes.

    Attributes:
        settlements: What settles the messages of each lane.
        stop: Told what a handler raised that ends loafer.
        options: How much of an error is told.
        observe: Called with each delivery.

    """

    settlements: Mapping[Lane, Settlement]
    stop: Stop
    options: Options
    observe: Callable[[Delivery], None]
    _tells_all: bool = attrs.field(init=False)
    """Whether anyone wants to know of deliveries that succeeded; looked at once, for it is asked for each message."""

    def __attrs_post_init__(self) -> None:
        """Find out who wants to know."""
        self._tells_all = self.observe is not ignore or report_logger.isEnabledFor(logging.DEBUG)

    def end(
        self, lane: Lane, lease: Lease, delivery: Delivery, seconds: float, now: float, *, company: Company = ALONE
    ) -> None:
        """Count, tell and settle what a delivery has come to, whatever goes wrong in between."""
        for tell in lane.tell.ended:
            tell(delivery.route, delivery.message, delivery.outcome, delivery.error, seconds)
        if delivery.error is not None or self._tells_all:
            self._tell(delivery, company)
        for tell in lane.tell.reported:
            tell(delivery.message)
        HANDLED.set(None)  # what settles it settles others too
        try:
            self.settlements[lane].settle(lease, delivery.outcome, delivery.error, now, delivery.retry)
        except Exception:  # a user's error may raise where it is looked at, and its message must not stay held
            logger.exception("message %s could not be settled: it is left to its lease", delivery.message.id)
            self.settlements[lane].let_go([lease], Cause.FAILED)

    def _tell(self, delivery: Delivery, company: Company) -> None:
        try:
            self.observe(delivery)
            report(delivery, self.options.tracebacks, company)
        except Exception:  # whoever is told must not keep the message from its settlement
            logger.exception("message %s: its end could not be told", delivery.message.id)
        if delivery.fatal is not None:
            self.stop.fail(delivery.fatal)


def unless_cancelled(delivery: Delivery) -> Delivery:
    """Return what came of this task in a stop: a handler may swallow its cancellation, and has not done its work."""
    task = asyncio.current_task()
    if task is None or not task.cancelling() or not delivery.outcome.acknowledged:
        return delivery
    return attrs.evolve(delivery, outcome=Outcome.FAILED, error=asyncio.CancelledError())
