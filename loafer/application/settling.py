"""What is done with messages in the end, as what decides about them sees it."""

from collections.abc import Sequence
from typing import Protocol

from loafer.domain.lease import Lease
from loafer.ports.observer import Cause


class Settling(Protocol):
    """See `Settlement`."""

    def release(self, leases: Sequence[Lease], delay: float = 0) -> None:
        """Give messages back, in their order, visible again after `delay` seconds."""

    def acknowledge(self, leases: Sequence[Lease], now: float) -> None:
        """Delete messages whose handling has ended now."""

    def let_go(self, leases: Sequence[Lease], cause: Cause) -> None:
        """Leave started messages to their leases, and give back what waits for them."""

    def finished(self, leases: Sequence[Lease], *, confirmed: bool) -> None:
        """Hold messages no longer: what waited for them may start, unless their settlement was not confirmed."""
