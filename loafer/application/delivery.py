"""One message to its handler, and what came of it, as a value: whoever acts on it does so once."""

import asyncio
import logging
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeAlias

import attrs

from loafer.application.handled import is_ours
from loafer.application.handler import Chained, pool_of
from loafer.application.limit import Limit, TimeLimit, took_longer
from loafer.application.raised import (
    FATAL,
    NO_END,
    NotDone,
    NotOurs,
    UnusableDelay,
    decision_in,
    leaves,
    usable,
)
from loafer.application.returned import is_awaitable, see_to
from loafer.application.route import Call, Handler, Route
from loafer.application.tasks import is_stopped
from loafer.domain.lifecycle import Outcome, content_of, message_with, outcome_of
from loafer.domain.message import Message
from loafer.domain.retry import Retry
from loafer.exceptions import HandlerTimeout, IgnoreMessage, InvalidContent, InvalidDelay

logger = logging.getLogger(__name__)

ENDS = (*FATAL, asyncio.CancelledError, HandlerTimeout)
"""What ends a handler or the program from outside."""

KEEPS = (*ENDS, *NO_END, IgnoreMessage, InvalidDelay, UnusableDelay)
"""What keeps its message whatever a route rejects: who raised it asked for that, or has not done its work."""


@attrs.define(slots=True)
class Delivery:
    """How one delivery ended.

    Attributes:
        route: The name of its route.
        message: The message.
        outcome: What is to become of it.
        error: What the translator or the handler raised; None if it returned.
        content: What the handler was given; what did not fit its type, or a body that it did not want, as it was; None
            if there was nothing to give.
        retry: When it comes back, if it is kept; None: as its route says.
        undecided: Whether no handler was chosen, for a condition raised the error.
        no_attempt: Whether this was none: a route takes it that does not run here, or a stop cut its handler short.
        call_error: What the call of a whole batch raised, where the message had ended alone before.

    """

    route: str
    message: Message
    outcome: Outcome
    error: BaseException | None = None
    content: object = attrs.field(default=None, repr=False)
    retry: Retry | None = attrs.field(default=None, repr=False)
    undecided: bool = attrs.field(default=False, repr=False)
    no_attempt: bool = attrs.field(default=False, repr=False)
    call_error: BaseException | None = attrs.field(default=None, repr=False)

    @property
    def fatal(self) -> BaseException | None:
        """What asks the program to end: SystemExit or KeyboardInterrupt. Whatever else is raised fails this message."""
        # Of its type: an error of the user's own may raise where it is asked what it is.
        errors = (self.error, self.call_error)
        return next((error for error in errors if issubclass(type(error), FATAL)), None)


Prepared: TypeAlias = tuple[Message, object, tuple[object, ...]]
"""A message, its content, and what its handler is given."""


def ignore(_: Delivery) -> None:
    """Want to know nothing."""


async def deliver(route: Route, message: Message, limit: float | None, translated: Any = None) -> Delivery:
    """Translate a message, give it to the handler, and return what came of it; raises nothing.

    After `limit` seconds a coroutine is cancelled, which is an error like any other. A thread cannot be cancelled:
    it is waited for, and what it comes to counts. `translated` is what the translator has answered already, perhaps
    still to be awaited: then it is not asked again.
    """
    call: Call = route.call  # type: ignore[assignment]  # a batch is delivered in another way
    try:
        if translated is None and call.translated:
            translated = route.translate(message)
        if translated is not None and type(translated) is not dict and is_awaitable(translated):  # the usual, at once
            translated = await translated_within(limit, translated)
    except BaseException as error:  # noqa: BLE001 - whatever a translator raises keeps the message
        return untranslated(route, message, error)
    prepared = prepare(route, call, message, translated)
    if isinstance(prepared, Delivery):
        return prepared
    message, content, given = prepared
    if not is_ours(message):  # any more: it may have taken long to translate, or the process stood still
        return handled_badly(route, message, content, NotOurs())
    try:
        if limit is None:
            if (returned := await call.handle(*given)) is not None:
                await see_to(returned)
        else:
            await handle_within(limit, call.handle, given, message)
    except BaseException as error:  # noqa: BLE001 - whatever a handler raises is a value from here on
        return handled_badly(route, message, content, error)
    return Delivery(route.name, message, Outcome.SUCCEEDED, None, content)


