"""How long an answer was on its way: by its `Date`, and by what earlier ones told of how the server's clock goes."""

import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import attrs

from loafer.ports.consumer import ANSWER_AGE

USUAL = 1.0
"""Seconds that an answer may take without anybody being told; some servers write a new `Date` once a second."""

LONG_WAIT = 3.0
"""Seconds of a poll that tell a `Date` of the answer from one of the request."""

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


@attrs.define(eq=False)
class ServerClock:
    """What is known of by how many seconds our clock is ahead of a server's.

    A `Date` has whole seconds. An answer was made after it was asked for, and before it came: so each one says at least
    and at most how far ahead our clock is. What contradicts what was known is believed: then a clock was set.
    """

    clock: Callable[[], float] = time.monotonic
    _least: float = attrs.field(default=-math.inf, init=False)
    _most: float = attrs.field(default=math.inf, init=False)
    _of_requests: bool = attrs.field(default=False, init=False)
    """Whether the server dates answers by when they were asked for, which says nothing about them."""

    def tell(self, date: float | None, asked: float, parameters: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """Note an answer that came now, and tell whoever receives it for how long it was on its way."""
        if date is None or self._of_requests:
            return
        waited = 0 if answer.get("Messages") else parameters.get("WaitTimeSeconds") or 0
        age = self.age(date, asked, float(waited))
        if age and (tell := ANSWER_AGE.get()) is not None:
            tell(age)

    def age(self, date: float, asked: float, waited: float) -> float:
        """Return for how many seconds an answer that came now was on its way at most; 0 where that was not for long.

        Args:
            date: What its `Date` says.
            asked: When it was asked for, by our clock.
            waited: For how many seconds its server waited at least until it made it.

        """
        now = self.clock()
        least, most = asked - date - 1, now - date
        if least > self._most or most < self._least:
            self._least, self._most = least, most
        else:
            self._least, self._most = max(least, self._least), min(most, self._most)
        surely = now - date - 1 - self._most
        if waited > LONG_WAIT and surely > waited - USUAL - 1:
            self._of_requests = True
        return now - date - self._least if surely > USUAL and not self._of_requests else 0.0
