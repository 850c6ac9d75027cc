"""How long an answer was on its way: by its `Date`, and by what earlier ones told of how the server's clock goes."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import attrs

from loafer.ports.consumer import ANSWER_AGE, ANSWER_DOUBTED

USUAL = 1.0
"""Seconds that an answer may take without anybody being told; some servers write a new `Date` once a second."""

QUICK = 2.0
"""Seconds that a call may take that is to tell whether the server's clock was set."""

ALIKE = 1.0
"""Seconds by which what is late twice differs at least, where the network is the cause."""

SOON = 60.0
"""Seconds within which another host's clock would be seen a second time."""

CLOSE = 1.2
"""Seconds between the bounds that a quick call tells."""

WAITED = 1.5
"""Seconds between a request and a `Date` from which on that is the answer's own: polls of three seconds show it."""

SUSPECT: "ContextVar[tuple[float, float] | None]" = ContextVar("loafer_suspect", default=None)
"""The `Date` of an answer with messages that seems to have been on its way for long, and when it was asked for."""

_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
_LONGEST = 40  # bytes of a date; https://datatracker.ietf.org/doc/html/rfc9110#section-5.6.7 has 29


@lru_cache(maxsize=4)
def seconds_of(date: bytes) -> float | None:
    """Return the seconds since the epoch that a `Date` says; None if it is none as HTTP has it."""
    try:
        _, day, month, year, moment, zone = date[:_LONGEST].split()
        hours, minutes, seconds = map(int, moment.split(b":"))
        made = datetime(int(year), _MONTHS[month], int(day), hours, minutes, min(seconds, 59), tzinfo=UTC)
    except (ValueError, KeyError, OverflowError):
        return None
    return made.timestamp() if zone == b"GMT" else None


def date_of(answer: Mapping[str, Any]) -> float | None:
    """Return what the `Date` of an answer of the SDK says, in seconds since the epoch; None where it says nothing."""
    try:
        date = answer["ResponseMetadata"]["HTTPHeaders"]["date"]
        return seconds_of(date.encode("latin-1"))
    except (KeyError, TypeError, AttributeError, ValueError):
        return None


def _doubt() -> None:
    """Tell whoever receives that nobody can tell for how long the answer was on its way."""
    if (doubt := ANSWER_DOUBTED.get()) is not None:
        doubt()


def look_at(parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return a call about the queue of a receive that waits for nothing, as operation and parameters."""
    return "get_queue_attributes", {"QueueUrl": parameters["QueueUrl"], "AttributeNames": ["QueueArn"]}


@attrs.define(eq=False)
class ServerClock:
    """What is known of by how many seconds our clock is ahead of a server's.

    A `Date` has whole seconds. An answer was made after it was asked for, and before it came: so each one says at least
    and at most how far ahead our clock is. What contradicts what was known is believed: then a clock was set.
    """

    clock: Callable[[], float] = time.monotonic
    known: tuple[float, float] = attrs.field(default=(-math.inf, math.inf), init=False)
    """By how much it is at least, and at most."""
    _late: tuple[float, float] = attrs.field(default=(0.0, -math.inf), init=False)
    """For how many seconds the last messages were on their way at least that were it for long, and when they came."""
    _dates_answers: bool = attrs.field(default=False, init=False)
    """Whether a `Date` is known to be that of the answer: some servers have that of the request."""

    def learn_from(self, other: "ServerClock") -> None:
        """Take over what is known already."""
        if self.known == (-math.inf, math.inf):
            self.known = other.known

    def note(self, date: float | None, asked: float) -> bool:
        """Take note of an answer that comes now; tell whether it seems to have been on its way for long.

        Args:
            date: What its `Date` says; None: it has none.
            asked: When it was asked for, by our clock.

        """
        if date is None:
            return False
        least, most = asked - date - 1, self.clock() - date
        at_least, at_most = self.known
        if least > at_most:  # the server's clock was set back, by no more than has to be believed
            self.known = least, min(most, least + CLOSE)
        elif most < at_least:
            self.known = max(least, most - CLOSE), most
        else:
            self.known = max(least, at_least), min(most, at_most)
        least, _ = self.known
        if date + least - asked > WAITED:
            self._dates_answers = True
        return self._dates_answers and self._surely(date) > USUAL

    def suspect(self, date: float | None, asked: float, answer: Mapping[str, Any]) -> None:
        """Take note of an answer, as `note` does; where it has messages and was slow, SUSPECT says so from here on.

        As long as nobody knows what its `Date` is that of, whoever receives is told that nobody can tell.
        """
        was_slow = self.note(date, asked)
        if not answer.get("Messages"):
            return
        if date is None or not self._dates_answers:
            _doubt()
        elif was_slow:
            SUSPECT.set((date, asked))

    async def tell(self, date: float, asked: float, look: Callable[[], Awaitable[object]]) -> None:
        """Tell whoever receives for how long an answer with messages was on its way, if it was for long.

        `look` is a call that waits for nothing: its answer tells whether the server's clock was only set. The rest is
        as in `note`.
        """
        if (tell := ANSWER_AGE.get()) is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(QUICK):
                await look()
        if (late := self._surely(date)) <= USUAL:
            return
        (late_before, then), now = self._late, self.clock()
        alike = abs(late - late_before) < ALIKE and now - then < SOON
        if alike and asked > then:
            self._late = 0.0, -math.inf  # hardly any network is as late again at once, but another host's clock is
            _doubt()
            return
        if not alike:  # what was on its way at the same time was late for the same reason
            self._late = late, now
        tell(now - date - self.known[0])

    def _surely(self, date: float) -> float:
        """Return for how many seconds an answer that comes now was on its way at least."""
        return self.clock() - date - 1 - self.known[1]
