"""What is done while messages may not be deleted: nothing starts, for it would run in vain, again and again."""

import asyncio
from collections.abc import Callable

import attrs

from loafer.application.lane import Lane
from loafer.application.slots import Slots
from loafer.application.stop import Stop
from loafer.application.trouble import PATIENCE_WHEN_DENIED, Trouble
from loafer.exceptions import AccessDenied


@attrs.define(eq=False)
class Denial:
    """Bars a lane whose deletions are denied, and ends the worker after five minutes, or at once if none ever worked.

    Attributes:
        lane: The lane.
        slots: Start nothing of a lane that is barred.
        stop: Told what ends the worker.
        start: Called when messages of the lane, or of others in its place, may start.

    """

    lane: Lane
    slots: Slots
    stop: Stop
    start: Callable[[Lane], None]
    _trouble: Trouble = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Have seen nothing yet."""
        self._trouble = self.lane.trouble(f"acknowledging on {self.lane.route.source!r}")

    def denied(self, error: AccessDenied) -> None:
        """Let nothing more start."""
        if not self._trouble.tries:
            self.slots.bar(self.lane)
            self.start(self.lane)  # those of others, in the slots that it gave back
            asyncio.get_running_loop().call_later(PATIENCE_WHEN_DENIED, self._give_up, error)
        self._trouble.note(error)
        if not self._trouble.worked:
            self.stop.fail(error)

    def over(self) -> None:
        """Take note that a deletion worked: messages may start again."""
        if not self._trouble.tries and self._trouble.worked:
            return
        self._trouble.over()
        self.slots.unbar(self.lane)
        self.start(self.lane)

    def _give_up(self, error: AccessDenied) -> None:
        if self._trouble.denied_too_long:
            self.stop.fail(error)
