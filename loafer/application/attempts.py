"""How many attempts at a message there are before a dead-letter queue gets it."""

import logging

from loafer.application.route import Route
from loafer.domain.retry import Retry
from loafer.exceptions import ConfigurationError
from loafer.ports.consumer import SourceInfo

logger = logging.getLogger(__name__)


def most_attempts(retry: Retry, info: SourceInfo) -> int | None:
    """Return after how many attempts a message goes there, by our hand or its source's; None: never."""
    limits = (retry.dead_letter_after, info.max_receive_count)
    return min((limit for limit in limits if limit is not None), default=None)


def check_attempts(route: Route, retry: Retry, info: SourceInfo) -> None:
    """Warn where a route's messages would never get there by our hand.

    Raises:
        ConfigurationError: they are to, and their source has no dead-letter queue that is known.

    """
    ours, its = retry.dead_letter_after, info.max_receive_count
    if ours is not None and its is None:
        raise ConfigurationError(
            f"{route.origin}: Retry(dead_letter_after={ours}) needs a dead-letter queue, and {_lack(route, info)}"
        )
    if ours is not None and its is not None and ours > its:
        logger.warning(
            "%s: Retry(dead_letter_after=%d) never comes to pass, for source %r moves messages after %d already: its "
            "maxReceiveCount; ask for as many or fewer",
            route.origin,
            ours,
            route.source,
            its,
        )


def _lack(route: Route, info: SourceInfo) -> str:
    if info.redrive_known:
        return f"source {route.source!r} has no redrive policy: give it one, or leave dead_letter_after out"
    return f"the redrive policy of source {route.source!r} may not be read: allow sqs:GetQueueAttributes"
