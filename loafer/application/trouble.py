"""Trouble upstream: how long to wait before the next try, and two lines in the log however long it takes."""

import logging
import random
from collections.abc import Callable

import attrs

from loafer.domain.retry import backoff
from loafer.exceptions import AccessDenied, ConsumerError, ConsumerUnavailable

logger = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
"""Bounds of the wait between two tries, in seconds."""

PATIENCE_WHEN_DENIED = 5 * 60.0
"""Seconds that a refusal is taken for trouble after access had worked: policies change during deployments."""


@attrs.define(eq=False)
class Trouble:
    """What has gone wrong with one source since it last worked."""

    source: str
    clock: Callable[[], float]
    tries: int = attrs.field(default=0, init=False)
    _worked: bool = attrs.field(default=False, init=False)
    _since: float = attrs.field(default=0.0, init=False)
    _denied_since: float | None = attrs.field(default=None, init=False)

    def over(self) -> None:
        """Note that the source works."""
        if self.tries:
            seconds = self.clock() - self._since
            logger.info("source %r works again after %.1f s and %d tries", self.source, seconds, self.tries)
        self._worked, self.tries, self._denied_since = True, 0, None

    def wait(self, error: ConsumerUnavailable | ConsumerError) -> float:
        """Return for how many seconds to wait before the next try.

        Raises:
            ConsumerError: there is no next try: the error is no passing one.

        """
        now = self.clock()
        if isinstance(error, ConsumerError):
            self._be_patient(error, now)
        else:
            self._denied_since = None
        if not self.tries:
            self._since = now
            logger.warning("trouble with source %r, trying again until it works: %s", self.source, error)
        self.tries += 1
        return backoff(self.tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random())

    def _be_patient(self, error: ConsumerError, now: float) -> None:
        if not (self._worked and isinstance(error, AccessDenied)):
            raise error
        self._denied_since = now if self._denied_since is None else self._denied_since
        if now - self._denied_since >= PATIENCE_WHEN_DENIED:
            raise error
