"""From dotted names to what a route calls; how each is called is decided here, once, and not per message."""

import functools
import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from loafer.application.handler import ThreadHandler
from loafer.application.route import Handler, Translate
from loafer.ports.consumer import Consumer

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def import_name(dotted: str) -> object:
    """Return what `package.module.name` names; the working directory is importable.

    Raises:
        ValueError: there is no such thing, or importing it raised; the text says which part, and why.

    """
    parts = dotted.split(".")
    if len(parts) == 1 or not all(part.isidentifier() for part in parts):
        raise ValueError("not a dotted name; give one such as package.module.name")
    make_working_directory_importable()
    found: object = _import(parts[0])
    if found is None:
        raise ValueError(f"there is no module {parts[0]!r}; give the full name of something that can be imported")
    for place in range(1, len(parts)):
        found = _member(found, parts[:place], parts[place], last=place == len(parts) - 1)
    return found


def make_working_directory_importable() -> None:
    """Put the working directory first on the import path, once."""
    directory = str(Path.cwd())
    if directory not in sys.path:
        sys.path[0:0] = [directory]


def load_handler(dotted: str, pool: Executor) -> Handler:
    """Return the handler of a dotted name, as `handler_of` makes it.

    Raises:
        ValueError: it does not import, or cannot be a handler.

    """
    return handler_of(import_name(dotted), pool)


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


def load_translator(dotted: str) -> Translate:
    """Return the translator of a dotted name, as `translator_of` makes it.

    Raises:
        ValueError: it does not import, or cannot be a translator.

    """
    return translator_of(import_name(dotted))


def translator_of(named: object) -> Translate:
    """Return what calls `translate` of a class or object, as it wants to be called.

    A `translate` with a second positional parameter also gets the whole message.

    Raises:
        ValueError: it does not instantiate, or has no plain `translate` that takes the body.

    """
    translator = _instance(named) if isinstance(named, type) else named
    translate: Any = getattr(translator, "translate", None)
    if not callable(translate):
        raise ValueError("it has no method 'translate'; name a class with `def translate(self, message)`")
    if inspect.iscoroutinefunction(_function_of(translate)):
        raise ValueError("'translate' is a coroutine function; write `def translate`, without async")
    if _takes_message(translate):
        return lambda message: translate(message.body, message)
    _check_takes_one(translate, "'translate' takes one, the body, or two, the body and the message")
    return lambda message: translate(message.body)


def load_consumer_class(dotted: str) -> type[Consumer]:
    """Return the consumer class of a dotted name.

    Raises:
        ValueError: it does not import, is no subclass of `loafer.ports.consumer.Consumer`, or lacks methods of it.

    """
    named = import_name(dotted)
    if not isinstance(named, type) or not issubclass(named, Consumer):
        raise ValueError("not a consumer; name a subclass of loafer.ports.consumer.Consumer")
    if inspect.isabstract(named):
        missing = ", ".join(sorted(named.__abstractmethods__))
        raise ValueError(f"class {named.__name__} lacks methods of a consumer; it needs {missing}")
    return named


def _import(name: str) -> ModuleType | None:
    """Return a module, or None if there is none of that name.

    Raises:
        ValueError: importing it raised something.

    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise _raised(f"importing {name}", error) from error
    except (Exception, SystemExit) as error:  # a module's own code runs here, and may raise anything
        raise _raised(f"importing {name}", error) from error


def _member(found: object, path: list[str], name: str, *, last: bool) -> object:
    """Return what is called `name` in a module or object: inside a name a submodule goes first, at its end last."""
    full = ".".join([*path, name])
    package = isinstance(found, ModuleType) and hasattr(found, "__path__")
    if package and not last and (module := _import(full)) is not None:
        return module
    if hasattr(found, name):
        return getattr(found, name)
    if package and (module := _import(full)) is not None:
        return module
    names = [*dir(found), *(module.name for module in pkgutil.iter_modules(getattr(found, "__path__", ())))]
    near = get_close_matches(name, names, n=1)
    right = f"did you mean {near[0]}?" if near else "give a name that is defined there"
    raise ValueError(f"there is no {name!r} in {'.'.join(path)}; {right}")


def _raised(doing: str, error: BaseException) -> ValueError:
    return ValueError(f"{doing} raised {type(error).__name__}: {error}")


def _instance(named: type) -> object:
    try:
        return named()
    except Exception as error:  # a user's own code, which may raise anything
        raise _raised(f"{named.__name__}()", error) from error


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
