"""What a condition can see of a message: its attributes at once, what is in its body once that is translated."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import attrs

from loafer.domain.choosing import Chooser
from loafer.domain.conditions import key_of
from loafer.domain.lifecycle import message_with
from loafer.domain.message import Attribute, Message, Notification
from loafer.domain.rules import MISSING, Ask, Place, Where

Target = TypeVar("Target")

LONGEST_NUMBER = 50
"""Characters of a number attribute that is compared as a number; SQS takes 38 digits."""


class NotTranslatedError(Exception):
    """A condition asks for what is in a body that is not translated yet."""


@attrs.define(eq=False)
class MessageSight:
    """What can be seen of one message.

    Attributes:
        message: The message.
        enveloped: Whether it may have come through a topic, so that what it lacks may be in an envelope in its body.
        translated: What its translator returned; None where that failed.

    """

    message: Message
    enveloped: bool = False
    translated: Mapping[str, Any] | None = None
    _is_translated: bool = attrs.field(default=False, init=False)

    def tell(self, translated: Mapping[str, Any] | None) -> None:
        """Show what the translator returned; None: it failed."""
        self.translated, self._is_translated = translated, True
        self.message = message_with(self._translation().get("notification"), self.message)

    def value(self, place: Place) -> object:
        """Return the key of a value, or MISSING.

        Raises:
            NotTranslatedError: it may be in the body, which is not translated yet.

        """
        match place.where:
            case Where.ATTRIBUTE:
                return self._attribute(place.path[0])
            case Where.GROUP:
                return MISSING if self.message.group is None else self.message.group
            case Where.TOPIC:
                return MISSING if (told := self._notification()) is None else told.topic
            case Where.SUBJECT:
                return MISSING if (told := self._notification()) is None or told.subject is None else told.subject
            case _:
                return self._in_content(place.path)

    def answer(self, ask: Ask) -> bool:
        """Return what a user's own condition says of the message, which has its notification by then.

        Raises:
            NotTranslatedError: the notification may be in the body, which is not translated yet.
            TypeError: it says neither yes nor no.

        """
        if self.enveloped:
            self._translation()
        answer = ask(self.message)
        return answer if isinstance(answer, bool) else _truth_of(answer)

    def _attribute(self, name: str) -> object:
        attribute = self.message.attributes.get(name)
        if attribute is None and (told := self._notification()) is not None:
            attribute = told.attributes.get(name)
        return MISSING if attribute is None else _key_of_attribute(attribute)

    def _notification(self) -> Notification | None:
        if not self.enveloped:
            return None
        told = self._translation().get("notification")
        return told if isinstance(told, Notification) else None

    def _in_content(self, path: tuple[str, ...]) -> object:
        found: object = self._translation().get("content")
        for name in path:
            if not isinstance(found, Mapping) or name not in found:
                return MISSING
            found = found[name]
        return key_of(found)

    def _translation(self) -> Mapping[str, Any]:
        if not self._is_translated:
            raise NotTranslatedError
        return self.translated or {}


async def chosen(
    chooser: Chooser[Target], sight: MessageSight, translated: Callable[[], Awaitable[Mapping[str, Any] | None]]
) -> Target | None:
    """Return what a chooser leads a message to, None if it leads nowhere; translated only where that decides.

    `translated` returns what the translator returned, or None if it failed; the sight keeps it. Raises what a user's
    own condition raises.
    """
    try:
        return chooser.choose(sight)
    except NotTranslatedError:
        sight.tell(await translated())
        return chooser.choose(sight)


def _truth_of(answer: object) -> bool:
    """Return whether an answer is true; TypeError for one that nobody has computed yet, and that would always be so."""
    if inspect.isawaitable(answer) or inspect.isgenerator(answer):
        if isinstance(answer, Coroutine | Generator):
            answer.close()
        raise TypeError(f"the condition returned a {type(answer).__name__} and no answer: write it without async")
    return bool(answer)


def _key_of_attribute(attribute: Attribute) -> object:
    """Return what an attribute is compared by: a number as a number, whatever way it is written."""
    value = attribute.value
    if not attribute.type.startswith("Number") or not isinstance(value, str) or len(value) > LONGEST_NUMBER:
        return value
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    return number if number.is_finite() else value
