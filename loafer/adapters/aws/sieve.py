"""JSON answers, decoded in memory and time that their size bounds: what they hold is counted before it is decoded."""

import json
import re
from collections.abc import Iterator
from typing import Any

import attrs
import orjson

from loafer.adapters.aws.bounds import Excess

SMALL = 256 * 1024
"""Bytes of an answer that is decoded without a look: whatever it holds takes some megabytes and milliseconds."""

_LARGEST_WHOLE = 16 * 1024 * 1024  # what is larger is decoded entry by entry: a decoder never lets another thread in
_FEW = 100_000  # values, which take ten megabytes at most; a comma or a bracket begins one, unless it is in a string
LARGEST_ENTRY = 6 * 1024 * 1024 + 64 * 1024  # a message of a megabyte that is nothing but escapes
LARGEST_TEXT = 1024 * 1024 + 64 * 1024  # what a message of a megabyte and its receipt are once they are decoded
_LARGEST_FRAME = 1024 * 1024  # what stands around the entries
_MARKS = 4 * 1024  # bytes of an entry that are in no string; some hundred are usual
_WINDOW = 64 * 1024  # a regular expression never lets another thread in either
_FIRST_WINDOW = 64  # bytes of a string that are looked at first: most are short

_BETWEEN = re.compile(rb'[^"{}\[\]]*+')
_OPENING, _BRACKETS = b"{[", b"{}[]"
_OPENING_LIST, _QUOTE = ord("["), ord('"')
_LIST, _ENTRY = 2, 3  # how deep they are


def is_plain(text: bytes | bytearray) -> bool:
    """Tell whether a JSON text can hold but few values, so that it may be decoded as a whole."""
    if len(text) <= SMALL or len(text) > _LARGEST_WHOLE:
        return len(text) <= SMALL
    values = text.count(b",")  # the most are behind one: where these are too many, nothing else is counted
    return values <= _FEW and values + text.count(b"{") + text.count(b"[") <= _FEW


def value_of(text: bytes | bytearray | memoryview) -> Any:
    """Return the value of a JSON text; ValueError if it is none, or nested too deeply."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        # orjson refuses lone surrogates, which one message must not make of all that came with it.
        return json.loads(bytes(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def sifted(text: bytes | bytearray, entries: int) -> Any:
    """Return the value of a JSON text; of its outermost object's lists, an entry that is none of SQS's is None.

    Raises:
        Excess: it holds more than so many entries can.
        ValueError: it is not JSON, or nested too deeply.

    """
    return value_of(text) if is_plain(text) else entry_by_entry(text, entries)


def entry_by_entry(text: bytes | bytearray, entries: int) -> Any:
    """Return the value of a JSON text as `sifted` does, also where it may be decoded as a whole."""
    frame, places = _Sieve(text, _MARKS * (entries + 1)).sift(entries)
    decoded = value_of(frame)
    if not isinstance(decoded, dict):
        return decoded
    view = memoryview(text)
    return {
        name: [_entry_of(view, places, entry) for entry in value] if isinstance(value, list) else value
        for name, value in decoded.items()
    }


def _entry_of(view: memoryview, places: list[tuple[int, int]], entry: Any) -> Any:
    if not isinstance(entry, list):
        return entry
    start, end = places[entry[0]]
    if end - start > LARGEST_ENTRY:
        return None
    try:
        value = value_of(view[start:end])
    except ValueError:
        return None
    return value if _texts_of(value) <= LARGEST_TEXT else None


def _texts_of(value: Any) -> int:
    """Return how many characters the texts in a value have."""
    size, values = 0, [value]
    while values:
        value = values.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list):
            values += value
        elif isinstance(value, dict):
            values += value
            values += value.values()
    return size


@attrs.define
class _Sieve:
    """Walks over a JSON text, string by string, and decodes nothing.

    Attributes:
        body: The text.
        left: How many more bytes may be in no string.

    """

    body: bytes | bytearray
    left: int

    def sift(self, entries: int) -> tuple[bytes, list[tuple[int, int]]]:
        """Return the text with `[0]`, `[1]` in place of the entries, and where those are.

        An entry is an object or a list in a list of the outermost object.
        """
        places: list[tuple[int, int]] = []
        frame: list[bytes | bytearray] = []
        depth = copied = size = 0
        start, in_list = -1, False
        for at, mark in self._brackets():
            if mark in _OPENING:
                depth += 1
                if depth == _LIST:
                    in_list = mark == _OPENING_LIST
                elif depth == _ENTRY and in_list:
                    start = at
                continue
            depth -= 1
            if depth == _LIST and start >= 0:
                size += start - copied
                if len(places) == entries or size > _LARGEST_FRAME:
                    raise Excess(f"the answer holds more than the {entries} entries that were asked for")
                frame += self.body[copied:start], b"[%d]" % len(places)
                places.append((start, at + 1))
                copied, start = at + 1, -1
        if size + len(self.body) - copied > _LARGEST_FRAME:
            raise Excess("the answer holds more than was asked for")
        return b"".join([*frame, self.body[copied:]]), places

    def _brackets(self) -> Iterator[tuple[int, int]]:
        """Yield where there is a bracket that is in no string, and which."""
        body, at = self.body, 0
        while at < len(body):
            found = _BETWEEN.match(body, at, at + _WINDOW)
            assert found is not None  # noqa: S101 - it also matches nothing
            self.left -= found.end() + 1 - at
            if self.left < 0:
                raise Excess("the answer holds more than was asked for")
            at = found.end()
            if at == len(body):
                return
            if body[at] == _QUOTE:
                at = self._end_of_text(at + 1)
            elif body[at] in _BRACKETS:
                yield at, body[at]
                at += 1

    def _end_of_text(self, at: int) -> int:
        """Return what follows the string that begins there; the end of the text where it does not end."""
        window = _FIRST_WINDOW
        while True:
            # Pairs of a backslash and what it escapes are looked for from the left, and none has begun before.
            piece = self.body[at : at + window].replace(b"\\\\", b"..").replace(b'\\"', b"..")
            end = piece.find(b'"')
            if end >= 0:
                return at + end + 1
            if at + window >= len(self.body):
                return len(self.body)
            at += window - piece.endswith(b"\\")  # what that escapes is in the next piece
            window = min(4 * window, _WINDOW)
