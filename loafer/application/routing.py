"""Routes, publishers and middleware as they stand in code: data, until an application runs them."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Union, Unpack, cast, overload

import attrs

from loafer.application.checking import mistake_in_middleware, mistakes_in
from loafer.application.destination import Destination
from loafer.application.publishing import QueuePublisher, TopicPublisher
from loafer.application.registered import Batching, Line, Registered, RouteOptions, check_options
from loafer.application.registering import CallNext, Content, Includable, Register, RegisterBatch
from loafer.domain.context import Context
from loafer.exceptions import ConfigurationError

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    State = TypeVar("State", default=Any)
else:
    from typing import TypeVar

    State = TypeVar("State")

Wraps = tuple[Callable[..., Any], ...]
"""Middleware, the outermost first."""


@attrs.frozen
class Middleware:
    """A function that handlers are called through, and where it was registered."""

    function: Callable[..., Any]
    line: Line


@attrs.frozen
class Unmatched:
    """What becomes of the messages that no route of a source takes: they are rejected, or kept."""

    source: str
    reject: bool
    line: Line


Entry = Union[Registered, QueuePublisher[Any], TopicPublisher[Any], Middleware, Unmatched, "Router[Any]"]
"""What can be registered."""


@attrs.define(eq=False)
class Router(Generic[State]):
    """Routes that an application includes. Registering one checks nothing, so that all mistakes can be told at once.

    Routes of one source are asked in the order of their registration; those of an included router where it is included.
    While an application runs, nothing can be registered: each method raises ConfigurationError then.

    Attributes:
        entries: What was registered, in its order.

    """

    entries: list[Entry] = attrs.field(factory=list, init=False, repr=False)
    _runs: int = attrs.field(default=0, init=False, repr=False)

    def route(self, source: str, *, name: str | None = None, **options: Unpack[RouteOptions]) -> Register[State]:
        """Return what registers a handler of the messages of a source, and gives it back unchanged."""
        if callable(source):
            raise TypeError('route() takes the name of a queue: write @app.route("orders"), with parentheses')
        check_options("route", options, "name")
        return cast("Register[State]", self._registering(Line.of_caller(1), source, name, None, options))

    def batch(
        self, source: str, *, size: int, wait: float = 1.0, name: str | None = None, **options: Unpack[RouteOptions]
    ) -> RegisterBatch[State]:
        """Return what registers a handler of many messages: up to `size`, the first of which waited `wait` seconds."""
        check_options("batch", options, "name", "size", "wait")
        batching = Batching(size, wait)
        return cast("RegisterBatch[State]", self._registering(Line.of_caller(1), source, name, batching, options))

    @overload
    def publisher(
        self, queue: str, content: type[Content], *, region: str | None = ..., endpoint: str | None = ...,
        profile: str | None = ...,
    ) -> QueuePublisher[Content]: ...  # fmt: skip
    @overload
    def publisher(
        self, *, topic: str, content: type[Content], region: str | None = ..., endpoint: str | None = ...,
        profile: str | None = ...,
    ) -> TopicPublisher[Content]: ...  # fmt: skip
    @overload
    def publisher(
        self, queue: str, content: object = ..., *, region: str | None = ..., endpoint: str | None = ...,
        profile: str | None = ...,
    ) -> QueuePublisher[Any]: ...  # fmt: skip
    @overload
    def publisher(
        self, *, topic: str, content: object = ..., region: str | None = ..., endpoint: str | None = ...,
        profile: str | None = ...,
    ) -> TopicPublisher[Any]: ...  # fmt: skip

    def publisher(
        self,
        queue: str | None = None,
        content: object = object,
        *,
        topic: str | None = None,
        region: str | None = None,
        endpoint: str | None = None,
        profile: str | None = None,
    ) -> QueuePublisher[Any] | TopicPublisher[Any]:
        """Return what publishes content of a type to a queue or a topic; the application opens and closes it."""
        if (queue is None) == (topic is None):
            raise TypeError(f"publisher takes either a queue or topic=, and was given {'both' if queue else 'neither'}")
        given = {"queue": queue, "topic": topic, "region": region, "endpoint": endpoint, "profile": profile}
        for what, value in given.items():
            if value is not None and not isinstance(value, str):
                raise TypeError(f"publisher({what}={value!r}): give a string")
        name, is_topic = (queue, False) if queue is not None else (topic, True)
        destination = Destination(
            name=name or "", topic=is_topic, content=content, line=Line.of_caller(1),
            region=region, endpoint=endpoint, profile=profile,
        )  # fmt: skip
        made = TopicPublisher[Any](destination) if is_topic else QueuePublisher[Any](destination)
        self._enter(made, destination.line)
        return made

    def include(self, router: Includable[State]) -> None:
        """Take in what a router has registered, and will register; its middleware goes inside of one's own."""
        if not isinstance(router, Router):
            raise TypeError(f"include() takes a Router, and {router!r} is none")
        self._enter(router, Line.of_caller(1))

    def middleware(
        self, function: Callable[[Context[State], CallNext], Awaitable[None]]
    ) -> Callable[[Context[State], CallNext], Awaitable[None]]:
        """Register what every handler is called through, inside of what was registered before; return it unchanged."""
        registered = Middleware(function, Line.of_caller(1))
        self._enter(registered, registered.line)
        return function

    def unmatched(self, source: str, *, reject: bool) -> None:
        """Say whether messages that no route of a source takes are rejected; without a word they are kept."""
        said = Unmatched(source, reject, Line.of_caller(1))
        self._enter(said, said.line)

    def takes(self, state: State, /) -> None:
        """Do nothing: it tells type checkers which state the handlers take."""

    def routes(self) -> list[Registered]:
        """Return all routes in their order, each with the middleware that it is called through."""
        return [attrs.evolve(entry, middleware=wraps) for entry, wraps in _all(self) if isinstance(entry, Registered)]

    def publishers(self) -> list[QueuePublisher[Any] | TopicPublisher[Any]]:
        """Return all publishers."""
        return [entry for entry, _ in _all(self) if isinstance(entry, QueuePublisher | TopicPublisher)]

    def rejected(self) -> dict[str, bool]:
        """Return of sources whether messages that no route takes are rejected; what was said last counts."""
        return {entry.source: entry.reject for entry, _ in _all(self) if isinstance(entry, Unmatched)}

    @contextmanager
    def running_with(self) -> Iterator[None]:
        """Refuse to register anything, here and in included routers, while the block runs."""
        routers = {id(router): router for router in _routers(self)}.values()
        for router in routers:
            router._runs += 1  # noqa: SLF001 - another one of this class
        try:
            yield
        finally:
            for router in routers:
                router._runs -= 1  # noqa: SLF001

    def mistakes(self) -> list[str]:
        """Return one line for each thing that is wrong with what was registered, with its line of code."""
        entries = [entry for entry, _ in _all(self)]
        routes = [entry for entry in entries if isinstance(entry, Registered)]
        wrong = [
            *mistakes_in(routes),
            *(mistake_in_unmatched(entry, routes) for entry in entries if isinstance(entry, Unmatched)),
            *(_mistake_in_middleware(entry) for entry in entries if isinstance(entry, Middleware)),
        ]
        return list(dict.fromkeys(line for line in wrong if line is not None))

    def _registering(
        self, line: Line, source: str, name: str | None, batching: Batching | None, options: RouteOptions
    ) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            self._enter(
                Registered(source=source, handler=handler, line=line, given_name=name, batching=batching, **options),
                line,
            )
            return handler

        return register

    def _enter(self, entry: Entry, line: Line) -> None:
        """Register something; ConfigurationError if an application runs that would never look at it."""
        if self._runs:
            raise ConfigurationError(f"{line}: the application runs already and would not see this; register it before")
        self.entries.append(entry)


