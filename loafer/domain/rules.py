"""What the conditions of routes are made of: values that a sight of a message makes true or false."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Protocol, TypeAlias

import attrs

from loafer.domain.message import Message

Ask: TypeAlias = Callable[[Message], bool]
"""A user's own condition."""

MISSING = object()
"""The value of what a message does not have: it equals nothing."""


class Where(IntEnum):
    """Where in a message a value is, in the order of what it costs to look there."""

    ATTRIBUTE = 0
    GROUP = 1
    TOPIC = 2
    SUBJECT = 3
    BODY = 4
    FUNCTION = 5


@attrs.frozen
class Place:
    """One value of a message.

    Attributes:
        where: Where it is.
        path: The attribute's name, or the names that lead to it in the body's JSON.

    """

    where: Where
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return the place as it is written in a condition."""
        name = self.where.name.lower()
        return f"{name}({'.'.join(self.path)!r})" if self.path else name


class Sight(Protocol):
    """What can be seen of one message."""

    def value(self, place: Place) -> object:
        """Return the key of a value, as `key_of` makes it; MISSING if the message has none there."""
        ...

    def answer(self, ask: Ask) -> bool:
        """Return what a user's own condition says of the message."""
        ...


@attrs.frozen
class Is:
    """The value at a place is one of these.

    Attributes:
        place: Where it is.
        keys: The keys of the constants that it is compared with.
        text: How it was written.

    """

    place: Place
    keys: frozenset[object]
    text: str = attrs.field(eq=False)

    def holds(self, sight: Sight) -> bool:
        """Tell whether the value is one of these."""
        return sight.value(self.place) in self.keys

    def __str__(self) -> str:
        """Return it as it was written."""
        return self.text


@attrs.frozen
class StartsWith:
    """The value at a place is a text that begins with a prefix."""

    place: Place
    prefix: str

    def holds(self, sight: Sight) -> bool:
        """Tell whether it is a text that begins so."""
        value = sight.value(self.place)
        return isinstance(value, str) and value.startswith(self.prefix)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.place}.startswith({self.prefix!r})"


@attrs.frozen
class Present:
    """There is a value at a place, whatever it is."""

    place: Place

    def holds(self, sight: Sight) -> bool:
        """Tell whether there is one."""
        return sight.value(self.place) is not MISSING

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.place}.present"


@attrs.frozen
class Asked:
    """A user's own condition says so."""

    ask: Ask

    def holds(self, sight: Sight) -> bool:
        """Tell what it says; raises what it raises."""
        return sight.answer(self.ask)

    def __str__(self) -> str:
        """Return its name."""
        return str(getattr(self.ask, "__name__", self.ask))


@attrs.frozen
class Not:
    """Another rule does not hold."""

    rule: "Rule"

    def holds(self, sight: Sight) -> bool:
        """Tell whether it does not."""
        return not self.rule.holds(sight)

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"~({self.rule})"


@attrs.frozen
class Every:
    """Every one of these rules holds; of none: always."""

    rules: tuple["Rule", ...] = ()

    def holds(self, sight: Sight) -> bool:
        """Tell whether all hold, and look no further than to the first that does not."""
        return all(rule.holds(sight) for rule in self.rules)

    def __str__(self) -> str:
        """Return it as it is written."""
        return " & ".join(f"({rule})" for rule in self.rules)


@attrs.frozen
class Either:
    """One of these rules holds."""

    rules: tuple["Rule", ...]

    def holds(self, sight: Sight) -> bool:
        """Tell whether one holds, and look no further than to the first that does."""
        return any(rule.holds(sight) for rule in self.rules)

    def __str__(self) -> str:
        """Return it as it is written."""
        return " | ".join(f"({rule})" for rule in self.rules)


Rule: TypeAlias = Is | StartsWith | Present | Asked | Not | Every | Either

ALWAYS = Every()
"""The rule of a route without a condition."""


def leaves(rule: Rule) -> Iterator[Is | StartsWith | Present | Asked]:
    """Yield what a rule looks at."""
    match rule:
        case Every(rules) | Either(rules):
            for each in rules:
                yield from leaves(each)
        case Not(negated):
            yield from leaves(negated)
        case _:
            yield rule


def cost(rule: Rule) -> Where:
    """Return the dearest place that a rule looks at."""
    return max(
        (Where.FUNCTION if isinstance(leaf, Asked) else leaf.place.where for leaf in leaves(rule)), default=Where(0)
    )


def together(rules: tuple[Rule, ...]) -> Every:
    """Return that all of these hold, looking at what costs least first."""
    flat = [part for rule in rules for part in (rule.rules if isinstance(rule, Every) else (rule,))]
    return Every(tuple(sorted(flat, key=cost)))


def either(rules: tuple[Rule, ...]) -> Either:
    """Return that one of these holds, looking at what costs least first."""
    flat = [part for rule in rules for part in (rule.rules if isinstance(rule, Either) else (rule,))]
    return Either(tuple(sorted(flat, key=cost)))
