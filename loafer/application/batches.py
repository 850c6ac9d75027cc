"""Many messages to one handler in one call, and what came of each of them."""

import asyncio
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from loafer.application.delivery import Delivery, handle_within, handled_badly, translated_within, unfit, untranslated
from loafer.application.raised import NotOurs, decision_in, usable
from loafer.application.route import BatchCall, Route
from loafer.application.tasks import is_stopped
from loafer.domain.item import Item
from loafer.domain.lifecycle import Outcome, content_of, message_with
from loafer.domain.message import Message
from loafer.exceptions import HandlerTimeout


async def deliver_batch(
    route: Route, call: BatchCall, messages: Sequence[Message], limit: float | None, is_ours: Callable[[Message], bool]
) -> list[Delivery]:
    """Translate messages, give them to the handler in one call, and return what came of each; raises nothing.

    A message that has no content, or content that does not fit, is none of the handler's. What the handler rejected or
    ignored by itself ends so, whatever becomes of the others; these end as the call does. `limit` as in `deliver`; what
    is no longer ours once all are translated is not given to the handler.
    """
    prepared = [await _prepared(route, call, message, limit) for message in messages]
    ended = [
        untranslated(route, message, NotOurs()) if isinstance(item, Item) and not is_ours(message) else item
        for message, item in zip(messages, prepared, strict=True)
    ]
    items = [item for item in ended if isinstance(item, Item)]
    if items and is_stopped():  # while they were translated: nothing starts any more
        cut = asyncio.CancelledError()
        return [each if isinstance(each, Delivery) else untranslated(route, each.message, cut) for each in ended]
    error: BaseException | None = None
    if items:
        given = (list(items), route.around.context_of_batch(messages)) if call.contextual else (list(items),)
        try:
            await handle_within(limit, call.handle, given, items[0].message)
        except BaseException as raised:  # noqa: BLE001 - whatever a handler raises is a value from here on
            error = usable(decision_in(raised))
    lost = NotOurs()  # one for all: they are told together
    return [
        item if isinstance(item, Delivery) else _delivered(route, message, item, lost if item.lost else error)
        for message, item in zip(messages, ended, strict=True)
    ]


async def _prepared(route: Route, call: BatchCall, message: Message, limit: float | None) -> Item[Any] | Delivery:
    """Return a message as its handler sees it, or what became of it before."""
    content: object
    if is_stopped():
        return Delivery(route.name, message, Outcome.UNTRANSLATED, asyncio.CancelledError())
    try:
        translated: Any = route.translate(message)
        if inspect.isawaitable(translated):
            translated = await translated_within(limit, translated)
        content = content_of(translated)
        message = message_with(translated.get("notification"), message)
    except BaseException as error:  # noqa: BLE001 - whatever a translator raises keeps the message
        return untranslated(route, message, error)
    try:
        fitting = content if call.decode is None else call.decode(content)
    except BaseException as error:  # noqa: BLE001 - what does not fit is kept, or rejected where that is asked for
        return unfit(route, message, content, error)
    return Item(fitting, message=message, attempts_left=route.around.attempts_left(message))


def _delivered(route: Route, message: Message, item: Item[Any], error: BaseException | None) -> Delivery:
    """Return what has come of an item; whatever a handler has made of it, no other one is the worse for that."""
    try:
        return _delivery(route, item, error)
    except BaseException as odd:  # noqa: BLE001 - what stands there may raise where it is asked what it is
        return Delivery(route.name, message, Outcome.FAILED, odd)


def _delivery(route: Route, item: Item[Any], error: BaseException | None) -> Delivery:
    # What a handler that was cancelled or closed rejected, it may have rejected because of that.
    cancelled = isinstance(error, HandlerTimeout | asyncio.CancelledError | GeneratorExit)
    if item.error is not None:
        own = usable(item.error)
        outcome = item.outcome if own is item.error else Outcome.FAILED
        if not (cancelled and outcome is Outcome.REJECTED):
            return Delivery(route.name, item.message, outcome, own, item.content, call_error=error)
    if error is not None:
        return handled_badly(route, item.message, item.content, error)
    return Delivery(route.name, item.message, Outcome.SUCCEEDED, None, item.content)
