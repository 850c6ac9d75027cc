"""What is written down of each message that a person has moved or deleted, before that is done."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum

import attrs

from loafer.domain.message import Message


class Step(StrEnum):
    """How far a message has come."""

    SENDING = "sending"
    SENT = "sent"
    DELETED = "deleted"
    UNSURE = "unsure"
    REFUSED = "refused"


@attrs.frozen
class Noted:
    """What the journal knows of one message.

    Attributes:
        step: How far it has come; what was SENDING when the process died may be there, or not.
        at: When it was sent, in seconds since the epoch: for the first time of those of which nobody knows the end.
        copy: The id of its copy; None before it was confirmed.

    """

    step: Step
    at: float
    copy: str | None = None


def noted_sending(before: Noted | None, at: float) -> Noted:
    """Return what is known of a message that is about to be sent, at a time in seconds since the epoch."""
    pending = before is not None and before.step in (Step.SENDING, Step.UNSURE)
    return Noted(Step.SENDING, min(before.at, at) if pending and before is not None else at)


def noted_came(before: Noted | None, step: Step, detail: str) -> Noted:
    """Return what is known of a message of which a step is told, with the copy's id or why it is no further."""
    before = before or Noted(step, 0.0)
    return Noted(step, before.at, detail if step is Step.SENT else before.copy)


class Journal(ABC):
    """Notes each step of each message; what is noted survives the process, and the machine.

    Every method returns when that is so. OSError: it cannot be written; then nothing may be done.
    """

    @property
    @abstractmethod
    def noted(self) -> Mapping[str, Noted]:
        """What is known by message id, also from before."""

    @abstractmethod
    def sending(self, messages: Sequence[Message], at: float) -> None:
        """Note whole messages that are about to be sent, at a time in seconds since the epoch."""

    @abstractmethod
    def came(self, steps: Sequence[tuple[str, Step, str]]) -> None:
        """Note what came of messages: their id, their step, and the copy's id or why it is no further."""
