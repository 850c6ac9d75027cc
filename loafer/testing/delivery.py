"""How a message's delivery ended, as tests see it; and one message through the real lifecycle."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from loafer.application import delivery as application
from loafer.application.calling import call_of, checked, instance_of, translator_of
from loafer.application.pool import ThreadPool
from loafer.application.route import Route, Surroundings
from loafer.domain.attributes import AttributeValue, attributes_of
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import NO_ATTRIBUTES, Message
from loafer.entrypoints.settings.table import RouteSettings
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.entrypoints.wiring.loading import import_name
from loafer.ports.consumer import Consumer
from loafer.testing.clock import run

DEFAULT_TRANSLATOR = RouteSettings(source="").translator
"""The translator where a test gives none: the one that a route has by default."""

_NOT_GIVEN = object()

LONGEST_SHOWN = 300
"""Characters of a content or an error that are shown."""


@attrs.frozen(repr=False)
class Delivery:
    """One delivery of a message, and how it ended.

    Attributes:
        content: What the handler was given; what did not fit its type, as it was; None where nothing was translated.
        message: The message as it was received.
        outcome: What becomes of the message.
        error: What the translator or the handler raised; None if it returned.
        at: When it ended, in seconds of the world from its beginning.
        route: The name of its route.

    """

    content: Any
    message: Message
    outcome: Outcome
    error: BaseException | None = None
    at: float = 0.0
    route: str = ""

    @property
    def acknowledged(self) -> bool:
        """Tell whether the message is deleted."""
        return self.outcome.acknowledged

    @property
    def said(self) -> Any:
        """The content, or the body where it was not translated."""
        return self.message.body if self.outcome is Outcome.UNTRANSLATED else self.content

    def __repr__(self) -> str:
        """Return one line that reads well in a failed assert."""
        count = f", delivery {self.message.receive_count}" if self.message.receive_count > 1 else ""
        error = f", {shown(self.error)}" if self.error is not None else ""
        return f"<{self.outcome.value}: {shown(self.said)}{count}{error}, at {self.at:.3f} s>"


def shown(value: object) -> str:
    """Return how a value shows itself, but not all of it where that is long: it stands in the message of an error."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… of {len(text)} characters"


def deliver(
    handler: object,
    *,
    content: object = _NOT_GIVEN,
    body: str | None = None,
    translator: object = DEFAULT_TRANSLATOR,
    attributes: Mapping[str, AttributeValue] = NO_ATTRIBUTES,
    receive_count: int = 1,
    timeout: float | None = None,
    state: object = None,
) -> Delivery:
    """Return how the delivery of one message ends, in virtual time: `content` as it is, or a `body` to be translated.

    `handler` and `translator` are what a route takes, or its dotted name; `timeout` is as LOAFER_HANDLER_TIMEOUT, and
    `state` is that of its Context.

    Raises:
        TypeError: not just one of content and body is given, or the body or an attribute is none.
        ValueError: the handler or the translator cannot be one.
        RuntimeError: the handler waits for something that never happens, or an event loop runs here already; there
            `await adeliver(…)` does the same.

    """
    message = _message(content, body, attributes, receive_count)
    return run(_delivered(handler, message, _translating(content, translator), timeout, state))


async def adeliver(
    handler: object,
    *,
    content: object = _NOT_GIVEN,
    body: str | None = None,
    translator: object = DEFAULT_TRANSLATOR,
    attributes: Mapping[str, AttributeValue] = NO_ATTRIBUTES,
    receive_count: int = 1,
    timeout: float | None = None,  # noqa: ASYNC109 - it is the handler's
    state: object = None,
) -> Delivery:
    """Return how the delivery of one message ends, as `deliver` does, in the event loop and the time of the test.

    Raises:
        TypeError: not just one of content and body is given, or the body or an attribute is none.
        ValueError: the handler or the translator cannot be one.

    """
    message = _message(content, body, attributes, receive_count)
    return await _delivered(handler, message, _translating(content, translator), timeout, state)


def _message(
    content: object, body: str | None, attributes: Mapping[str, AttributeValue], receive_count: int
) -> Message:
    if (content is _NOT_GIVEN) == (body is None):
        raise TypeError("deliver takes either content=, which is not translated, or body=, which is")
    if not isinstance(body, str | None):
        raise TypeError(f"body={body!r} is no string, which every body is; give it as content=, or as its JSON")
    typed = attributes_of(attributes)
    return Message("message-1", body or "", "receipt-1", receive_count, attributes=typed, source="test")


def _translating(content: object, translator: object) -> object:
    return translator if content is _NOT_GIVEN else _Given(content)


async def _delivered(
    handler: object, message: Message, translator: object, limit: float | None, state: object
) -> Delivery:
    with ThreadPool(1, "loafer-test") as pool:
        route = route_of("test", _no_consumer, translator, handler, pool, state=state)
        ended = await application.deliver(route, message, limit)
    return seen(ended, asyncio.get_running_loop().time())


def route_of(
    name: str,
    consumer: Callable[[], Consumer],
    translator: object,
    handler: object,
    pool: ThreadPool,
    *,
    state: object = None,
) -> Route:
    """Return a route whose source has its name; translator and handler are objects, or their dotted names.

    Raises:
        ValueError: the handler or the translator cannot be one.

    """
    made_by, around = instance_of(named(translator)), Surroundings(name, state)
    call = checked(call_of(named(handler), pool, RouteDecoder(made_by), around), made_by)
    return Route(name, name, consumer, translator_of(made_by, pool), call, around)


def seen(ended: application.Delivery, at: float) -> Delivery:
    """Return a delivery as tests see it."""
    return Delivery(ended.content, ended.message, ended.outcome, ended.error, at, ended.route)


def named(given: object) -> object:
    """Return what a dotted name names, and anything else as it is.

    Raises:
        ValueError: there is no such thing.

    """
    return import_name(given) if isinstance(given, str) else given


@attrs.frozen
class _Given:
    """A translator of nothing: the content is there already."""

    content: object

    def translate(self, _: str) -> Mapping[str, object]:
        """Return the content that is there."""
        return {"content": self.content}


def _no_consumer() -> Consumer:
    raise NotImplementedError("a single delivery has no source")
