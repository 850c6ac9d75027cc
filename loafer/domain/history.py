"""What became of a message, note by note, and why it was delivered again."""

from collections.abc import Iterable, Sequence

import attrs

RAN, BACK, HELD = "ran", "comes back", "held"
"""The kinds of notes: a handler ended, a message comes back, and a worker that is gone had it when it died."""

CRASHED = "crashed"
ELSEWHERE = "elsewhere"

MEANINGS = {
    "failed": "its handler, or its translator, failed",
    "ignored": "its handler ignored it, or no route takes it",
    "timeout": "its handler took longer than LOAFER_HANDLER_TIMEOUT lets it, and was cancelled",
    "stop": "the worker stopped before it was done; a longer LOAFER_GRACE_PERIOD lets more end",
    "lease lost": "the worker had it for longer than its visibility timeout, and could not extend that in time",
    "blocked loop": "something kept the worker's event loop for so long that it let its messages go",
    "delete failed": "it was handled, and could not be deleted: its handler will have run twice",
    "order": "something before it in its group was not done",
    ELSEWHERE: "another worker had it before, not on this machine, or SQS delivered it twice",
    CRASHED: "the worker died while it had it: killed, out of memory, or its machine went down",
}
"""What each cause means, in a sentence."""


@attrs.frozen(kw_only=True)
class Note:
    """One thing that happened to a message; nothing of its body is in it.

    Attributes:
        at: When, in seconds since the epoch.
        worker: The process that notes it.
        source: The source of the message.
        id: The message's id.
        receives: How often it had been received by then.
        kind: What happened: RAN, BACK or HELD.
        word: How the handler ended, or the cause; empty for HELD.
        error: The kind of error that was raised; empty without one.
        seconds: How long the handler took.

    """

    at: float
    worker: int
    source: str
    id: str
    receives: int
    kind: str
    word: str = ""
    error: str = ""
    seconds: float = 0.0


@attrs.frozen
class Reason:
    """Why a message was delivered again, once.

    Attributes:
        cause: In a word, as the metric has it; or `crashed`, which no worker can tell of itself.
        note: What says so.

    """

    cause: str
    note: Note

    @property
    def meaning(self) -> str:
        """The cause in a sentence."""
        return MEANINGS.get(self.cause, self.cause)


def is_time(at: float) -> bool:
    """Tell whether that many seconds since the epoch are a time that a calendar can show."""
    return 0 <= at < 1e11  # noqa: PLR2004 - three thousand years


def reasons_of(notes: Iterable[Note]) -> list[Reason]:
    """Return why a message was delivered again, by its notes from all workers, in the order of time.

    A worker that receives what it has never had says `elsewhere`. Where another worker of this machine says why it had
    to let go of the message, or died with it, that is the reason, and the other one is left out.
    """
    ordered = sorted(notes, key=lambda note: note.at)
    told = [note for note in ordered if note.kind == BACK]
    reasons = [Reason(note.word, note) for note in told if note.word != ELSEWHERE]
    reasons += [Reason(CRASHED, note) for note in ordered if note.kind == HELD and not _outlived(note, ordered)]
    known = {reason.note.receives for reason in reasons}
    reasons += [Reason(ELSEWHERE, note) for note in told if note.word == ELSEWHERE and note.receives - 1 not in known]
    return sorted(reasons, key=lambda reason: reason.note.at)


def _outlived(held: Note, notes: Sequence[Note]) -> bool:
    """Tell whether the worker said after that note what became of the message."""
    return any(
        note.worker == held.worker and note.receives == held.receives and note.at >= held.at and note is not held
        for note in notes
        if note.kind != HELD
    )
