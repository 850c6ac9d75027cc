"""One message of a source that has several routes: which of them takes it, and what came of it."""

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import attrs

from loafer.application.delivery import Delivery, deliver, translated_within, untranslated
from loafer.application.handled import TAKER
from loafer.application.handler import pool_of
from loafer.application.raised import usable
from loafer.application.route import Branching, LeftOut, Route
from loafer.application.sight import MessageSight, chosen
from loafer.domain.lifecycle import Outcome, content_of
from loafer.domain.message import Message
from loafer.domain.rules import MISSING, Place, Where
from loafer.domain.shown import printable

logger = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two warnings of what no route takes."""

MOST_KINDS, LONGEST_KIND = 20, 120
"""So many kinds are told apart in one warning, each in so many characters."""

_SHOWN = (Where.ATTRIBUTE, Where.TOPIC)
"""What of a message is shown: nothing of its body."""


@attrs.define(eq=False)
class Unmatched:
    """Counts the messages of a source that no route takes, and warns of them once a minute.

    Attributes:
        source: The source.
        reject: Whether they are deleted; otherwise they are kept.
        places: What the conditions of its routes look at.
        apart: Whether some of its routes run on other workers, which may take such a message.

    """

    source: str
    reject: bool
    places: tuple[Place, ...]
    apart: bool = attrs.field(default=False, kw_only=True)
    _kinds: Counter[str] = attrs.field(factory=Counter, init=False)
    _timer: asyncio.TimerHandle | None = attrs.field(default=None, init=False)

    def note(self, sight: MessageSight) -> None:
        """Note a message; the first one is told at once, and those of a minute after it together."""
        kind = self._kind(sight)
        self._kinds[kind if kind in self._kinds or len(self._kinds) < MOST_KINDS else "others"] += 1
        if self._timer is None:
            self._tell_each_minute()

    def tell_rest(self) -> None:
        """Warn of those of the last minute now, for nothing comes any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell()

    def _tell_each_minute(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._tell_each_minute) if self._kinds else None
        self._tell()

    def _tell(self) -> None:
        if not self._kinds:
            return
        counts = "; ".join(f"{count} with {kind}" for kind, count in self._kinds.most_common())
        total, done = self._kinds.total(), "deleted" if self.reject else "kept"
        several, are = ("", "is") if total == 1 else ("s", "are")
        text, here = "%d message%s of %r that no route%s takes %s %s: %s", " of this worker" * self.apart
        logger.warning(text, total, several, self.source, here, are, done, counts)
        self._kinds.clear()

    def _kind(self, sight: MessageSight) -> str:
        values = [(place, sight.value(place)) for place in self.places if place.where in _SHOWN]
        told = [f"no {place}" if value is MISSING else f"{place} {value!r}" for place, value in values]
        return printable(", ".join(told) or "another content")[:LONGEST_KIND]


@attrs.define(eq=False)
class _Translating:
    """Translates a message once, if a condition asks for it."""

    route: Route
    message: Message
    limit: float | None
    result: Mapping[str, Any] | None = None
    error: BaseException | None = None

    @property
    def seen(self) -> object:
        """The content, or the body where no condition wanted it translated."""
        return self.message.body if self.result is None else content_of(self.result)

    async def __call__(self) -> Mapping[str, Any] | None:
        try:
            translated: Any = self.route.translate(self.message)
            if inspect.isawaitable(translated):
                translated = await translated_within(self._longest(), translated)
            content_of(translated)
        except BaseException as error:  # noqa: BLE001 - whatever a translator raises keeps the message
            self.error = error
            return None
        self.result = translated
        return self.result

    def _longest(self) -> float | None:
        """Return the limit of the route that has the longest, for nobody knows yet which one the message is for."""
        limits = [self.limit if each.timeout is None else each.timeout for each in self.route.branches]
        bounds = [limit for limit in limits if limit is not None]
        return max(bounds) if len(bounds) == len(limits) else None


async def deliver_to_one(
    route: Route,
    branching: Branching,
    message: Message,
    limit: float | None,
    threadless: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Delivery:
    """Give a message to the first of a source's routes that takes it, and return what came of it; raises nothing.

    `limit` is that of a route that has none of its own. In a context of `threadless` a coroutine runs where others
    need a thread.
    """
    sight, translating = MessageSight(message, branching.enveloped), _Translating(route, message, limit)
    try:
        taker = await chosen(branching.chooser, sight, translating)
        if (taker is None or isinstance(taker, LeftOut)) and translating.error is None:
            branching.unmatched(sight)
    except BaseException as error:  # noqa: BLE001 - a user's own condition may raise anything; the message is kept
        return Delivery(route.name, message, Outcome.FAILED, usable(error), translating.seen, undecided=True)
    if translating.error is not None:
        return untranslated(route, message, translating.error)
    if isinstance(taker, LeftOut):
        content, retry = translating.seen, taker.retry
        return Delivery(route.name, message, Outcome.IGNORED, content=content, retry=retry, no_attempt=True)
    if taker is None:
        outcome = Outcome.REJECTED if branching.reject else Outcome.IGNORED
        return Delivery(route.name, message, outcome, content=translating.seen)
    TAKER.set(taker.name)
    limit = limit if taker.timeout is None else taker.timeout
    needs_none = branching.partly_threaded and pool_of(taker.call.handle) is None
    with threadless() if needs_none else nullcontext():
        delivery = await deliver(taker, sight.message, limit, translating.result)
    delivery.retry = taker.retry
    return delivery
