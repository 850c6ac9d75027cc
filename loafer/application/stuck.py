"""Warns of handlers that take very long, with where they are, and lists everything that is held when asked to."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from loafer.application.holding import what_waits
from loafer.application.lane import Lane
from loafer.application.stacks import stack_of
from loafer.application.status import Handling, View
from loafer.domain.lease import Lease

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger(__name__)

LEAST = 60.0
"""Seconds that no handler is warned of before, however short the visibility timeout is."""

TIMES = 2.0
"""Visibility timeouts that no handler is warned of before, and what the time grows by until the next warning."""


@attrs.define(eq=False)
class Stuck:
    """Looks, again and again, for handlers that have run for long; on the heartbeat's thread, the loop may be blocked.

    Attributes:
        view: Returns what runs; None before anything does.

    """

    view: Callable[[], View | None]
    _next: dict[Lease, float] = attrs.field(factory=dict, init=False)
    """After how many seconds a handler is warned of again."""

    def look(self) -> None:
        """Warn of those that have run for too long since the last warning."""
        view = self.view()
        if view is None:
            return
        there = list(view.handled())
        for task, lane, lease, handling in there:
            limit = self._next.get(lease) or max(LEAST, TIMES * lane.info.visibility_timeout)
            if handling.seconds >= limit:
                while limit <= handling.seconds:
                    limit *= TIMES
                text = "message %s on route %s: its handler has run for %.0f s, and is at:\n%s"
                where = _where(task, lease, view.loop_thread)
                logger.warning(
                    text, handling.id, lane.route.name, handling.seconds, where, extra=_fields(lane, handling)
                )
                self._next[lease] = limit
        if self._next:
            held = {lease for _, _, lease, _ in there}
            self._next = {lease: limit for lease, limit in self._next.items() if lease in held}


def log_held(view: View) -> None:
    """Log every message that is held; of those that a handler has, where it is."""
    now = view.clock()
    handled = list(view.handled())
    running = {lease for _, _, lease, _ in handled}
    waiting = [(lane, lease) for lane, lease in view.held() if lease not in running]
    logger.warning(
        "asked for what is held: %d messages, %d of them by handlers", len(handled) + len(waiting), len(handled)
    )
    for task, lane, lease, handling in handled:
        text = "message %s on route %s: for %.1f s by its handler, attempt %d, lease left %.1f s, at:\n%s"
        where = _where(task, lease, view.loop_thread)
        told = (handling.id, lane.route.name, handling.seconds, handling.attempt, handling.lease_left, where)
        logger.warning(text, *told, extra=_fields(lane, handling))
    for lane, lease in waiting:
        text = "message %s on route %s: %s, attempt %d, lease left %.1f s"
        left = lease.deadline - now
        logger.warning(text, lease.message.id, lane.route.name, what_waits(lease), lease.attempts, left)


def _fields(lane: Lane, handling: Handling) -> dict[str, object]:
    """Return the fields of a record about a message: it is not made in the message's context."""
    return {"message_id": handling.id, "route": lane.route.name, "attempt": handling.attempt}


def _where(task: "asyncio.Task[None] | None", lease: Lease, loop_thread: int | None) -> str:
    """Return where a handler is; what users await may raise when it is looked at, and leases wait for this."""
    try:
        return stack_of(task, lease, loop_thread)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the user's
        return f"(what it awaits cannot be looked at: {type(error).__name__})"
