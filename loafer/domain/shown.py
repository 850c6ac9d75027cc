"""What may be shown of texts that others wrote: no control characters, no secrets of a URL, no words of the SDK's."""

import re
from collections.abc import Iterator

SDKS = ("botocore", "aiobotocore", "aiohttp")
"""Packages whose errors may repeat what was signed, credentials among it, and whose frames hold that too."""

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
    place = _AFTER_PATH.split(rest)[0]
    if "/" not in place:  # it has no path, or a password that is not quoted as it should be
        place = _AFTER_PATH.split(rest.rpartition("@")[2])[0]
    return f"{scheme}://{place.rpartition('@')[2]}"


def errors_in(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, what it came from, and those of a group, each once."""
    seen, errors = set[int](), [error]
    while errors:
        error = errors.pop()
        if id(error) not in seen:
            seen.add(id(error))
            yield error
            errors += [cause for cause in (error.__cause__, error.__context__) if cause is not None]
            errors += error.exceptions if isinstance(error, BaseExceptionGroup) else ()


def of_the_sdk(error: BaseException) -> list[BaseException]:
    """Return those of the SDK among an error and what it came from: their texts are not to be shown."""
    return [cause for cause in errors_in(error) if type(cause).__module__.partition(".")[0] in SDKS]
