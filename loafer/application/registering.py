"""What `@app.route(…)` and `@app.batch(…)` do to a handler, as type checkers see it; at run time: nothing."""

from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.message import Message

State = TypeVar("State")
State_contra = TypeVar("State_contra", contravariant=True)
Content = TypeVar("Content")
Result = TypeVar("Result")
More = ParamSpec("More")
HandlerClass = TypeVar("HandlerClass")
WithMessage = TypeVar("WithMessage", bound=Callable[[Any, Message], Any])
Alone = TypeVar("Alone", bound=Callable[[Any], Any])

CallNext = Callable[[], Awaitable[None]]
"""What a middleware calls to go on: the next one, or in the end the handler."""


class Register(Protocol[State]):
    """Registers a handler and returns it unchanged.

    The order of the overloads is what makes checkers keep the exact type of a handler without a Context, and refuse one
    whose Context has another state. The last one is never chosen: it is the one that checkers quote in their errors.
    """

    @overload
    def __call__(self, handler: type[HandlerClass], /) -> type[HandlerClass]: ...
    @overload
    def __call__(
        self, handler: Callable[Concatenate[Content, Context[State], More], Result], /
    ) -> Callable[Concatenate[Content, Context[State], More], Result]: ...
    @overload
    def __call__(self, handler: WithMessage, /) -> WithMessage: ...
    @overload
    def __call__(self, handler: Alone, /) -> Alone: ...
    @overload
    def __call__(
        self, handler: Callable[[Content, Context[State]], Result], /
    ) -> Callable[[Content, Context[State]], Result]: ...


class RegisterBatch(Protocol[State]):
    """Registers a handler of many messages and returns it unchanged: it takes a list, or any Sequence, of Items."""

    @overload
    def __call__(self, handler: type[HandlerClass], /) -> type[HandlerClass]: ...
    @overload
    def __call__(
        self, handler: Callable[Concatenate[list[Item[Content]], Context[State], More], Result], /
    ) -> Callable[Concatenate[list[Item[Content]], Context[State], More], Result]: ...
    @overload
    def __call__(
        self, handler: Callable[[list[Item[Content]]], Result], /
    ) -> Callable[[list[Item[Content]]], Result]: ...


class Includable(Protocol[State_contra]):
    """A router that fits where there is such a state, or one that has more."""

    def takes(self, state: State_contra, /) -> None:
        """Do nothing: it is there for type checkers alone."""
        ...
