"""How a handler and a translator are called: decided here, once, and not per message."""

import functools
import inspect
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from loafer.application.handler import ThreadHandler
from loafer.application.route import Handler, Translate

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def handler_of(named: object, pool: Executor) -> Handler:
    """Return what handles content: coroutine functions as they are, other callables in threads of `pool`.

    A class is instantiated without arguments, and its instance called.

    Raises:
        ValueError: it is not callable, or cannot be called with one argument.

    """
    handler = named
    if isinstance(named, type):
        if not any("__call__" in vars(base) for base in named.__mro__):
            raise ValueError(f"class {named.__name__} has no __call__; name a function, or a class with __call__")
        handler = _instance(named)
    if not callable(handler):
        raise ValueError(f"a {type(handler).__name__} is not callable; name a function, or a class with __call__")
    _check_takes_one(handler, "a handler takes one, the content")
    code = _function_of(handler)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise ValueError("it is a generator, which would never run; name a function without yield")
    if inspect.iscoroutinefunction(code):
        return handler
    return ThreadHandler(handler, pool)


def translator_of(named: object, pool: Executor) -> Translate:
    """Return what calls `translate` of a class or object, as it wants to be called.

    A `translate` with a second positional parameter also gets the whole message. A coroutine function is awaited, and
    that of a translator which says that it is `blocking` runs in threads of `pool`.

    Raises:
        ValueError: it does not instantiate, or has no `translate` that takes the body.

    """
    translator = _instance(named) if isinstance(named, type) else named
    translate: Any = getattr(translator, "translate", None)
    if not callable(translate):
        raise ValueError("it has no method 'translate'; name a class with `def translate(self, message)`")
    code = _function_of(translate)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise ValueError("'translate' is a generator, which would never run; write it without yield")
    wanted = _takes_message(translate)
    if not wanted:
        _check_takes_one(translate, "'translate' takes one, the body, or two, the body and the message")
    call: Translate = (lambda message: translate(message.body, message)) if wanted else lambda m: translate(m.body)
    blocks = getattr(translator, "blocking", False) is True and not inspect.iscoroutinefunction(code)
    return ThreadHandler(call, pool) if blocks else call


def raised(doing: str, error: BaseException) -> ValueError:
    """Return the error that tells the user what their own code raised while loafer was `doing` something with it."""
    return ValueError(f"{doing} raised {type(error).__name__}: {error}")


def _instance(named: type) -> object:
    try:
        return named()
    except Exception as error:  # a user's own code, which may raise anything
        raise raised(f"{named.__name__}()", error) from error


def _function_of(called: Any) -> object:
    """Return the function that runs when an object is called: through partials, and the `__call__` of an instance."""
    while isinstance(called, functools.partial):
        called = called.func
    return called if inspect.isroutine(called) else called.__call__


def _name(called: Any) -> str:
    return str(getattr(called, "__name__", type(called).__name__))


def _signature(called: Callable[..., object]) -> inspect.Signature | None:
    """Return what a callable really takes, not what it wraps; None for one written in C that does not say."""
    try:
        return inspect.signature(called, follow_wrapped=False)
    except ValueError:
        return None


def _check_takes_one(called: Callable[..., object], right: str) -> None:
    """Raise ValueError if a callable cannot be called with one positional argument."""
    signature = _signature(called)
    if signature is None:
        return
    try:
        signature.bind(None)
    except TypeError as error:
        by_place = [parameter for parameter in signature.parameters.values() if parameter.kind in _BY_PLACE]
        what = "needs more than one argument" if by_place else "takes no argument"
        raise ValueError(f"it {what}, being {_name(called)}{signature}; {right}") from error


def _takes_message(translate: Callable[..., object]) -> bool:
    """Return whether there is a second positional parameter, which gets the message."""
    signature = _signature(translate)
    if signature is None:
        return False
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return len([parameter for parameter in signature.parameters.values() if parameter.kind in _BY_PLACE]) > 1
