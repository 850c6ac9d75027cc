"""What a handler takes, read from its signature once, and not per message."""

import functools
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Sequence
from enum import Enum
from inspect import Parameter
from typing import Any

import attrs

from loafer.domain.context import Context
from loafer.domain.item import Item
from loafer.domain.message import Message

RIGHT = "a handler takes the content and then, if it wants one, a parameter that is annotated Message or Context"

_BY_PLACE = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_UNCHECKED: tuple[object, ...] = (
    Parameter.empty, Any, object, dict, list, str, int, float, bool,
    abc.Mapping, abc.MutableMapping, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable,
)  # fmt: skip
"""What is no promise about what is inside, and is not checked."""


class Want(Enum):
    """What a parameter of a handler is given."""

    CONTENT = "content"
    MESSAGE = "message"
    CONTEXT = "context"


@attrs.frozen
class Takes:
    """What a handler is called with.

    Attributes:
        first: What its first parameter gets.
        second: What its second one gets; None: it has none that wants something.
        kind: The type of the content that is asked for; `object` takes any.
        name: The name of the first parameter.

    """

    first: Want = Want.CONTENT
    second: Want | None = None
    kind: Any = object
    name: str = "content"


def takes_of(called: Callable[..., object]) -> Takes:
    """Return what a callable takes; one written in C that does not say takes the content.

    Raises:
        ValueError: it cannot be called with what a handler is given; it names the parameter and the reason.

    """
    takes = _takes_of(called)
    if _is_of_items(takes.kind) or Item in (takes.kind, typing.get_origin(takes.kind)):
        raise ValueError(f"its parameter {takes.name!r} takes Items of a batch: register it with batch, not with route")
    return takes


def takes_of_batch(called: Callable[..., object]) -> Takes:
    """Return what a callable that takes a list of Items is called with; `kind` is the type of each one's content.

    Raises:
        ValueError: it cannot be called with what a batch's handler is given; it names the parameter and the reason.

    """
    takes = _takes_of(called)
    if takes.first is not Want.CONTENT or not (takes.kind is object or _is_of_items(takes.kind)):
        raise ValueError(f"its parameter {takes.name!r} takes no list of Items; annotate it list[Item[…]]")
    if takes.second is Want.MESSAGE:
        raise ValueError("in a batch each item has its message, item.message; take a Context, or the list alone")
    kind = takes.kind if takes.kind is object else _kind_of_items(takes.kind)
    return attrs.evolve(takes, kind=object if is_unchecked(kind) else kind)


def _takes_of(called: Callable[..., object]) -> Takes:
    signature = signature_of(called)
    if signature is None:
        return Takes()
    parameters, passes_on = _parameters(called, signature)
    if not parameters:
        return _of_none(called, signature)
    first, *rest = parameters
    kind = _annotation(called, first)
    second = want(_annotation(called, rest[0])) if rest else Want.CONTENT
    wanted = None if second is Want.CONTENT else second
    left_over = rest if wanted is None else rest[1:]
    required = [] if passes_on else [parameter for parameter in left_over if parameter.default is Parameter.empty]
    keywords = [parameter for parameter in signature.parameters.values() if _must_be_named(parameter)]
    for parameter in [*required, *keywords]:
        raise _not_served(called, signature, parameter)
    return Takes(want(kind), wanted, object if is_unchecked(kind) else kind, first.name)


def signature_of(called: Callable[..., object]) -> inspect.Signature | None:
    """Return what a callable really takes, not what it wraps; None for one that does not say, as some in C."""
    try:
        return inspect.signature(called, follow_wrapped=False)
    except (ValueError, TypeError):
        return None


def by_place(signature: inspect.Signature) -> list[Parameter]:
    """Return the parameters that can be given without their names."""
    return [parameter for parameter in signature.parameters.values() if parameter.kind in _BY_PLACE]


