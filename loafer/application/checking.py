"""What is wrong with registered routes, before anything runs: all of it, each with its line of code."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

from loafer.application.registered import Batching, Registered
from loafer.application.signature import function_of, name_of, signature_of
from loafer.domain.choosing import unreachable
from loafer.domain.limits import FIFO, LONGEST_LEASE
from loafer.domain.retry import Retry
from loafer.exceptions import ConfigurationError


def mistakes_in(routes: Sequence[Registered]) -> list[str]:
    """Return one line for each thing that is wrong with routes, with the line of code where it was registered."""
    found = [f"{route.line}: route {route.name!r}: {mistake}" for route in routes for mistake in _mistakes_of(route)]
    return [*found, *_of_one_name(routes), *_never_reached(routes)]


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and value >= 1)


def _is_amount(value: object) -> bool:
    return value is None or (isinstance(value, Real) and 0 < float(value) < math.inf)


def _are_errors(given: object) -> bool:
    from loafer.application.delivery import KEEPS  # noqa: PLC0415 - `import loafer` is to be quick, without asyncio

    errors = given if isinstance(given, tuple) else (given,)
    return all(
        isinstance(error, type) and issubclass(error, BaseException) and not issubclass(error, KEEPS)
        for error in errors
    )


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


_CHECKS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("source", lambda source: isinstance(source, str) and bool(source.strip()), "give a queue's name, URL or ARN"),
    ("given_name", lambda name: name is None or (isinstance(name, str) and bool(name.strip())), "give a name"),
    ("region", _is_text, "give a string"),
    ("endpoint", _is_text, "give a string"),
    ("profile", _is_text, "give a string"),
    ("max_jobs", _is_count, "give 1 or more"),
    ("prefetch", _is_count, "give 1 or more"),
    ("burst", _is_count, "give 1 or more"),
    ("weight", _is_amount, "give more than 0"),
    ("rate", _is_amount, "give more than 0 a second"),
    ("timeout", _is_amount, "give more than 0 seconds"),
    ("retry", lambda retry: retry is None or isinstance(retry, Retry), "give a Retry, such as Retry(delay=5)"),
    (
        "reject",
        _are_errors,
        "give a class of exceptions, or a tuple of them, none of which ends a handler or keeps its message",
    ),
    ("options", lambda options: isinstance(options, Mapping), "give a mapping such as {'WaitTimeSeconds': 5}"),
)
"""What a route may be given, by the name of its field, and what would be right."""


def _mistakes_of(route: Registered) -> Iterator[str]:
    for name, fits, right in _CHECKS:
        if not fits(value := getattr(route, name)):
            yield f"{name.removeprefix('given_')}={value!r} cannot be; {right}"
    if route.burst is not None and route.rate is None:
        yield f"burst={route.burst!r} says nothing without rate="
    if route.batching is not None:
        yield from _mistakes_of_batch(route, route.batching)
    try:
        route.rule  # noqa: B018 - it is made to see whether it can be
    except ConfigurationError as error:
        yield f"when: {error}"


def _mistakes_of_batch(route: Registered, batching: Batching) -> Iterator[str]:
    if batching.size is None or not _is_count(batching.size):
        yield f"size={batching.size!r} cannot be; give 1 message or more"
    if not isinstance(batching.wait, Real) or not 0 <= float(batching.wait) < LONGEST_LEASE:
        yield f"wait={batching.wait!r} cannot be; give 0 seconds or more, and less than {LONGEST_LEASE}"
    if str(route.source).endswith(FIFO):
        yield "a batch of a FIFO queue is not possible yet, for its messages run one after the other; use route"


def _of_one_name(routes: Sequence[Registered]) -> Iterator[str]:
    first: dict[str, Registered] = {}
    for route in routes:
        other = first.setdefault(route.key, route)
        if other is not route:
            same = "is there already" if other.name == route.name else "has the same name in variables"
            yield f"{route.line}: route {route.name!r}: {other.name!r} ({other.line}) {same}; give name="


def _never_reached(routes: Sequence[Registered]) -> Iterator[str]:
    """Yield what is wrong with conditions of routes of one source: that no message comes to them."""
    for source in dict.fromkeys(route.source for route in routes if isinstance(route.source, str)):
        try:
            rules = [(route.rule, route) for route in routes if route.source == source]
        except ConfigurationError:
            continue  # which was told
        for route, takers in unreachable(rules):
            others = " and ".join(f"{taker.name!r} ({taker.line})" for taker in takers)
            why = f"its messages are taken before, by {others}" if takers else "no message is like that"
            yield f"{route.line}: route {route.name!r}: its `when` can never be reached: {why}"


def mistake_in_middleware(function: Callable[..., object]) -> str | None:
    """Return what is wrong with a middleware; None if nothing is."""
    right = f"write it as async def {name_of(function)}(context, call_next)"
    if not callable(function) or not inspect.iscoroutinefunction(function_of(function)):
        return f"the middleware {name_of(function)} is no coroutine function; {right}"
    signature = signature_of(function)
    if signature is not None:
        try:
            signature.bind(None, None)
        except TypeError:
            return f"the middleware {name_of(function)}{signature} cannot be called with two arguments; {right}"
    return None
