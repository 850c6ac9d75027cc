"""Dead letters in groups of one kind of failure."""

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from loafer.entrypoints.commands.dlq.facts import Tried, facts_of, origin_of
from loafer.entrypoints.commands.dlq.words import cut, in_words
from loafer.ports.inspector import Letter, QueueState

ERROR_WIDTH, PLACE_WIDTH = 18, 24


@attrs.define
class Group:
    """Letters with one fingerprint.

    Attributes:
        place: Where the newest of them failed.
        attempts: The least and the most attempts.
        oldest: Seconds since the first of them was sent.
        newest: Seconds since the last of them was sent.

    """

    error: str | None
    place: str | None
    fingerprint: str | None
    count: int = 0
    attempts: tuple[int, int] = (0, 0)
    oldest: float | None = None
    newest: float | None = None

    def add(self, facts: Mapping[str, Any]) -> None:
        """Count one more."""
        self.count += 1
        number = int(facts["attempts"])
        low, high = self.attempts if self.count > 1 else (number, number)
        self.attempts = min(low, number), max(high, number)
        age = facts["age"]
        if age is None:
            return
        if self.newest is None or age <= self.newest:
            self.newest, self.place = age, facts["place"]
        self.oldest = age if self.oldest is None else max(self.oldest, age)

    @property
    def ages(self) -> str:
        """From the oldest to the newest."""
        if self.oldest is None or self.newest is None:
            return ""
        first, last = in_words(self.oldest, 1), in_words(self.newest, 1)
        return f"{first} ago" if first == last else f"{first} … {last} ago"

    def row(self, wider: int = 0) -> tuple[object, ...]:
        """Return it as a row of the table, which may be by so many characters wider than 80."""
        low, high = self.attempts
        attempts = str(low) if low == high else f"{low}-{high}"
        error = cut(self.error or "", ERROR_WIDTH + wider // 3)
        place = cut(self.place or "", PLACE_WIDTH + wider - wider // 3)
        return self.count, error, place, (self.fingerprint or "")[:4], self.ages, attempts


@attrs.define
class Summary:
    """What is on a queue."""

    groups: dict[str | None, Group] = attrs.field(factory=dict)
    oldest: float | None = None
    origins: set[str] = attrs.field(factory=set)

    def add(self, letter: Letter, now: float, tried: Tried) -> None:
        """Count a letter."""
        facts = facts_of(letter, now, tried)
        key = None if facts["error"] is None else facts["fingerprint"] or facts["error"]
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = Group(facts["error"], facts["place"], facts["fingerprint"])
        group.add(facts)
        if facts["age"] is not None:
            self.oldest = max(self.oldest or 0.0, facts["age"])
        origin = origin_of(letter)
        if origin is not None:
            self.origins.add(origin)

    def sorted(self) -> list[Group]:
        """Return the groups, the largest first, and what has no reason last."""
        return sorted(self.groups.values(), key=lambda group: (group.error is None, -group.count))

    def expires_in(self, state: QueueState) -> float | None:
        """Return seconds until the first of them is dropped; None where nobody knows."""
        if state.retention is None or self.oldest is None:
            return None
        return max(0.0, state.retention - self.oldest)


def summary_of(letters: Iterable[Letter], now: float, tried: Tried) -> Summary:
    """Return the summary of letters."""
    summary = Summary()
    for letter in letters:
        summary.add(letter, now, tried)
    return summary