def mistake_in_unmatched(said: Unmatched, routes: Sequence[Registered]) -> str | None:
    """Return what is wrong with what is said of a source: that no route has it; None if nothing is."""
    sources = list(dict.fromkeys(route.source for route in routes if isinstance(route.source, str)))
    if said.source in sources:
        return None
    from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

    near = get_close_matches(str(said.source), sources, n=1)
    right = f"did you mean {near[0]!r}?" if near else "name the source as its routes do"
    return f"{said.line}: unmatched({said.source!r}): no route has this source; {right}"


def _mistake_in_middleware(registered: Middleware) -> str | None:
    wrong = mistake_in_middleware(registered.function)
    return None if wrong is None else f"{registered.line}: {wrong}"


def _routers(router: Router[Any], within: tuple[Router[Any], ...] = ()) -> Iterator[Router[Any]]:
    """Yield a router and those that it includes, some of them several times."""
    yield router
    for entry in router.entries:
        if isinstance(entry, Router) and entry is not router and entry not in within:
            yield from _routers(entry, (*within, router))


def _all(router: Router[Any], outer: Wraps = (), within: tuple[Router[Any], ...] = ()) -> Iterator[tuple[Entry, Wraps]]:
    """Yield what a router and those that it includes have registered, with the middleware around it."""
    wraps = (*outer, *(entry.function for entry in router.entries if isinstance(entry, Middleware)))
    for entry in router.entries:
        if not isinstance(entry, Router):
            yield entry, wraps
        elif entry is not router and entry not in within:
            yield from _all(entry, wraps, (*within, router))
