"""How a handler and a translator are called: decided here, once, and not per message."""

import inspect
from collections.abc import Callable
from typing import Any

import attrs

from loafer.application.handler import ThreadHandler
from loafer.application.pool import ThreadPool
from loafer.application.route import Arguments, BatchCall, Call, Handler, Surroundings, Translate
from loafer.application.signature import (
    Takes,
    Want,
    by_place,
    function_of,
    name_of,
    signature_of,
    takes_of,
    takes_of_batch,
)
from loafer.domain.message import Message
from loafer.exceptions import ConfigurationError
from loafer.ports.decoder import Decode, Decoder

_HANDLERS = "name a function, a coroutine function, or an object or a class with __call__"


def call_of(named: object, pool: ThreadPool, decoder: Decoder, around: Surroundings, content: object = object) -> Call:
    """Return how a handler is called: coroutine functions as they are, other callables in threads of `pool`.

    A class is instantiated without arguments, and its instance called. `content` is the type of its content where its
    annotation says none.

    Raises:
        ValueError: it is not callable, wants what it cannot be given, or content of a type that cannot be read.

    """
    called = _called(named)
    takes = _of_content(takes_of(called), content)
    handle = _handler(called, pool)
    return Call(handle, takes.first is Want.CONTENT, _decode(takes, decoder), _arguments(takes, around))


def batch_call_of(
    named: object, pool: ThreadPool, decoder: Decoder, *, size: int, wait: float, content: object = object
) -> BatchCall:
    """Return how a handler of many messages is called: up to `size`, the first of which waits `wait` seconds.

    The rest is as in call_of.
    """
    called = _called(named)
    takes = _of_content(takes_of_batch(called), content)
    return BatchCall(_handler(called, pool), takes.second is Want.CONTEXT, _decode(takes, decoder), size, wait)


def translator_of(named: object, pool: ThreadPool) -> Translate:
    """Return what calls `translate` of a class or object, as it wants to be called.

    A `translate` with a second positional parameter also gets the whole message. A coroutine function is awaited, and
    that of a translator which says that it is `blocking` runs in threads of `pool`.

    Raises:
        ValueError: it does not instantiate, or has no `translate` that takes the body.

    """
    translator = instance_of(named)
    translate: Any = getattr(translator, "translate", None)
    if not callable(translate):
        raise ValueError("it has no method 'translate'; name a class with `def translate(self, message)`")
    code = function_of(translate)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise ValueError("'translate' is a generator, which would never run; write it without yield")
    wanted = _takes_message(translate)
    if not wanted:
        _check_takes_one(translate, "'translate' takes one, the body, or two, the body and the message")
    call: Translate = (lambda message: translate(message.body, message)) if wanted else lambda m: translate(m.body)
    blocks = getattr(translator, "blocking", False) is True and not inspect.iscoroutinefunction(code)
    return ThreadHandler(call, pool, prepares=True) if blocks else call


def checked(call: Call, translator: object) -> Call:
    """Return a call for which bodies are translated, wanted or not, where a translator says that it `checks` them.

    Where nobody wants content and nothing is checked, a translator is asked at most for the `notification` of a body.
    """
    if getattr(translator, "checks", False) is True:
        return attrs.evolve(call, translated=True)
    notice: Any = getattr(translator, "notification", None)
    return attrs.evolve(call, notice=notice) if callable(notice) and not call.translated else call


def instance_of(named: object, **given: object) -> object:
    """Return an instance of a class, made with what is given, and anything else as it is; ValueError if it raises."""
    return _instance(named, **given) if isinstance(named, type) else named


def raised(doing: str, error: BaseException) -> ValueError:
    """Return the error that tells the user what their own code raised while loafer was `doing` something with it."""
    return ValueError(f"{doing} raised {type(error).__name__}: {error}")


def _called(named: object) -> Callable[..., Any]:
    """Return what is called: an instance of a class, anything else as it is; ValueError if it is not callable."""
    called = named
    if isinstance(named, type):
        if not any("__call__" in vars(base) for base in named.__mro__):
            raise ValueError(f"class {named.__name__} has no __call__; {_HANDLERS}")
        _check_takes_nothing(named)
        called = _instance(named)
    if not callable(called):
        kind = f"an instance of {type(called).__name__}"
        raise ValueError(f"it is {kind}, which cannot be called; {_HANDLERS}")
    return called


def _check_takes_nothing(named: type) -> None:
    """Raise ValueError if a class cannot be instantiated without arguments."""
    signature = signature_of(named)
    try:
        signature.bind() if signature is not None else None
    except TypeError as error:
        made = f"handlers are made without arguments, and {named.__name__}{signature} needs some"
        right = f"name an instance, such as handle = {named.__name__}(…), or take what it needs from a lifespan's state"
        raise ValueError(f"{made}; {right}") from error


def _instance(named: type, **given: object) -> object:
    try:
        return named(**given)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    except Exception as error:  # a user's own code, which may raise anything
        raise raised(f"{named.__name__}()", error) from error


def _handler(called: Callable[..., Any], pool: ThreadPool) -> Handler:
    code = function_of(called)
    if inspect.isgeneratorfunction(code) or inspect.isasyncgenfunction(code):
        raise ValueError("it is a generator, which would never run; name a function without yield")
    return called if inspect.iscoroutinefunction(code) else ThreadHandler(called, pool)


def _of_content(takes: Takes, content: object) -> Takes:
    """Return what a handler takes, where its route says of which type the content is."""
    if content is object:
        return takes
    if takes.first is not Want.CONTENT or takes.kind not in (object, content):
        raise ValueError(f"its parameter {takes.name!r} takes something else than content={content!r}; say it once")
    return attrs.evolve(takes, kind=content)


def _decode(takes: Takes, decoder: Decoder) -> Decode | None:
    """Return what makes content a value of the type that is asked for; None where any content will do."""
    if takes.first is not Want.CONTENT or takes.kind is object:
        return None
    try:
        return decoder.decoding(takes.kind)
    except ValueError as error:
        raise ValueError(f"the type of its parameter {takes.name!r}: {error}") from error


def _arguments(takes: Takes, around: Surroundings) -> Arguments | None:
    """Return what makes the arguments of a handler; None where the content is the only one."""
    if takes.first is Want.CONTENT and takes.second is None:
        return None
    first = _giver(takes.first, around)
    if takes.second is None:
        return lambda content, message: (first(content, message),)
    second = _giver(takes.second, around)
    return lambda content, message: (first(content, message), second(content, message))


def _giver(want: Want, around: Surroundings) -> Callable[[object, Message], object]:
    match want:
        case Want.CONTENT:
            return lambda content, _: content
        case Want.MESSAGE:
            return lambda _, message: message
        case Want.CONTEXT:
            return lambda _, message: around.context_of(message)


def _check_takes_one(called: Callable[..., object], right: str) -> None:
    """Raise ValueError if a callable cannot be called with one positional argument."""
    signature = signature_of(called)
    if signature is None:
        return
    try:
        signature.bind(None)
    except TypeError as error:
        what = "needs more than one argument" if by_place(signature) else "takes no argument"
        raise ValueError(f"it {what}, being {name_of(called)}{signature}; {right}") from error


def _takes_message(translate: Callable[..., object]) -> bool:
    """Return whether there is a second positional parameter, which gets the message."""
    signature = signature_of(translate)
    if signature is None:
        return False
    try:
        signature.bind(None, None)
    except TypeError:
        return False
    return len(by_place(signature)) > 1
