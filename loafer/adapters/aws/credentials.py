"""Credentials that are refreshed beside the calls that need them: once at a time, for all callers.

The SDK refreshes within the call that finds its credentials at their end: a call's time limit cancels that, the next
one begins it anew, and a source slower than the limit never gets to its end.
"""

import asyncio
import contextvars
import hashlib
import logging
import os
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
from botocore.exceptions import CredentialRetrievalError, NoCredentialsError

from loafer.adapters.aws.errors import diagnose
from loafer.adapters.aws.safety import check_credentials

logger = logging.getLogger(__name__)

LONGEST_MARGIN = 15 * 60
"""Seconds before they end in which credentials are refreshed, as the SDK does; less if they last less than thrice."""

ENDED = 5
"""Seconds before they end in which credentials are used no longer: a request takes a while to arrive."""

PAUSE = 5.0
"""Seconds after a refresh that failed in which none is tried."""


@attrs.frozen(eq=False)
class Known:
    """Credentials as they were last read.

    Attributes:
        frozen: What requests are signed with.
        source: The SDK's object that knows when they end.
        margin: Seconds before their end in which they are to be refreshed; 0: they have no end.

    """

    frozen: Any = attrs.field(repr=False)
    source: Any = attrs.field(repr=False)
    margin: float = 0.0

    @classmethod
    def of(cls, source: Any, frozen: Any) -> "Known":
        """Return what a source gave just now."""
        if not hasattr(source, "refresh_needed") or not source.refresh_needed(float("inf")):
            return cls(frozen, source)
        margin: float = LONGEST_MARGIN
        while margin > 1 and source.refresh_needed(3 * margin):
            margin /= 2
        return cls(frozen, source, margin)

    @property
    def due(self) -> bool:
        """Tell whether they are to be refreshed."""
        return bool(self.margin and self.source.refresh_needed(self.margin))

    @property
    def ended(self) -> bool:
        """Tell whether they may not be used any longer."""
        return bool(self.margin and self.source.refresh_needed(min(ENDED, self.margin / 4)))


@attrs.define(eq=False)
class Pool:
    """What the sessions of all threads know of the same credentials: the newest ones, and who refreshes them.

    Attributes:
        newest: The newest ones; None before the first.
        refreshing: How many sessions are refreshing them.
        failed_at: When a refresh last failed; None: the last one did not.

    """

    newest: Known | None = None
    refreshing: int = 0
    failed_at: float | None = None
    clock: Callable[[], float] = time.monotonic
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def paused(self) -> bool:
        """Tell whether a refresh has failed just now."""
        return self.failed_at is not None and self.clock() - self.failed_at < PAUSE

    def begin(self) -> None:
        """Note that a session refreshes."""
        with self._lock:
            self.refreshing += 1

    def end(self, found: Known | None) -> bool:
        """Note what a session found, or that it failed; tell whether that is news."""
        with self._lock:
            self.refreshing -= 1
            news = (found is None) is (self.failed_at is None)
            self.failed_at = self.clock() if found is None else None
            if found is not None:
                self.newest = found
            return news


_pools: dict[str, Pool] = {}


def pool_of_environment(profile: str | None = None) -> Pool:
    """Return the pool of all sessions of a profile in the same environment: they find the same credentials."""
    aws = sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_"))
    return _pools.setdefault(
        hashlib.sha256(repr((aws, profile)).encode("utf-8", "surrogateescape")).hexdigest(), Pool()
    )


