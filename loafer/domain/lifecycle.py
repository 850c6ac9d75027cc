"""The rules of a delivery's end: what counts as content, what the outcome is, who is acknowledged."""

from collections.abc import Mapping
from enum import StrEnum
from types import CoroutineType

import attrs

from loafer.domain.message import Message, Notification
from loafer.exceptions import IgnoreMessage, RejectMessage


class Outcome(StrEnum):
    """How the delivery of one message ended; the only thing that settlement acts upon."""

    SUCCEEDED = "succeeded"
    REJECTED = "rejected"
    IGNORED = "ignored"
    FAILED = "failed"
    UNTRANSLATED = "untranslated"

    acknowledged: bool
    """True if the message is to be deleted, False if it stays on its queue."""

    def __init__(self, value: str) -> None:
        """Decide once what is read for every message."""
        self.acknowledged = value in {"succeeded", "rejected"}


class NotCalledOn(IgnoreMessage):
    """A middleware returned and had not called on: no handler has seen the message."""


class InvalidTranslation(ValueError):
    """A translator's result that is no mapping with a `content` that is not None."""


def content_of(translated: object) -> object:
    """Return the content in a translator's result; anything but None is content, `0` and `""` too.

    Raises:
        InvalidTranslation: the result is no mapping, has no `content`, or its content is None or a coroutine.

    """
    if not (isinstance(translated, dict) or isinstance(translated, Mapping)):  # noqa: SIM101 - the usual case, at once
        raise InvalidTranslation(f"the translator returned {type(translated).__name__}, not a mapping with 'content'")
    content: object = translated.get("content")
    if content is None:
        what = "content None" if "content" in translated else "a mapping without 'content'"
        raise InvalidTranslation(f"the translator returned {what}")
    if type(content) is CoroutineType:
        content.close()
        raise InvalidTranslation("the translator returned a coroutine as its content, and has not awaited it")
    return content


def message_with(notification: object, message: Message) -> Message:
    """Return a message with the notification that its translator told of it; as it is where that told none."""
    return attrs.evolve(message, notification=notification) if isinstance(notification, Notification) else message


def outcome_of(content: object, error: BaseException | None) -> Outcome:
    """Return the outcome of translating to `content` (None: failed) and handling with `error` (None: it returned)."""
    match content, error:
        case None, _:
            return Outcome.UNTRANSLATED
        case _, None:
            return Outcome.SUCCEEDED
        case _, RejectMessage():
            return Outcome.REJECTED
        case _, IgnoreMessage():
            return Outcome.IGNORED
        case _:
            return Outcome.FAILED
