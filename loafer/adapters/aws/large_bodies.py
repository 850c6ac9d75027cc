"""Answers that are little but bodies: each is decoded by itself, so that nobody need look at it before."""

from secrets import token_hex
from typing import Any

import orjson

from loafer.adapters.aws.sieve import LARGEST_ENTRY, LARGEST_TEXT, SMALL, value_of

_BODY = b'"Body":"'
_BEHIND = b'","'  # its last quote is none that is escaped: no text that has begun before goes on behind it
_LONGER = 12  # bytes from there on that are the same behind each body, as `","MD5OfBody`: they are found sooner

_PLACEHOLDER = token_hex(16)
"""What stands for a body, with its number: no answer can say it, for nobody else knows it."""


def bodies_apart(text: bytes | bytearray, entries: int) -> dict[str, Any] | None:
    """Return the value of a JSON text in which all that is large are the bodies of so many entries at most.

    None: it is none, or is not written as SQS writes it. Its bodies are one value each, whatever is in them, and what
    stands around them is as small as an answer that is decoded without a look.
    """
    try:
        frame, bodies = _taken_apart(text, entries)
        return _put_together(value_of(frame), bodies)
    except ValueError:
        return None


def _taken_apart(text: bytes | bytearray, entries: int) -> tuple[bytes, dict[str, str]]:
    """Return the text with a placeholder for each body, and the body of each placeholder; ValueError: it is none."""
    view, at, left = memoryview(text), 0, len(text)
    behind: bytes | bytearray = _BEHIND
    frame: list[bytes | memoryview] = []
    bodies: dict[str, str] = {}
    while len(bodies) < entries and (found := text.find(_BODY, at, at + SMALL)) >= 0:
        start = found + len(_BODY) - 1
        end = text.find(behind, start + 1, start + LARGEST_ENTRY) + 1
        body = orjson.loads(view[start:end])  # which refuses what is not one whole text, as where no end was found
        if len(body) > LARGEST_TEXT:
            raise ValueError
        name = f"{_PLACEHOLDER} {len(bodies)}"
        bodies[name] = body
        frame += view[at:start], f'"{name}"'.encode()
        left -= end - start
        at, behind = end, text[end - 1 : end - 1 + _LONGER]
    if left > SMALL:
        raise ValueError
    return b"".join([*frame, view[at:]]), bodies


def _put_together(decoded: Any, bodies: dict[str, str]) -> dict[str, Any]:
    """Return what a frame holds, with its bodies; ValueError: they are none of its messages'."""
    messages = decoded.get("Messages") if isinstance(decoded, dict) else None
    for message in messages if isinstance(messages, list) else ():
        name = message.get("Body") if isinstance(message, dict) else None
        if isinstance(name, str) and name in bodies:
            message["Body"] = bodies.pop(name)
    if bodies or not isinstance(decoded, dict):
        raise ValueError
    return decoded
