"""The table of what an adapter, and the place it is tested on, can do."""

import asyncio
from collections.abc import Callable, Mapping

import attrs

from loafer.domain.limits import LARGEST_BATCH, LARGEST_MESSAGE, LONGEST_DELAY, LONGEST_VISIBILITY
from loafer.testing.clock import VirtualLoop


@attrs.frozen(kw_only=True)
class Features:
    """What is possible; a test that needs what is not is skipped with the reason.

    Attributes:
        ordered: There are FIFO queues.
        deduplicating: FIFO queues take a second message of a deduplication id for the first one.
        redrive: There are dead-letter queues, and messages are moved to them after their deliveries.
        refuses_old_receipts: A receipt ends with the next delivery of its message; where it does not, nobody can tell.
        refuses_ended_leases: A lease that has ended cannot be extended, even if its message was not delivered since.
        abandoned_polls: A receive that was cancelled may still be served, until its wait time is over.
        same_id: The id that a publisher returns is the id of the message that is received.
        max_delay: Seconds that a message may be delayed at most when it is published; 0: not at all.
        max_visibility: Seconds that a message may be kept invisible at most.
        max_bytes: Bytes of the largest message, and of all that go out in one request.
        max_batch: How many messages one receive brings at most.
        lacks: Why a test does not apply, by the test's name.
        loop: Makes the event loop of a test: the usual one, or one on virtual time.
        messages: How many messages a test of many uses.
        examples: How many schedules are run against the model; few where time is real.
        steps: How many steps a schedule has at most.
        slack: Seconds by which the clocks of the test and of the place may differ, and answers take.
        shrinks: A failing schedule is made as small as possible, by many more runs: for virtual time.

    """

    ordered: bool = True
    deduplicating: bool = True
    redrive: bool = True
    refuses_old_receipts: bool = True
    refuses_ended_leases: bool = True
    abandoned_polls: bool = False
    same_id: bool = True
    max_delay: int = LONGEST_DELAY
    max_visibility: int = LONGEST_VISIBILITY
    max_bytes: int = LARGEST_MESSAGE
    max_batch: int = LARGEST_BATCH
    lacks: Mapping[str, str] = attrs.field(factory=dict)
    loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    messages: int = 100
    examples: int = 100
    steps: int = 40
    slack: float = 0.01
    shrinks: bool = True

    @property
    def time_is_virtual(self) -> bool:
        """Tell whether tests may let hours pass."""
        return isinstance(self.loop, type) and issubclass(self.loop, VirtualLoop)

    def missing(self, test: str, needs: tuple[str, ...]) -> str | None:
        """Return why a test of a name, and of what it needs, does not apply; None: it does."""
        if test in self.lacks:
            return self.lacks[test]
        absent = [f"{feature}={getattr(self, feature)}" for feature in needs if not getattr(self, feature)]
        return f"the features say {', '.join(absent)}" if absent else None
