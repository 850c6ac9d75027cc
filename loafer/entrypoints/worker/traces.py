"""Errors as texts, with our own words in place of the SDK's: those may repeat what was signed, credentials among it."""

import re
import sys

from loafer.domain.shown import errors_in, printable

_SDKS = ("botocore", "aiohttp")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys or takes for another line, and what turns a text around."""
_SHORTEST = 4  # characters of a line that is not found in anything


def trace_of(error: BaseException) -> str:
    """Return an error's traceback, as Python would print it."""
    import traceback  # noqa: PLC0415 - costs `--help` some milliseconds

    return without_the_sdks_words("".join(traceback.format_exception(error)), error)


def text_of(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return " ".join(without_the_sdks_words(str(error), error).split())


def without_the_sdks_words(text: str, error: BaseException) -> str:
    """Return a text about an error with other words for what the SDK's errors say that it came from."""
    if not any(sdk in sys.modules for sdk in _SDKS):
        return text  # none of them has raised anything
    from loafer.adapters.aws.details import said_by  # noqa: PLC0415 - only where the SDK is there already

    for cause in errors_in(error):
        said = said_by(cause)
        if said is not None:
            text = _replaced(text, str(cause), said)
    return text


def that_forges_nothing(trace: str, error: BaseException) -> str:
    """Return a traceback in which no line begins as the error's text wants it, and nothing is for a terminal to obey.

    The text may quote a body, and looks else like further lines of the log.
    """
    for cause in errors_in(error):
        text = _text_of(cause)
        if "\n" in text and text.strip():
            trace = trace.replace(text, text.replace("\n", "\n    "))
    return _CONTROL.sub(lambda found: printable(found[0]), trace)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - an error of the user's may say nothing
        return ""


def _replaced(text: str, words: str, others: str) -> str:
    """Return a text with other words in place of some, also where their lines are indented as those of groups are."""
    if words in text:
        return text.replace(words, others) if len(words) >= _SHORTEST else text
    for line in map(str.strip, words.splitlines()):
        if len(line) >= _SHORTEST and line in text:
            text, others = text.replace(line, others), "…"
    return text
