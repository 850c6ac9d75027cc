"""What a move of dead letters is told, and what it tells."""

from collections.abc import Callable

import attrs

from loafer.ports.inspector import Letter


@attrs.frozen(kw_only=True)
class Order:
    """What is to be moved, and how.

    Attributes:
        wanted: Tells whether a letter is to be moved.
        rate: Messages a second at most; None: as fast as it goes.
        out_of_order: On a FIFO queue, go on behind a letter of a group that is not wanted.
        unsure: What becomes of what may have been sent: True: it is sent again, False: it stays; None: it stays, too.

    """

    wanted: Callable[[Letter], bool]
    rate: float | None = None
    out_of_order: bool = False
    unsure: bool | None = None


@attrs.define
class Moved:
    """What came of it.

    Attributes:
        wanted: How many were to be moved.
        sent: How many copies were confirmed.
        deleted: How many are gone from here.
        kept: The ids of those that were sent and could not be deleted.
        unsure: The ids of those of which nobody knows whether they were sent.
        refused: Why messages were not taken, by id.
        unseen: The ids of those that were begun before, and did not show themselves: somebody hides them still.
        hidden: About how many more somebody hides.
        waiting: How many were left because of another one of their group, or because their time was over.
        stopped: Why it ended before all was done; None: it did not.

    """

    wanted: int = 0
    sent: int = 0
    deleted: int = 0
    kept: list[str] = attrs.field(factory=list)
    unsure: list[str] = attrs.field(factory=list)
    refused: dict[str, str] = attrs.field(factory=dict)
    unseen: list[str] = attrs.field(factory=list)
    hidden: int = 0
    waiting: int = 0
    stopped: str | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is left to be done."""
        left = self.kept or self.unsure or self.refused or self.unseen or self.hidden or self.waiting
        return not (left or self.stopped)
