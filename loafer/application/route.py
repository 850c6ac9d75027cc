"""The link between a source and a handler."""

from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from loafer.domain.message import Message
from loafer.ports.consumer import Consumer

Translate = Callable[[Message], object]
"""A translator's `translate`, given the whole message; it may return an awaitable of what it translates to."""

Handler = Callable[[Any], Awaitable[object]]
"""What is awaited with the content; its result is never looked at."""


@attrs.frozen
class Route:
    """A source, its translator and its handler.

    Attributes:
        name: What logs call it.
        source: Where its messages come from, as the user named it.
        consumer: Creates a consumer of the source. It is called twice: leases are extended by a consumer of their own,
            on a thread of their own.
        translate: Turns a message into `{"content": content}`, where a topic tells one with its `notification`.
        handle: Awaited with the content.

    """

    name: str
    source: str
    consumer: Callable[[], Consumer]
    translate: Translate
    handle: Handler
