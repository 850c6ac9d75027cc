"""What has happened on a route since it runs: an observer that is always there."""

from collections import Counter, deque
from collections.abc import Iterable, Sequence

import attrs

from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.ports.observer import Cause, Observer, Operation

REMEMBERED = 1024
"""Handling times that are remembered: the latest."""


@attrs.define(eq=False)
class Counts(Observer):
    """Counts the events of one lane.

    Attributes:
        by_name: Outcomes by name, `received`, `duplicates`, `dead_lettered`, `stale`, `leases_lost`, `leases_ended`.
        causes: Messages that come back, by cause.
        took: Seconds that handling took, the latest last.
        calls: Calls to the source, by operation.

    """

    by_name: Counter[str] = attrs.field(factory=Counter)
    causes: Counter[Cause] = attrs.field(factory=Counter)
    calls: Counter[Operation] = attrs.field(factory=Counter)
    took: deque[float] = attrs.field(factory=lambda: deque(maxlen=REMEMBERED))

    def count(self, outcomes: Iterable[Outcome], seconds: Iterable[float]) -> None:
        """Count messages whose handling has ended, all that did so in one turn of the event loop."""
        self.by_name.update(outcomes)
        self.took.extend(seconds)

    def received(self, _: str, __: int, messages: Sequence[Message]) -> None:
        """Count what was received."""
        self.by_name["received"] += len(messages)

    def comes_back(self, _: Message, cause: Cause) -> None:
        """Count a message that comes back."""
        self.causes[cause] += 1

    def called(self, operation: Operation, _: str, __: float, ___: Exception | None) -> None:
        """Count a call; those of one operation all come from one thread."""
        self.calls[operation] += 1
