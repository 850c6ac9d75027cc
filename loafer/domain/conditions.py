"""Which messages of a source a route takes: `attribute("type") == "order.created"`, combined with `&`, `|` and `~`."""

import inspect
from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import attrs

from loafer.domain.rules import ALWAYS, Ask, Asked, Is, Not, Place, Present, Rule, StartsWith, Where, either, together
from loafer.exceptions import ConfigurationError

Constant: TypeAlias = str | int | float | bytes | None
"""What a value is compared with: in attributes text, numbers and bytes; in a body what JSON has."""

_TAKEN: dict[Where, tuple[type, ...]] = {
    Where.ATTRIBUTE: (str, int, float, bytes),
    Where.BODY: (str, int, float, bool, type(None)),
}
_COMBINE = (
    "a condition is neither true nor false before there is a message: "
    "write &, | and ~ for and, or and not, with each comparison in parentheses"
)


@attrs.frozen(repr=False)
class Condition:
    """What a message must be for a route to take it; combined with `&`, `|` and `~`, never with and, or, not."""

    rule: Rule

    def __and__(self, other: "Condition | Ask") -> "Condition":
        """Return that both hold."""
        return Condition(together((self.rule, rule_of(other))))

    def __rand__(self, other: Ask) -> "Condition":
        """Return that both hold."""
        return Condition(together((rule_of(other), self.rule)))

    def __or__(self, other: "Condition | Ask") -> "Condition":
        """Return that one of the two holds."""
        return Condition(either((self.rule, rule_of(other))))

    def __ror__(self, other: Ask) -> "Condition":
        """Return that one of the two holds."""
        return Condition(either((rule_of(other), self.rule)))

    def __invert__(self) -> "Condition":
        """Return that it does not hold."""
        return Condition(self.rule.rule if isinstance(self.rule, Not) else Not(self.rule))

    def __bool__(self) -> NoReturn:
        """Refuse: `and`, `or` and `not` would ask before there is a message."""
        raise TypeError(f"{self}: {_COMBINE}")

    def __repr__(self) -> str:
        """Return the condition as it is written."""
        return str(self.rule)


@attrs.frozen(eq=False, repr=False)
class Field:
    """One value of a message, to be compared: what it lacks equals nothing."""

    place: Place

    def __eq__(self, value: Constant) -> Condition:  # type: ignore[override]  # a condition, as in a query
        """Return that the value is this one; a number attribute is compared as a number."""
        return self._is(f"{self.place} == {value!r}", [value])

    def __ne__(self, value: Constant) -> Condition:  # type: ignore[override]  # as above
        """Return that the value is not this one, or that there is none."""
        return ~(self == value)

    __hash__ = None  # type: ignore[assignment]  # what has no truth of its own when compared is in no set

    def isin(self, values: Collection[Constant]) -> Condition:
        """Return that the value is one of these."""
        if isinstance(values, str | bytes) or not isinstance(values, Collection) or not values:
            raise ConfigurationError(f"{self.place}.isin({values!r}): give a set of one value or more")
        ordered = isinstance(values, Sequence)  # a set has another order each time, and is shown in one
        shown = repr(values) if ordered else f"{{{', '.join(sorted(map(repr, values)))}}}"
        return self._is(f"{self.place}.isin({shown})", values)

    def startswith(self, prefix: str) -> Condition:
        """Return that the value is a text that begins so."""
        if not isinstance(prefix, str):
            raise ConfigurationError(f"{self.place}.startswith({prefix!r}): give a text")
        return Condition(StartsWith(self.place, prefix))

    @property
    def present(self) -> Condition:
        """Whether there is a value, whatever it is; null in a body is one."""
        return Condition(Present(self.place))

    def __bool__(self) -> NoReturn:
        """Refuse: a value is no condition."""
        raise TypeError(f"{self.place} alone is no condition, or a comparison lacks its parentheses: {_COMBINE}")

    if not TYPE_CHECKING:  # pragma: no branch - it runs, so it is not checked

        def __and__(self, _: object) -> NoReturn:
            """Refuse: in `field == 1 & other == 2` Python binds `1 & other` first."""
            bool(self)

        __rand__ = __or__ = __ror__ = __and__

        def __invert__(self) -> NoReturn:
            """Refuse: a value is no condition."""
            bool(self)

    def __repr__(self) -> str:
        """Return the value as it is written in a condition."""
        return str(self.place)

    def _is(self, text: str, values: Collection[Constant]) -> Condition:
        taken = _TAKEN.get(self.place.where, (str,))
        for value in values:
            if type(value) not in taken or value != value:  # noqa: PLR0124 - NaN is not itself
                names = ", ".join("None" if kind is type(None) else kind.__name__ for kind in taken)
                raise ConfigurationError(f"{text}: it is never {value!r}; compare it with {names}")
        return Condition(Is(self.place, frozenset(_key(self.place.where, value) for value in values), text))


