"""What the workers at one post say of themselves, and what is known of those that died there."""

from collections.abc import Callable

import attrs

from loafer.domain.metrics import Family, merged
from loafer.entrypoints.worker.told import Told

SILENT = 5.0
"""Seconds after which a worker that says nothing more is taken for dead: it does so every second."""


@attrs.define(eq=False)
class Reports:
    """Keeps the last that a worker said, and what those before it had counted.

    Attributes:
        name: The post's name.
        clock: Seconds that never go back.

    """

    name: str
    clock: Callable[[], float]
    _last: Told | None = None
    _at: float = 0.0
    _past: list[Family] = attrs.field(factory=list)

    def take(self, told: Told) -> None:
        """Take what the worker says."""
        self._last, self._at = told, self.clock()

    def lose(self) -> None:
        """Note that the worker has ended: what it had counted stays counted."""
        last, self._last = self._last, None
        if last is not None:
            self._past = merged([self._past, [family for family in last.families if family.kind != "gauge"]])

    def now(self) -> Told:
        """Return how it is with the post; on any thread."""
        last, at = self._last, self._at
        if last is None:
            why = ["the worker has not begun yet"]
            nothing = {"alive": True, "ready": False, "not_alive": [], "not_ready": why, "routes": []}
            return Told({"worker": self.name, "state": "starting", **nothing}, self._past)
        document, silent = dict(last.document), self.clock() - at
        if silent > SILENT:
            document["not_alive"] = [*document["not_alive"], f"it has said nothing for {silent:.0f} s"]
            document |= {"alive": False, "state": "wedged"}
        return Told(document, merged([self._past, last.families]))
