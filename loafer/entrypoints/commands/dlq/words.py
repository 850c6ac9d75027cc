"""Texts for people."""

from loafer.domain.shown import printable
from loafer.entrypoints.commands.screen import toned

SUCCEEDS = "would succeed"
"""What is said of messages that today's code takes."""

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


def verdict(count: int, word: str) -> str:
    """Return how many messages would succeed, or would not."""
    return toned(f"{count} {word}", "good" if word == SUCCEEDS else "bad")