def prepare(route: Route, call: Call, message: Message, translated: Any) -> Delivery | Prepared:
    """Return a message as its translator's answer makes it, with its content and what the handler is given.

    Where nothing was `translated`, the content is the body. If that fails, what has come of the message is returned.
    """
    content: object
    try:
        if translated is not None or call.translated:
            content = content_of(translated)
            if len(translated) > 1:
                message = message_with(translated.get("notification"), message)
        else:
            content = message.body
            if call.notice is not None:
                message = message_with(call.notice(message.body), message)
    except BaseException as error:  # noqa: BLE001 - as above
        return untranslated(route, message, error)
    try:
        if call.decode is not None:
            content = call.decode(content)
        return message, content, (content,) if call.arguments is None else call.arguments(content, message)
    except BaseException as error:  # noqa: BLE001 - as what a handler raises
        return unfit(route, message, content, error)


def untranslated(route: Route, message: Message, error: BaseException) -> Delivery:
    """Return what has come of a message whose translator raised."""
    return Delivery(route.name, message, Outcome.UNTRANSLATED, usable(error))


def unfit(route: Route, message: Message, content: object, error: BaseException) -> Delivery:
    """Return what has come of a message whose content could not be made what its handler takes.

    Content that does not fit may be rejected by its route, and nothing else: the handler never ran.
    """
    delivery = handled_badly(route, message, content, error)
    if delivery.outcome is Outcome.REJECTED and not isinstance(delivery.error, InvalidContent):
        delivery.outcome = Outcome.FAILED
    return delivery


def handled_badly(route: Route, message: Message, content: object, error: BaseException) -> Delivery:
    """Return what has come of a message whose handler raised."""
    rejects = route.reject
    if type(error) is NotDone and error.__cause__ is not None:
        error, rejects = error.__cause__, ()
    error = usable(decision_in(error))
    return Delivery(route.name, message, _outcome_on(rejects, content, error), error, content)


def _outcome_on(rejects: tuple[type[BaseException], ...], content: object, error: BaseException) -> Outcome:
    """Return what is to become of a message whose handler raised: rejected too where its route `rejects` such an error.

    What ended it from outside, or kept it from its start, is no error of the message, and keeps it whatever the route
    says; so does IgnoreMessage, which asks for that, also within a group of errors.
    """
    try:
        rejected = isinstance(error, rejects) and not any(isinstance(each, KEEPS) for each in leaves(error))
        return Outcome.REJECTED if rejected else outcome_of(content, error)
    except BaseException:  # noqa: BLE001 - a user's own error may raise where it is asked what it is
        return Outcome.FAILED


async def translated_within(limit: float | None, translating: Awaitable[object]) -> object:
    """Return what a translator's awaitable comes to; HandlerTimeout after `limit` seconds."""
    scope = asyncio.timeout(None) if limit is None else TimeLimit(limit)
    try:
        async with scope:
            translated = await translating
    except BaseException as error:
        if scope.expired() and _was_cut_short(error):
            raise HandlerTimeout(f"its translator took longer than {limit:g} s") from error
        raise
    if scope.expired():
        raise HandlerTimeout(f"its translator took longer than {limit:g} s")
    if is_stopped():
        raise asyncio.CancelledError  # which it swallowed: no handler starts any more
    return translated


async def handle_within(limit: float | None, handle: Handler, given: tuple[object, ...], message: Message) -> None:
    """Await a handler; HandlerTimeout after `limit` seconds, but a thread is waited for."""
    if limit is None:
        await see_to(await handle(*given))
        return
    text = "message %s: its handler has run for %s s, in a thread that cannot be cancelled: waiting for it"
    asks = pool_of(handle) is not None or isinstance(handle, Chained)  # whether something may begin
    scope = Limit(limit, partial(logger.warning, text, message.id, limit)) if asks else TimeLimit(limit)
    try:
        async with scope:
            await see_to(await handle(*given))
    except BaseException as error:
        if scope.expired() and _was_cut_short(error):
            raise HandlerTimeout(took_longer(limit)) from error
        raise
    if scope.expired():  # it swallowed its cancellation, and has not done what it was to do
        raise HandlerTimeout(took_longer(limit))


def _was_cut_short(error: BaseException) -> bool:
    """Tell whether what was raised once the time was over comes of that: another error may be made of a cancellation.

    A CancelledError is one of it, too, where no stop has cancelled: Python's groups of tasks leave a task counted as
    cancelled once more at times, before 3.13, and its own time limit then lets that out.
    """
    if isinstance(error, asyncio.CancelledError):
        return not is_stopped()
    return not issubclass(type(error), ENDS)
