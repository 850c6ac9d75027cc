"""The link between a source and a handler."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from loafer.application.handler import ThreadHandler, pool_of
from loafer.application.pool import ThreadPool
from loafer.domain.context import Context
from loafer.domain.demand import MOST_AHEAD
from loafer.domain.message import Message
from loafer.domain.retry import Retry
from loafer.domain.share import Share
from loafer.domain.shown import without_secrets
from loafer.ports.consumer import Consumer
from loafer.ports.decoder import Decode

if TYPE_CHECKING:
    from loafer.domain.choosing import Chooser

Translate = Callable[[Message], object]
"""A translator's `translate`, given the whole message; it may return an awaitable of what it translates to."""

Handler = Callable[..., Awaitable[object]]
"""What is awaited with the content, or with what else it takes; its result says nothing."""

Arguments = Callable[[object, Message], tuple[object, ...]]
"""What a handler is called with, made of the content and the message."""


@attrs.define(eq=False)
class Surroundings:
    """What the contexts of a route are made of, besides the message.

    Attributes:
        route: The route's name.
        state: What the application's lifespan has given; None without one.
        most_attempts: After how many attempts a message goes to the dead-letter queue; None: never.

    """

    route: str
    state: object = None
    most_attempts: int | None = None

    def context_of(self, message: Message) -> Context[Any]:
        """Return the context of a message."""
        return Context(self.state, message, route=self.route, attempts_left=self.attempts_left(message))

    def context_of_batch(self, messages: Sequence[Message]) -> Context[Any]:
        """Return the context of many messages."""
        return Context(self.state, messages=messages, route=self.route)

    def attempts_left(self, message: Message) -> int | None:
        """Return how many attempts a message has left after this one; None: no end is set."""
        limit = self.most_attempts
        return None if limit is None else max(0, limit - message.attempt)


@attrs.frozen
class Call:
    """How a handler is called.

    Attributes:
        handle: Awaited with the content, or with `arguments`.
        translated: Whether it wants content; otherwise no body is translated.
        decode: Makes the content a value of the type that is asked for; None: it stays as it is.
        arguments: Makes what it is called with; None: the content alone.
        notice: Tells what a topic says in a body that is not translated; None: nobody does.

    """

    handle: Handler
    translated: bool = True
    decode: Decode | None = None
    arguments: Arguments | None = None
    notice: Callable[[str], object] | None = None


@attrs.frozen
class BatchCall:
    """How a handler of many messages is called.

    Attributes:
        handle: Awaited with a list of Items, and then with a Context if it wants one.
        contextual: Whether it wants one.
        decode: Makes each content a value of the type that is asked for; None: it stays as it is.
        size: Messages of one call at most.
        wait: Seconds that the first of them waits for others.

    """

    handle: Handler
    contextual: bool = False
    decode: Decode | None = None
    size: int = 10
    wait: float = 1.0


def _call(given: Call | BatchCall | Handler) -> Call | BatchCall:
    return given if isinstance(given, Call | BatchCall) else Call(given)


@attrs.frozen(eq=False)
class LeftOut:
    """Stands for a route of the source that does not run here, as with `--only`: other workers have it.

    Attributes:
        retry: When what is left to them comes back; None: as the worker says.

    """

    retry: Retry | None = None


@attrs.frozen(eq=False)
class Branching:
    """The routes of one source, of which each message goes to one.

    Attributes:
        routes: The routes, in their order; a condition chooses among them, and nobody receives for them alone.
        chooser: Leads a message to its route.
        unmatched: Told of what can be seen of a message that no route takes; it raises nothing.
        ended: Called when nothing comes any more.
        reject: Whether such a message is deleted; otherwise it is kept.
        enveloped: Whether messages may have come through a topic.
        partly_threaded: Whether some of their handlers need a thread, and others none.

    """

    routes: "tuple[Route, ...]"
    chooser: "Chooser[Route | LeftOut]"
    unmatched: Callable[[Any], None]
    ended: Callable[[], None]
    reject: bool = False
    enveloped: bool = False
    partly_threaded: bool = attrs.field(init=False)

    @partly_threaded.default
    def _is_partly_threaded(self) -> bool:
        return len({pool_of(route.call.handle) for route in self.routes}) > 1


@attrs.frozen
class Route:
    """A source, its translator and its handler.

    Attributes:
        name: What logs call it.
        source: Where its messages come from, as the user named it, but for passwords and tokens in a URL.
        consumer: Creates a consumer of the source. It is called twice: leases are extended by a consumer of their own,
            on a thread of their own.
        translate: Turns a message into `{"content": content}`, where a topic tells one with its `notification`.
        call: How its handler is called; a handler alone is called with the content.
        around: What its contexts are made of.
        share: What it may have of what all routes share.
        retry: When a kept message comes back; None: as for all routes.
        timeout: Seconds after which its coroutine is cancelled; None: as for all routes.
        reject: Errors of its handler that reject the message, as RejectMessage does.
        branching: The routes of its source that it receives for, where there are several, or one with a condition; its
            own handler, retry and timeout are not used then.
        origin: How an error names it: where it was registered, and its name.
        pool: In whose threads its handlers run, or some of them; None: they are coroutine functions.

    """

    name: str
    source: str = attrs.field(converter=without_secrets)
    consumer: Callable[[], Consumer]
    translate: Translate
    call: Call | BatchCall = attrs.field(converter=_call)
    around: Surroundings = attrs.Factory(lambda self: Surroundings(self.name), takes_self=True)
    share: Share = attrs.field(factory=Share)
    retry: Retry | None = None
    timeout: float | None = None
    reject: tuple[type[BaseException], ...] = ()
    branching: Branching | None = None
    origin: str = attrs.Factory(lambda self: f"route {self.name!r}", takes_self=True)
    pool: ThreadPool | None = attrs.field(init=False)

    @pool.default
    def _pool_of_handlers(self) -> ThreadPool | None:
        pools = (pool_of(branch.call.handle) for branch in self.branches)
        return next((pool for pool in pools if pool is not None), None)

    @property
    def branches(self) -> "Sequence[Route]":
        """The routes whose handlers get its messages: itself, or those that it receives for."""
        return (self,) if self.branching is None else self.branching.routes

    @property
    def lines_up(self) -> bool:
        """Whether all that a job of it does is to run one function in a thread."""
        plain = self.branching is None and isinstance(self.call, Call) and isinstance(self.call.handle, ThreadHandler)
        return plain and not isinstance(self.translate, ThreadHandler)

    @property
    def batch(self) -> int:
        """How many messages its handler takes in one call at most."""
        return self.call.size if isinstance(self.call, BatchCall) else 1

    def seats(self, prefetch: int | None) -> int:
        """Return how many messages may wait for its handler, where `prefetch` is what routes have that do not say."""
        return self.share.prefetch or (2 * self.batch if self.batch > 1 else prefetch or MOST_AHEAD)

    def is_measured(self, prefetch: int | None) -> bool:
        """Tell whether how many of its seats are used follows from what is measured: nobody says how many there are."""
        return self.batch == 1 and not (self.share.prefetch or prefetch)