def attribute(name: str) -> Field:
    """Return the value of the message attribute of this name, to be compared."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f"attribute({name!r}): give the name of a message attribute")
    return Field(Place(Where.ATTRIBUTE, (name,)))


def body(path: str) -> Field:
    """Return the value in the content, to be compared; `a.b` is the field `b` of the object that is the field `a`."""
    if not isinstance(path, str) or not all(path.split(".")):
        raise ConfigurationError(f"body({path!r}): give the name of a field, or names with dots between them")
    return Field(Place(Where.BODY, tuple(path.split("."))))


group = Field(Place(Where.GROUP))
"""The message group id, to be compared."""

topic = Field(Place(Where.TOPIC))
"""The ARN of the SNS topic that a message came through, to be compared; raw delivery does not tell it."""

subject = Field(Place(Where.SUBJECT))
"""The subject that was given to an SNS topic, to be compared; raw delivery does not tell it."""


def rule_of(when: "Condition | Ask | None") -> Rule:
    """Return the rule of what a route was given as its condition; None is always.

    Raises:
        ConfigurationError: it is no condition; one sentence says what would be one.

    """
    match when:
        case None:
            return ALWAYS
        case Condition(rule):
            return rule
        case Field():
            raise ConfigurationError(f"{when} alone is no condition; compare it, or ask whether it is .present")
    if isinstance(when, type) or not _takes_one(when) or not _answers(when):
        raise ConfigurationError(
            f"{when!r} is no condition; give one, or a function that takes a Message, without async"
        )
    return Asked(when)


def _answers(function: Callable[..., object]) -> bool:
    """Tell whether a function returns when it is called, as far as that can be known: a coroutine is always true."""
    is_plain = inspect.isroutine(function) or isinstance(function, partial)
    called = function if is_plain else type(function).__call__
    return not any(kind(called) for kind in (inspect.iscoroutinefunction, *_GENERATORS))


_GENERATORS = inspect.isgeneratorfunction, inspect.isasyncgenfunction


def _takes_one(function: Callable[..., object]) -> bool:
    """Tell whether a function can be called with one argument, as far as that can be known."""
    try:
        inspect.signature(function).bind(None)
    except ValueError:  # it tells no signature, as some that are written in C
        return True
    except TypeError:
        return False
    return True


def key_of(value: object) -> object:
    """Return what a value of a body is compared by: in JSON, unlike in Python, true is not 1."""
    if isinstance(value, bool):
        return bool, value
    if value is None or isinstance(value, str | int | float | bytes | Decimal):
        return value
    return _OTHER


_OTHER = object()
"""The key of what no constant equals: an object, an array."""


def _key(where: Where, value: Constant) -> object:
    """Return the key of a constant; a float is compared with a number attribute as both are written."""
    if where is Where.ATTRIBUTE and isinstance(value, float):
        return Decimal(repr(value))
    return key_of(value)
