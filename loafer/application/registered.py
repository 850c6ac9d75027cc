"""What a route is registered with, as a value."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict

import attrs

from loafer.domain.conditions import Condition, rule_of
from loafer.domain.retry import Retry
from loafer.domain.rules import Ask, Rule

Reject = type[BaseException] | tuple[type[BaseException], ...]
"""Errors that reject a message, as `except` takes them."""

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@attrs.frozen
class Line:
    """Where in the user's code something was registered."""

    file: str
    number: int

    @classmethod
    def of_caller(cls, depth: int) -> "Line":
        """Return the line that called the function `depth` calls above the caller of this."""
        frame = sys._getframe(depth + 1)  # noqa: SLF001 - `inspect.stack` reads the source of every frame
        return cls(frame.f_code.co_filename, frame.f_lineno)

    def __str__(self) -> str:
        """Return it as editors understand it, relative to the working directory where it is in there."""
        path = Path(self.file)
        return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{self.number}"


@attrs.frozen
class Batching:
    """How messages are collected for a handler that takes many.

    Attributes:
        size: Messages of one call at most.
        wait: Seconds that the first of them waits for others.

    """

    size: int
    wait: float


class RouteOptions(TypedDict, total=False):
    """What a route may be given besides its source; what is left out is not said in code.

    Attributes:
        region: The region of the queue.
        endpoint: The endpoint that is called.
        profile: The profile whose credentials are used.
        max_jobs: Handlers of this route that run at once.
        weight: Its share of the slots beside that of others.
        rate: Messages started a second.
        burst: Messages that may start at once after a pause, where there is a rate.
        when: Which messages of the source it takes.
        prefetch: Messages held ahead of a free handler.
        retry: When kept messages come back.
        reject: Errors that reject a message as RejectMessage does.
        timeout: Seconds after which a coroutine is cancelled.
        translator: A translator, its class or its dotted name.
        content: The type of the content, where the handler's annotation does not say it.
        options: Options of the consumer.
        consumer: The class of the consumer, or its dotted name.

    """

    region: str
    endpoint: str
    profile: str
    max_jobs: int
    weight: float
    rate: float
    burst: int
    when: Condition | Ask | None
    prefetch: int
    retry: Retry
    reject: Reject
    timeout: float
    translator: object
    content: object
    options: Mapping[str, Any]
    consumer: object


def check_options(called: str, given: Mapping[str, object], *more: str, known: type = RouteOptions) -> None:
    """Raise TypeError, as Python would, for what is no option; with the nearest that is one, or is one of `more`."""
    names = [*known.__annotations__, *more]
    for name in given:
        if name not in names:
            from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

            near = get_close_matches(name, names, n=1)
            right = f"; did you mean {near[0]}?" if near else ""
            raise TypeError(f"{called}() got an unexpected keyword argument {name!r}{right}")


@attrs.frozen(kw_only=True)
class Registered:
    """One route as it stands in code; what is None is not said there. The rest is as in RouteOptions.

    Attributes:
        source: The queue's name, URL or ARN, or memory://NAME.
        handler: The handler: a function, a coroutine function, an object or a class with `__call__`.
        line: Where it was registered.
        given_name: The name that it was given.
        batching: How messages are collected; None: the handler takes one at a time.
        middleware: What the handler is called through, the outermost first.
        label: What logs and contexts call it; None: its name.

    """

    source: str
    handler: Any
    line: Line
    given_name: str | None = None
    batching: Batching | None = None
    middleware: tuple[Callable[..., Any], ...] = ()
    label: str | None = None
    region: str | None = None
    endpoint: str | None = None
    profile: str | None = None
    max_jobs: int | None = None
    weight: float | None = None
    rate: float | None = None
    burst: int | None = None
    when: Condition | Ask | None = None
    prefetch: int | None = None
    retry: Retry | None = None
    reject: Reject = ()
    timeout: float | None = None
    translator: object = None
    content: object = object
    options: Mapping[str, Any] = NO_OPTIONS
    consumer: object = None

    @property
    def queue(self) -> str:
        """The name of the queue, of whatever way it was written."""
        return re.split("[/:]", str(self.source))[-1]

    @property
    def name(self) -> str:
        """The given name, else the queue's; of a route with a condition the queue's and the handler's."""
        if self.given_name is not None:
            return self.given_name
        return self.queue if self.when is None else f"{self.queue}-{self.handler_name}"

    @property
    def handler_name(self) -> str:
        """The name of the handler."""
        return str(getattr(self.handler, "__name__", type(self.handler).__name__))

    @property
    def key(self) -> str:
        """The name as variables have it: LOAFER_<key>_ROUTE_SOURCE."""
        return re.sub("[^A-Z0-9]", "_", str(self.name).upper())

    @property
    def rule(self) -> Rule:
        """The rule of its condition; ConfigurationError if it is none."""
        return rule_of(self.when)
