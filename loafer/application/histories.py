"""Notes what happens to messages that are not simply done; nothing is noted of the others."""

import os
import time
from collections.abc import Callable, Sequence

import attrs

from loafer.domain.history import BACK, RAN, Note
from loafer.domain.message import Message
from loafer.ports.observer import Cause, Ending, Observer


@attrs.define(eq=False)
class Histories(Observer):
    """Gives notes to whoever keeps them.

    Attributes:
        keep: Keeps a note; called on any thread, and must not block.
        wall_clock: Seconds since the epoch.
        pid: The process that notes.

    """

    keep: Callable[[Note], object]
    wall_clock: Callable[[], float] = time.time
    pid: int = attrs.field(factory=os.getpid)

    def handled(self, endings: Sequence[Ending]) -> None:
        """Note how handlers ended, but for those where all was well at the first attempt."""
        for _, message, outcome, error, seconds in endings:
            if message.receive_count > 1 or message.runs_before or not outcome.acknowledged:
                failed = "" if error is None else type(error).__name__
                self._note(message, RAN, str(outcome), failed, seconds)

    def comes_back(self, message: Message, cause: Cause) -> None:
        """Note that a message comes back, and why."""
        self._note(message, BACK, str(cause))

    def _note(self, message: Message, kind: str, word: str, error: str = "", seconds: float = 0.0) -> None:
        self.keep(
            Note(
                at=self.wall_clock(),
                worker=self.pid,
                source=message.source,
                id=message.id,
                receives=message.receive_count,
                kind=kind,
                word=word,
                error=error,
                seconds=seconds,
            )
        )
