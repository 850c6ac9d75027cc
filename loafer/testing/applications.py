"""Applications in a world in memory: their queues and topics, their state, their settings."""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import attrs

from loafer.application.destination import Destination
from loafer.application.lifespan import Lifespan
from loafer.application.options import Options
from loafer.application.publishing import QueuePublisher, TopicPublisher
from loafer.application.registered import Line, Registered
from loafer.domain.limits import FIFO
from loafer.domain.retry import Retry
from loafer.entrypoints.settings.table import Settings, settings_of
from loafer.entrypoints.wiring.applications import Application
from loafer.exceptions import ConfigurationError
from loafer.testing.places import Places

VISIBILITY_TIMEOUT = 30.0
"""Seconds that the queues of an application hide what was received, as SQS does unless told otherwise."""

LAST_RECEIVE = 1000
"""The most receives that SQS has a queue with a dead-letter queue allow."""

DEAD = "-dead"
"""What the name of a dead-letter queue ends with, before a `.fifo`."""

LIFESPAN = object()
"""In place of a state: the one that the application's own lifespan gives."""


@attrs.define(eq=False)
class WithState:
    """An application with another lifespan.

    Attributes:
        application: The application.
        lifespan: What gives the state.
        settings: The settings that were given in its code.
        line: Where it was made.

    """

    application: Application
    lifespan: Lifespan | None
    settings: Mapping[str, object]
    line: Line

    def routes(self) -> Sequence[Registered]:
        """Return its routes."""
        return self.application.routes()

    def publishers(self) -> Sequence[QueuePublisher[Any] | TopicPublisher[Any]]:
        """Return its publishers."""
        return self.application.publishers()

    def rejected(self) -> Mapping[str, bool]:
        """Return of sources whether messages that no route takes are rejected."""
        return self.application.rejected()

    def mistakes(self) -> Sequence[str]:
        """Return what is wrong with it."""
        return self.application.mistakes()

    def running_with(self) -> AbstractContextManager[None]:
        """Return what refuses to register anything while it lasts."""
        return self.application.running_with()


def with_state(application: Application, state: Any) -> Application:
    """Return an application with a state in place of its lifespan; with LIFESPAN as it is."""
    if state is LIFESPAN:
        return application
    return WithState(application, lambda: nullcontext(state), application.settings, application.line)


def name_in(source: str) -> str:
    """Return the name of a queue or topic of its name, URL or ARN, or memory://NAME."""
    return re.split("[/:]", source.rstrip("/"))[-1]


def place_of(destination: Destination) -> str:
    """Return the name of a destination."""
    return name_in(destination.name)


def add_places(places: Places, application: Application, max_receive_count: int | None) -> None:
    """Make the queues and topics that an application names, but for those that are there.

    With `max_receive_count` each queue that a route receives from gets a dead-letter queue, NAME-dead; one whose
    messages its route gives up gets one in any case.

    Raises:
        ConfigurationError: something is wrong with the application; all of it is said.

    """
    wrong = application.mistakes()
    if wrong:
        raise ConfigurationError("\n".join(wrong))
    for route in application.routes():
        name = name_in(route.source)
        if name not in places.queues:
            limit = max_receive_count or _limit_of(route, application)
            places.queue(name, VISIBILITY_TIMEOUT, limit, None if limit is None else _dead(name))
    for publisher in application.publishers():
        name, is_topic = place_of(publisher.destination), publisher.destination.topic
        if is_topic and name not in places.broker.topics:
            places.topic(name)
        if not is_topic and name not in places.queues:
            places.queue(name, VISIBILITY_TIMEOUT, None, None)


def _limit_of(route: Registered, application: Application) -> int | None:
    """Return after how many receives the queue itself gives up what its route gives up before; None: neither does."""
    retry = route.retry or application.settings.get("retry")
    return LAST_RECEIVE if isinstance(retry, Retry) and retry.dead_letter_after is not None else None


def _dead(name: str) -> str:
    return f"{name.removesuffix(FIFO)}{DEAD}{FIFO if name.endswith(FIFO) else ''}"


def settings_in_memory(options: Mapping[str, Any], only: Sequence[str]) -> Settings:
    """Return settings of options, which go before what an application's code says.

    Raises:
        TypeError: there is no such option.
        ValueError: one cannot be.

    """
    values = Options(**options)
    names = [name for name in options if name in settings_of(Settings)]
    given = {name: getattr(values, name) for name in names}
    return Settings(**given, only=tuple(only), origins=dict.fromkeys(names, "the test"))
