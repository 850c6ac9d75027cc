"""How a message without attempts left gets to the dead-letter queue."""

import asyncio
import random

import attrs

from loafer.application.lane import Lane
from loafer.application.stop import Stop
from loafer.domain.batch import Failure
from loafer.domain.lease import Lease
from loafer.domain.retry import backoff
from loafer.exceptions import LoaferError

FIRST_WAIT = 0.1
LONGEST_WAIT = 5.0
"""Bounds of the wait before a failed move is tried again, in seconds."""


@attrs.frozen
class Redrive:
    """Moves messages of one lane to its source's dead-letter queue."""

    lane: Lane
    stop: Stop

    async def move(self, lease: Lease) -> Failure | None:
        """Move a message, again and again while its lease lasts; return why that is left to the source."""
        tries = 0
        while True:
            try:
                failure = await self.lane.consumer.dead_letter(lease.message)
            except LoaferError as error:
                failure = Failure(str(error))
            tries += 1
            if failure is None or not failure.retryable or self.stop.requested.is_set():
                return failure
            if not lease.is_valid(self.lane.clock()):
                return Failure("its lease ended", retryable=False)
            await asyncio.sleep(backoff(tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
