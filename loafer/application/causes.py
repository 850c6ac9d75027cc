"""Why a message that was handled is not deleted, and so is delivered again."""

import asyncio

from loafer.domain.lifecycle import Outcome
from loafer.exceptions import HandlerTimeout
from loafer.ports.observer import Cause


def cause_of(outcome: Outcome, error: BaseException | None, *, stopping: bool) -> Cause:
    """Return why a message is kept, by how its handling ended; `stopping` tells whether loafer stops."""
    if outcome is Outcome.IGNORED:
        return Cause.IGNORED
    if isinstance(error, HandlerTimeout):
        return Cause.TIMEOUT
    return Cause.STOP if stopping and isinstance(error, asyncio.CancelledError) else Cause.FAILED
