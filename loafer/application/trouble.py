"""Trouble upstream: how long to wait before the next try, and few lines in the log however long it takes."""

import logging
import random
from collections.abc import Callable

import attrs

from loafer.application.listeners import Tells
from loafer.domain.retry import backoff
from loafer.exceptions import AccessDenied, ConsumerError

logger = logging.getLogger(__name__)

FIRST_WAIT = 1.0
LONGEST_WAIT = 30.0
"""Bounds of the wait between two tries, in seconds."""

PATIENCE_WHEN_DENIED = 5 * 60.0
"""Seconds that a refusal is taken for trouble after access had worked: policies change during deployments."""

TOLD_EVERY = 5 * 60.0
"""Seconds between two lines in the log about trouble that lasts."""


@attrs.define(eq=False)
class Trouble:
    """What has gone wrong with one kind of call since it last worked.

    Attributes:
        what: What does not work, for the log: a source, or something that is done there.
        tries: How often it has failed since it last worked.
        worked: Whether it ever worked.
        since: When it began to fail, by `clock`.
        error: How it failed last; None while it works.
        tells: Whom to tell, and of which source.

    """

    what: str
    clock: Callable[[], float]
    source: str = ""
    tells: Tells = ()
    tries: int = attrs.field(default=0, init=False)
    worked: bool = attrs.field(default=False, init=False)
    since: float = attrs.field(default=0.0, init=False)
    error: Exception | None = attrs.field(default=None, init=False)
    _told_at: float = attrs.field(default=0.0, init=False)
    _denied_since: float | None = attrs.field(default=None, init=False)

    @property
    def is_denied(self) -> bool:
        """Tell whether access is denied, as far as is known."""
        return self._denied_since is not None

    @property
    def denied_too_long(self) -> bool:
        """Tell whether access has been denied for longer than a deployment takes."""
        return self._denied_since is not None and self.clock() - self._denied_since >= PATIENCE_WHEN_DENIED

    def over(self) -> None:
        """Note that it works."""
        if self.tries:
            seconds = self.clock() - self.since
            logger.info("%s works again after %.1f s and %d tries", self.what, seconds, self.tries)
            self._tell(None)
        self.worked, self.tries, self._denied_since, self.error = True, 0, None, None

    def note(self, error: Exception) -> None:
        """Note that it does not work: a line in the log when that begins, and one each five minutes that it lasts."""
        now, self.error = self.clock(), error
        self._tell(error)
        if not isinstance(error, AccessDenied):
            self._denied_since = None
        elif self._denied_since is None:
            self._denied_since = now
        if not self.tries:
            self.since = self._told_at = now
            logger.warning("trouble with %s, trying again until it works: %s", self.what, error)
        elif now - self._told_at >= TOLD_EVERY:
            self._told_at = now
            text = "trouble with %s for %.0f minutes, trying again until it works: %s"
            logger.warning(text, self.what, (now - self.since) / 60, error)
        self.tries += 1

    def wait(self, error: Exception) -> float:
        """Note what may pass, and return for how many seconds to wait before the next try.

        Raises:
            ConsumerError: there is no next try: the error is no passing one.

        """
        if isinstance(error, ConsumerError) and not self._may_pass(error):
            raise error  # which is told by how the worker ends, and nothing is tried again
        self.note(error)
        return backoff(self.tries, first=FIRST_WAIT, longest=LONGEST_WAIT, jitter=random.random())

    def _tell(self, error: Exception | None) -> None:
        for tell in self.tells:
            tell(self.source, self.what, error)

    def _may_pass(self, error: ConsumerError) -> bool:
        return isinstance(error, AccessDenied) and self.worked and not self.denied_too_long
