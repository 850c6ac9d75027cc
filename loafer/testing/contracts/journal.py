"""A journal of moves that outlives what the contracts call the end of a process."""

from collections.abc import Mapping, Sequence

import attrs

from loafer.domain.message import Message
from loafer.ports.journal import Journal, Noted, Step, noted_came, noted_sending


@attrs.define(eq=False)
class MemoryJournal(Journal):
    """Keeps everything in memory."""

    _noted: dict[str, Noted] = attrs.field(factory=dict)

    @property
    def noted(self) -> Mapping[str, Noted]:
        """What is known."""
        return self._noted

    def sending(self, messages: Sequence[Message], at: float) -> None:
        """Remember it."""
        self._noted.update({message.id: noted_sending(self._noted.get(message.id), at) for message in messages})

    def came(self, steps: Sequence[tuple[str, Step, str]]) -> None:
        """Remember it."""
        self._noted.update({name: noted_came(self._noted.get(name), step, detail) for name, step, detail in steps})
