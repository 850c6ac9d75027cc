"""A message whose handler is a plain function, on its way into a thread: until that begins, it only waits."""

from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

import attrs

from loafer.application.threads import Threads
from loafer.domain.lease import Lease


@attrs.define(eq=False)
class Ticket:
    """A message that is to have a thread of a pool; until one takes its function, it may stand in a line before them.

    Attributes:
        lease: The message.
        lane: Its lane.
        threads: What it has one of, or is to have.
        clock: Its lane's.
        since: Since when it stands in the line.
        begins: Called in the function's context when it begins, with the time.
        lined_up: Whether it stands in the line.
        began: When its function began; None: it has not. Written by its thread, as what follows.
        seconds: For how long it had the thread.
        over: Whether it has ended.
        late: Whether its lease had ended when its turn came: it is not started.
        void: Whether it was taken out of the line again.

    """

    lease: Lease
    lane: Any
    threads: Threads
    clock: Callable[[], float]
    since: float
    begins: Callable[[float], None]
    lined_up: bool = False
    began: float | None = None
    seconds: float = 0.0
    over: bool = False
    late: bool = False
    void: bool = False

    def run(self, context: Context, function: Callable[..., object], given: tuple[object, ...]) -> object:
        """Run the function, in its thread, unless its lease has ended; return what it returned."""
        began = self.clock()
        if not self.lease.is_valid(began):
            self.late = True
            return None
        self.began = began
        self.lined_up = False
        context.run(self.begins, began)
        try:
            return context.run(function, *given)
        finally:
            self.seconds, self.over = self.clock() - began, True

    def since_when(self, started: float) -> float | None:
        """Return since when its handling runs, which was started then; None: it waits."""
        if self.began is not None:
            return self.began
        return None if self.lined_up or self.void else started

    def left(self, limit: float) -> float:
        """Return the seconds until its function will have run for as long as the limit says; 0: it has."""
        return limit if self.began is None else max(0.0, self.began + limit - self.clock())


TICKET: "ContextVar[Ticket | None]" = ContextVar("loafer_ticket", default=None)
"""The ticket of the message that is handled in this context; None where it never stands in a line."""
