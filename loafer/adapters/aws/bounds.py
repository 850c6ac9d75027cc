"""How much an answer may hold, whichever transport brings it."""

from collections.abc import Mapping
from typing import Any

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer, unless more was asked for."""

LARGEST_REFUSAL = 64 * 1024
"""Bytes of an error that is looked into."""

LARGEST_HEAD = 64 * 1024
"""Bytes of status line and headers, those of informational answers included, and of whatever stands between two parts
of a body: so much may come before something has come of it."""

MOST_HEADERS = 100
MOST_INFORMATIONAL = 1000
"""How many headers and how many informational answers one answer may have."""

REFUSAL = 300
"""From this status on an answer is no answer to what was asked."""

_LARGEST_MESSAGE = 6 * 1024 * 1024  # a megabyte that is nothing but escapes, of six characters each
_AROUND_MESSAGES = 64 * 1024


TOO_LARGE = "the answer is larger than what was asked for can be"
"""What is said of an answer that has, or that says it will have, more bytes than it may."""


class Excess(Exception):
    """More came than any honest answer has; the text says of what, and quotes nothing of it."""


def asked_for(parameters: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many entries and how many bytes the answer to a batch or a receive with these parameters may have."""
    entries = parameters.get("Entries")
    if entries is not None:
        return len(entries), LARGEST_ANSWER
    messages = parameters.get("MaxNumberOfMessages", 1)
    return messages, messages * _LARGEST_MESSAGE + _AROUND_MESSAGES
