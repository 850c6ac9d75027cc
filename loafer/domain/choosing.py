"""Which of several routes of one source takes a message: the first of them, in their order, whose rule holds."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Generic, TypeAlias, TypeVar

import attrs

from loafer.domain.rules import (
    ALWAYS,
    MISSING,
    Ask,
    Asked,
    Either,
    Every,
    Is,
    Place,
    Present,
    Rule,
    Sight,
    StartsWith,
    Where,
    leaves,
    together,
)

Target = TypeVar("Target")

MOST_TRIALS = 200_000
"""So often at most is a rule tried on an imagined message, a tenth of a second, to find one that can never be first."""


@attrs.frozen(eq=False)
class _Entry(Generic[Target]):
    """What a look-up finds: a rule's turn, what is left of it to be looked at, and what it leads to."""

    turn: int
    rest: Rule | None
    target: Target


_Entries: TypeAlias = Sequence[_Entry[Target]]
_Tables: TypeAlias = Mapping[Place, Mapping[object, _Entries[Target]]]


@attrs.frozen(eq=False)
class Chooser(Generic[Target]):
    """Leads a message to the target of the first rule that holds, however many there are with one look-up a place.

    What is in the body is not looked at while a rule that needs none of it comes first and holds.
    """

    _outside: _Tables[Target]
    _inside: _Tables[Target]
    _others: _Entries[Target]
    _inside_from: float

    @classmethod
    def of(cls, rules: Sequence[tuple[Rule, Target]]) -> "Chooser[Target]":
        """Return a chooser among the targets of these rules, in their order, but what always holds comes last."""
        tables: dict[Place, dict[object, list[_Entry[Target]]]] = defaultdict(lambda: defaultdict(list))
        others: list[_Entry[Target]] = []
        for turn, (rule, target) in enumerate(in_turn(rules)):
            for comparison, rest in _alternatives(rule):
                entry = _Entry(turn, rest, target)
                if comparison is None:
                    others.append(entry)
                else:
                    for key in comparison.keys:
                        tables[comparison.place][key].append(entry)
        inside = {place: table for place, table in tables.items() if place.where is Where.BODY}
        outside = {place: table for place, table in tables.items() if place.where is not Where.BODY}
        turns = (entry.turn for table in inside.values() for entries in table.values() for entry in entries)
        return cls(outside, inside, others, min(turns, default=math.inf))

    def choose(self, sight: Sight) -> Target | None:
        """Return the target of the first rule that holds; None if none does. Raises what a user's condition raises."""
        found = _look_up(self._outside, sight, self._others)
        sooner = [entry for entry in found if entry.turn <= self._inside_from]
        target = _first(sooner, sight)
        if target is None and self._inside:
            target = _first(_look_up(self._inside, sight, found[len(sooner) :]), sight)
        return target


def in_turn(rules: Sequence[tuple[Rule, Target]]) -> list[tuple[Rule, Target]]:
    """Return rules in the order in which they are asked: their own, but what always holds comes last."""
    return sorted(rules, key=lambda pair: pair[0] == ALWAYS)


def unreachable(rules: Sequence[tuple[Rule, Target]]) -> list[tuple[Target, list[Target]]]:
    """Return the targets that no message can be led to, each with those that take its messages before it.

    What is returned is certain: each kind of message that the rules can tell apart was tried. Where those are too
    many to be tried, a target may be missing here.
    """
    turns = in_turn(rules)
    left, found = MOST_TRIALS, []
    for turn, (rule, target) in enumerate(turns):
        takers: set[int] = set()
        for sight in _imagined([each for each, _ in turns[: turn + 1]]):
            left -= 1
            if not rule.holds(sight):
                continue
            first = next(number for number, (each, _) in enumerate(turns) if each.holds(sight))
            left -= first
            if first == turn or left < 0:
                break
            takers.add(first)
        else:
            found.append((target, [turns[taker][1] for taker in sorted(takers)]))
        if left < 0:
            break
    return found


def _alternatives(rule: Rule) -> Iterator[tuple[Is | None, Rule | None]]:
    """Yield what a rule can be true by: a comparison for a look-up, and the rest that must hold too."""
    match rule:
        case Is():
            yield rule, None
        case Every(rules) if any(isinstance(part, Is) for part in rules):
            comparison = next(part for part in rules if isinstance(part, Is))
            yield comparison, together(tuple(part for part in rules if part is not comparison))
        case Either(rules):
            alternatives = [alternative for part in rules for alternative in _alternatives(part)]
            if all(comparison is not None for comparison, _ in alternatives):
                yield from alternatives
            else:
                yield None, rule
        case _:
            yield None, rule


def _look_up(tables: _Tables[Target], sight: Sight, others: _Entries[Target]) -> _Entries[Target]:
    """Return the entries that may hold, in their turn: what the tables have for a message, and others."""
    found = list(others)
    for place, table in tables.items():
        found += table.get(sight.value(place), ())
    if len(found) > 1:
        found.sort(key=lambda entry: entry.turn)
    return found


def _first(entries: _Entries[Target], sight: Sight) -> Target | None:
    for entry in entries:
        if entry.rest is None or entry.rest.holds(sight):
            return entry.target
    return None


_FRESH = "\U0010ffff"
"""A text that no rule names, and with a prefix before it one that only the prefix fits."""

_OTHER = object()
"""A value that is no text, and that no rule names."""


@attrs.frozen
class _Imagined:
    """A message that is made up: a value for each place, an answer for each user's condition."""

    made_up: Mapping[object, object]

    def value(self, place: Place) -> object:
        """Return what is made up."""
        return self.made_up[place]

    def answer(self, ask: Ask) -> bool:
        """Return what is made up."""
        return bool(self.made_up[id(ask)])


def _imagined(rules: Sequence[Rule]) -> Iterator[_Imagined]:
    """Yield a message of each kind that these rules can tell apart; those first that the last rule names."""
    kinds: dict[object, dict[object, None]] = {}
    for rule in reversed(rules):
        named = rule is rules[-1]
        for leaf in leaves(rule):
            subject: object = id(leaf.ask) if isinstance(leaf, Asked) else leaf.place
            unnamed = dict.fromkeys([True, False] if isinstance(leaf, Asked) else [_FRESH, MISSING, _OTHER])
            known = kinds.setdefault(subject, {} if named else dict(unnamed))
            known |= dict.fromkeys(_named(leaf)) | unnamed
    for values in product(*kinds.values()):
        yield _Imagined(dict(zip(kinds, values, strict=True)))


def _named(leaf: Is | StartsWith | Present | Asked) -> list[object]:
    """Return the values that a rule names, and of a prefix one that nobody else names."""
    match leaf:
        case Is(_, keys):
            return list(keys)
        case StartsWith(_, prefix):
            return [prefix, prefix + _FRESH]
        case _:
            return []
