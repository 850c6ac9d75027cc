"""What a check found."""

from enum import StrEnum

import attrs


class Level(StrEnum):
    """How bad it is."""

    OK = "OK"
    WARN = "WARN"
    """It works, and will hurt one day."""
    ERROR = "ERROR"
    """It does not work, or loses messages."""
    UNKNOWN = "?"
    """Nobody could find out."""


@attrs.frozen
class Finding:
    """One line of a check.

    Attributes:
        level: How bad it is.
        about: What it is about, in a word or two.
        text: What was found; of what is wrong also what would be right.

    """

    level: Level
    about: str
    text: str


_DAY, _HOUR, _MINUTE = 86_400, 3_600, 60


def lasting(seconds: float) -> str:
    """Return a time in its largest units: 4 d, 1 h 30 min, 30 s."""
    for unit, smaller, size, fraction in (("d", "h", _DAY, _HOUR), ("h", "min", _HOUR, _MINUTE), ("min", "s", 60, 1)):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {unit}" + (f" {rest // fraction} {smaller}" if rest // fraction else "")
    return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
