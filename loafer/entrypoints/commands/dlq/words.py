"""Texts and tables for people: plain where nobody looks, with rich in a terminal."""

import os
import sys
from collections.abc import Sequence

from loafer.domain.shown import printable
from loafer.entrypoints.commands.display import table

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))


def in_words(seconds: float, parts: int = 2) -> str:
    """Return a time in its largest units: `2d 4h`, `5m`, `12 s`."""
    left, words = int(max(0.0, seconds)), list[str]()
    for name, size in UNITS:
        if left >= size and len(words) < parts:
            words.append(f"{left // size}{name}")
            left %= size
    return " ".join(words) if words else f"{left} s"


def cut(text: str, width: int) -> str:
    """Return a text of so many characters at most, printable, with what is cut from its beginning told."""
    text = printable(text)
    return text if len(text) <= width else f"…{text[len(text) - width + 1 :]}"


def for_people() -> bool:
    """Tell whether standard output is a terminal that may have colours."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def table_text(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as text, in a terminal with a head that stands out."""
    plain = table(head, rows)
    if not for_people():
        return plain
    first, *rest = plain.split("\n")
    return "\n".join([f"\x1b[1m{first}\x1b[0m", *rest])