def function_of(called: Any) -> Any:
    """Return the function that runs when an object is called: through partials, and the `__call__` of an instance."""
    while isinstance(called, functools.partial):
        called = called.func
    return called if inspect.isroutine(called) else called.__call__


def name_of(called: Any) -> str:
    """Return what a callable is called in a sentence."""
    return str(getattr(called, "__name__", type(called).__name__))


def want(kind: Any) -> Want:
    """Return what a parameter of this annotation gets."""
    if typing.get_origin(kind) is typing.Annotated:
        return want(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        wanted = {want(part) for part in typing.get_args(kind) if part is not type(None)}
        return wanted.pop() if len(wanted) == 1 else Want.CONTENT
    bare = typing.get_origin(kind) or kind
    if bare is Message:
        return Want.MESSAGE
    return Want.CONTEXT if bare is Context else Want.CONTENT


def _parameters(called: Callable[..., object], signature: inspect.Signature) -> tuple[Sequence[Parameter], bool]:
    """Return a callable's parameters by place, and whether they are those of what it wraps: a decorator's `*args`."""
    own = by_place(signature)
    anything = any(parameter.kind is Parameter.VAR_POSITIONAL for parameter in signature.parameters.values())
    if own or not anything:
        return own, False
    declared = inspect.signature(called)
    return by_place(declared), declared != signature


def _of_none(called: Callable[..., object], signature: inspect.Signature) -> Takes:
    """Return what a callable without parameters by place takes: the content if there is `*args`."""
    try:
        signature.bind(None)
    except TypeError as error:
        raise ValueError(f"it takes no argument, being {name_of(called)}{signature}; {RIGHT}") from error
    return Takes()


def _annotation(called: Callable[..., object], parameter: Parameter) -> Any:
    """Return the annotation of a parameter, looked up where its function was written."""
    written = parameter.annotation
    function = inspect.unwrap(function_of(called))
    names = getattr(function, "__globals__", {})
    try:
        kind = eval(written, names) if isinstance(written, str) else written  # noqa: S307 - as `inspect` looks it up
        if want(kind) is not Want.CONTENT:
            return kind
        within = types.SimpleNamespace(__annotations__={"kind": kind})  # what is quoted in it, such as list["Order"]
        return typing.get_type_hints(within, names, include_extras=True)["kind"]
    except Exception as error:  # whatever an expression may raise
        shown = inspect.formatannotation(written)
        raise ValueError(
            f"its parameter {parameter.name!r} is annotated {shown}, which cannot be found ({error}); "
            "define it at module level, not under TYPE_CHECKING"
        ) from error


def _must_be_named(parameter: Parameter) -> bool:
    return parameter.kind is Parameter.KEYWORD_ONLY and parameter.default is Parameter.empty


def _not_served(called: Callable[..., object], signature: inspect.Signature, parameter: Parameter) -> ValueError:
    shown = f"being {name_of(called)}{signature}"
    return ValueError(f"there is nothing to give to its parameter {parameter.name!r}, {shown}; {RIGHT}")


def is_unchecked(kind: Any) -> bool:
    """Tell whether content is taken as it is: `dict` says nothing of what is inside, and `dict[str, int]` does."""
    bare = typing.get_origin(kind) if not typing.get_args(kind) else None
    return isinstance(kind, typing.TypeVar) or any(each is kind or each is bare for each in _UNCHECKED)


def _is_of_items(kind: Any) -> bool:
    """Tell whether a type is a list, or any sequence, of Items."""
    arguments = typing.get_args(kind)
    several = isinstance(origin := typing.get_origin(kind), type) and issubclass(list, origin)
    return several and len(arguments) == 1 and Item in (arguments[0], typing.get_origin(arguments[0]))


def _kind_of_items(kind: Any) -> Any:
    """Return the type of the content of Items in a list; `object` where they do not say."""
    [item] = typing.get_args(kind)
    return typing.get_args(item)[0] if typing.get_args(item) else object
