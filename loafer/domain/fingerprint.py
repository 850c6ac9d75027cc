"""What errors of one kind have in common: their class, and the function in which they were raised."""

from typing import TypeVar

import attrs

T = TypeVar("T")

LONGEST = 200
"""Characters of a name that are told."""

MOST_KINDS = 100
"""So many kinds of errors are told apart."""

OTHERS = "others"
"""What those beyond are called."""


def fingerprint_of(error: BaseException) -> tuple[str, str]:
    """Return the class of an error, and the function in which it was raised; never its text, which may quote a body."""
    place, trace = "", error.__traceback__
    while trace is not None:
        place = trace.tb_frame.f_code.co_qualname
        trace = trace.tb_next
    return type(error).__qualname__[:LONGEST], place[:LONGEST]


@attrs.define(eq=False)
class Kinds:
    """Tells the first hundred kinds of errors apart, so that whoever counts them never counts more."""

    _classes: set[str] = attrs.field(factory=set, init=False)
    _fingerprints: set[tuple[str, str, str]] = attrs.field(factory=set, init=False)

    def told(self, route: str, error: BaseException) -> tuple[str, str]:
        """Return an error's class and the function that raised it on a route; `others` and nothing, beyond."""
        kind, place = fingerprint_of(error)
        return (kind, place) if _is_among(self._fingerprints, (route, kind, place)) else (OTHERS, "")

    def named(self, error: BaseException) -> str:
        """Return an error's class; `others`, beyond."""
        kind = type(error).__qualname__[:LONGEST]
        return kind if _is_among(self._classes, kind) else OTHERS


def _is_among(first: set[T], one: T) -> bool:
    """Tell whether something is among the first ones, which it is if there is room."""
    if len(first) < MOST_KINDS:
        first.add(one)
    return one in first
