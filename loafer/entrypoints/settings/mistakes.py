"""What was given, where it came from, and the mistakes in it, collected so that all are told at once."""

from collections.abc import Mapping
from typing import TypeAlias

import attrs

from loafer.domain.shown import printable
from loafer.exceptions import ConfigurationError

LONGEST_VALUE = 120
"""So many characters of a value are shown."""


@attrs.frozen(slots=True)
class Given:
    """The text of a value, and where it came from."""

    value: str
    origin: str


Layer: TypeAlias = Mapping[str, Given]
"""What one place says, by key; of several layers the first that has a key wins."""


@attrs.frozen(slots=True)
class Mistake:
    """One thing that is wrong; its text is one line.

    Attributes:
        key: The setting's key, or the file that cannot be read.
        value: The value as it was written; None where there is none to show.
        origin: Where it came from, such as `environment variable` or `.env line 3`.
        expected: What is wrong, and what would be right.

    """

    key: str
    value: str | None
    origin: str
    expected: str

    def __str__(self) -> str:
        """Return `KEY='value' (origin): what is wrong; what would be right`."""
        subject = self.key if self.value is None else f"{self.key}={_shown(self.value)}"
        return printable(" ".join(f"{subject} ({self.origin}): {self.expected}".split()))


def _shown(value: str) -> str:
    return repr(value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "…")


@attrs.define
class Mistakes:
    """Collects mistakes until everything has been looked at."""

    found: list[Mistake | str] = attrs.field(factory=list)

    def add(self, mistake: Mistake) -> None:
        """Remember one mistake, once: two routes may have it."""
        if mistake not in self.found:
            self.found.append(mistake)

    def tell(self, text: str) -> None:
        """Remember one mistake in code, once: a line that says where it is, what is wrong and what would be right."""
        line = printable(" ".join(text.split()))
        if line not in self.found:
            self.found.append(line)

    def raise_if_any(self) -> None:
        """Tell every mistake, one line each.

        Raises:
            ConfigurationError: there is at least one.

        """
        if self.found:
            raise ConfigurationError("\n".join(map(str, self.found)))
