"""Batches: what may join one, when it goes out, and what became of each entry."""

from collections.abc import Sequence
from typing import Generic, TypeVar

import attrs

from loafer.domain.limits import LARGEST_BATCH

T = TypeVar("T")

LINGER = 0.010
"""Seconds that the first entry of a batch waits for others."""


@attrs.frozen(slots=True)
class Failure:
    """Why one entry of a batch was not done.

    Attributes:
        reason: One short sentence for the log.
        retryable: True if the same call may succeed later; False if it never will (the lease is lost).
        copied: True if a message is on the dead-letter queue already, and only could not be deleted.
        may_be_done: True if it may have been done all the same, for no answer has said what became of it.

    """

    reason: str
    retryable: bool = True
    copied: bool = False
    may_be_done: bool = False


LONGEST_CALL = 60.0
"""Seconds that a call which settles messages may take; then it is given up, and made again while they are ours."""

UNANSWERED = Failure(f"no answer within {LONGEST_CALL:g} s", may_be_done=True)
"""What has become of its messages."""


def one_for_each(results: Sequence[T], entries: int) -> Sequence[T]:
    """Return the results of so many entries; ValueError if they are not as many: nobody knows then whose they are."""
    if len(results) != entries:
        raise ValueError(f"there are {len(results)} results for {entries} messages")
    return results


@attrs.define
class Batch(Generic[T]):
    """Entries that wait to go out together."""

    entries: list[T] = attrs.field(factory=list, init=False)
    due_at: float | None = attrs.field(default=None, init=False)
    """When the batch goes out at the latest; None while it is empty."""

    @property
    def full(self) -> bool:
        """Tell whether nothing more fits in."""
        return len(self.entries) >= LARGEST_BATCH

    def add(self, entries: Sequence[T], now: float) -> None:
        """Let entries join."""
        if not self.entries and entries:
            self.due_at = now + LINGER
        self.entries.extend(entries)

    def take(self, now: float, *, others_may_join: bool) -> list[T]:
        """Return what is to go out now: a full batch, a batch that waited long enough, or one that nobody can join."""
        if self.due_at is None or (others_may_join and not self.full and now < self.due_at):
            return []
        taken, self.entries = self.entries[:LARGEST_BATCH], self.entries[LARGEST_BATCH:]
        if not self.entries:
            self.due_at = None
        return taken
