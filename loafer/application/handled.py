"""Which message is being handled: what the log's records, and whoever else asks, can know of it."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

import attrs

from loafer.domain.message import Message
from loafer.domain.shown import printable


class Named(Protocol):
    """A route, as far as it is known here."""

    @property
    def name(self) -> str:
        """What names it."""

    @property
    def source(self) -> str:
        """Where its messages come from."""


class Holder(Protocol):
    """The lane that holds a message, as far as it is known here: it stands above."""

    @property
    def route(self) -> Named:
        """Its route."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that never go back."""

    def is_ours(self, message: Message) -> bool:
        """Tell whether a message is held here, and its lease has not ended."""


HANDLED: ContextVar[tuple[Holder, Message, float] | None] = ContextVar("loafer_handled", default=None)
"""The message that is handled in this context, its lane, and when that began by the lane's clock.

It is set for each message, so it is no more than a tuple: what it means is worked out when somebody asks.
"""

TAKER: ContextVar[str | None] = ContextVar("loafer_taker", default=None)
"""The name of the route that takes the message, where its source has several."""

BATCH: ContextVar[Holder | None] = ContextVar("loafer_batch", default=None)
"""The lane of the batch that is handled in this context: none of its messages is the one that is handled."""

FIELDS = ("message_id", "route", "attempt", "group", "latency")
"""What a log record knows of a message, by name."""

NO_MESSAGE = dict.fromkeys(FIELDS, "-")
"""What a line of the log shows in their place where no message is handled."""


@attrs.frozen
class Handled:
    """A message that is being handled.

    Attributes:
        message_id: Its id.
        route: The name of its route.
        source: Where it was received from.
        attempt: The number of this attempt, from 1: receives and further runs in place.
        group: Its message group id; None where there is none.
        latency: Seconds between its sending and its start; None where the source does not say when it was sent.

    """

    message_id: str
    route: str
    source: str
    attempt: int
    group: str | None
    latency: float | None


def is_ours(message: Message) -> bool:
    """Tell whether a message that is handled in this context is still ours, as far as we can know."""
    handling = HANDLED.get()
    lane = BATCH.get() if handling is None else handling[0]
    return lane is None or lane.is_ours(message)


def is_held() -> bool:
    """Tell whether the message that is handled in this context, if one is, is still ours, as far as we can know."""
    handling = HANDLED.get()
    return handling is None or is_ours(handling[1])


def handled(now: Callable[[], float] = time.time) -> Handled | None:
    """Return the message that is being handled in this context; None where none is."""
    handling = HANDLED.get()
    if handling is None:
        return None
    lane, message, began = handling
    latency = None
    if message.sent_at is not None:
        latency = round(max(0.0, now() - (lane.clock() - began) - message.sent_at), 3)
    group = None if message.group is None else printable(message.group)
    return Handled(message.id, TAKER.get() or lane.route.name, lane.route.source, message.attempt, group, latency)
