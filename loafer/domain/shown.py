"""What may be shown of texts that others wrote: no control characters, no secrets of a URL."""

import re

_AFTER_PATH = re.compile(r"[?#]")


def printable(text: str) -> str:
    """Return a text with whatever is not printable escaped: it is one line, and changes nothing on a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def without_secrets(source: str) -> str:
    """Return a source without what a URL has before its host and after its path: passwords and tokens stand there."""
    scheme, found, rest = source.partition("://")
    if not found:
        return source
    place = _AFTER_PATH.split(rest, maxsplit=1)[0]
    if "/" not in place:  # it has no path, or a password that is not quoted as it should be
        place = _AFTER_PATH.split(rest.rpartition("@")[2], maxsplit=1)[0]
    return f"{scheme}://{place.rpartition('@')[2]}"