@attrs.define(eq=False)
class SharedCredentials:
    """What the clients of one session, and the lean transport, get for its credentials.

    Attributes:
        load: Finds the session's own credentials; returns None where there are none.
        pool: What other sessions know of them.
        explained: Makes of what went wrong what is raised.

    """

    load: Callable[[], Awaitable[Any]] = attrs.field(repr=False)
    pool: Pool = attrs.field(repr=False)
    explained: Callable[[Exception], Exception]
    _source: Any = attrs.field(default=None, init=False, repr=False)
    _refresh: "asyncio.Task[Known] | None" = attrs.field(default=None, init=False, repr=False)

    async def get_frozen_credentials(self) -> Any:
        """Return what to sign with, at once as long as it is valid; raises what the last refresh did if it is not.

        A cancelled call leaves the refresh to others.
        """
        known = self.pool.newest
        if known is not None and not known.due:
            return known.frozen
        if known is not None and not known.ended:
            if not self.pool.refreshing and not self.pool.paused:
                self._refreshing()
            return known.frozen
        refresh = self._refreshing()
        try:
            return (await asyncio.shield(refresh)).frozen
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if refresh.cancelled() and task is not None and not task.cancelling():
                raise CredentialRetrievalError(provider="session", error_msg="the refresh was given up") from None
            raise

    async def get_account_id(self) -> str | None:
        """Return the account that the credentials belong to, where their source says."""
        account: str | None = (await self.get_frozen_credentials()).account_id
        return account

    def get_deferred_property(self, name: str) -> Callable[[], Awaitable[str | None]]:
        """Return what the SDK asks for one property when it makes a client, the account, and never calls then."""
        if name != "account_id":
            raise AttributeError(name)
        return self.get_account_id

    async def close(self) -> None:
        """Give up a refresh that runs on this event loop, which is about to end."""
        refresh = self._refresh
        if refresh is not None and not refresh.done() and refresh.get_loop() is asyncio.get_running_loop():
            refresh.cancel()
            await asyncio.wait([refresh])

    def _refreshing(self) -> "asyncio.Task[Known]":
        """Return the refresh that runs, or has failed just now, or begins."""
        refresh, loop = self._refresh, asyncio.get_running_loop()
        if refresh is not None and refresh.get_loop() is loop:
            if not refresh.done():
                return refresh
            if self.pool.paused and not refresh.cancelled() and refresh.exception() is not None:
                return refresh
        self.pool.begin()
        # The context of whoever asks first is none of its business.
        self._refresh = loop.create_task(self._read(), context=contextvars.Context())
        self._refresh.add_done_callback(self._read_or_not)
        return self._refresh

    async def _read(self) -> Known:
        try:
            return await self._found()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised where the credentials are needed
            failure = self.explained(error)
        raise failure

    def _read_or_not(self, refresh: "asyncio.Task[Known]") -> None:
        """Let everybody know how a refresh ended."""
        failure = None if refresh.cancelled() else refresh.exception()
        found = None if refresh.cancelled() or failure is not None else refresh.result()
        news = self.pool.end(found)
        if not news:
            return
        if found is not None:
            logger.info("the credentials are refreshed again")
        elif isinstance(failure, Exception) and self.pool.newest is not None and not self.pool.newest.ended:
            text = diagnose(failure, "their source").sentence
            logger.warning("the credentials could not be refreshed, and are used until they end: %s", text)

    async def _found(self) -> Known:
        if self._source is None:
            self._source = await self.load()
            if self._source is None:
                raise NoCredentialsError
            known = Known.of(self._source, getattr(self._source, "_frozen_credentials", None))
            if known.frozen is not None and not known.ended:
                return self._kept(known)
        return self._kept(Known.of(self._source, await self._source.get_frozen_credentials()))

    def _kept(self, known: Known) -> Known:
        """Let the SDK's object refresh when we want it to, and tell when it cannot."""
        check_credentials(known.frozen if hasattr(self._source, "refresh_needed") else self._source)
        for name in ("_advisory_refresh_timeout", "_mandatory_refresh_timeout"):
            if known.margin and hasattr(self._source, name):
                setattr(self._source, name, known.margin)
        return known


@attrs.frozen
class SharedProvider:
    """What a session gets its credentials from, in the place of the SDK's own providers."""

    credentials: SharedCredentials

    async def load_credentials(self) -> SharedCredentials:
        """Return credentials that are found when they are first needed."""
        return self.credentials
