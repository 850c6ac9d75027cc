"""A call that is tried again while what keeps it from its answer may pass: nobody else tries again for a publisher."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from loafer.adapters.aws.errors import Kind, diagnose, may_be_done, sdk_errors
from loafer.domain.retry import backoff

Answer = TypeVar("Answer")

ATTEMPTS = 4
"""How often a call is made at most."""

FIRST_WAIT, LONGEST_WAIT = 0.5, 2.0
"""Bounds of the wait before the next attempt, in seconds: at most 0.5 + 1 + 2 altogether."""


async def persistent(
    call: Callable[[], Awaitable[Answer]], place: str, attempts: int = ATTEMPTS, *, sends: bool = False
) -> Answer:
    """Return the answer of a call; raises what its last attempt raises, or what will not pass.

    Where it `sends` something, an earlier attempt may have done so and its answer be lost: a later refusal must not say
    that nothing was sent, so the earlier error is raised.
    """
    doubtful: Exception | None = None
    for tries in range(1, attempts + 1):
        try:
            return await call()
        except sdk_errors() as error:
            passing = diagnose(error, place).kind is Kind.PASSING
            if not passing and doubtful is not None and sends:
                raise doubtful from error
            if not passing or tries == attempts:
                raise
            doubtful = error if may_be_done(error) else doubtful
        await asyncio.sleep(backoff(tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random()))
    raise AssertionError("there is at least one attempt")
