"""Content of every type that msgspec reads, checked while it is read."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.inspect import CustomType, type_info

from loafer.exceptions import InvalidContent
from loafer.ports.decoder import Decode, Decoder

_PLACE = re.compile(r" - at (?P<key>`key` in )?`\$\[0\](?P<path>[^`]*)`$")
"""Where something is; `$[0]` is the content itself, for content is read as the one entry of a list."""

_MISSING = re.compile(r"Object missing required field `(?P<field>.*)`", re.DOTALL)
_SENTENCES = (
    (re.compile(r"Expected (?P<what>.+?)(, got .*)?"), "expected {what}"),
    (re.compile(r"Object contains unknown field `.*`", re.DOTALL), "it has a field that its type does not have"),
    (re.compile(r"Invalid (enum )?value .*", re.DOTALL), "none of the values that its type allows"),
    (re.compile(r"Invalid (?P<what>[A-Za-z0-9 ]+)"), "expected a valid {what}"),
    (re.compile(r"(Duration|Integer value|Number|Timestamp) (is )?out of range ?"), "out of range"),
)


class MsgspecDecoder(Decoder):
    """Reads with msgspec: strictly, so that "1" is no number, and with the keys of a dict as its type says."""

    def decoding(self, kind: Any) -> Decode:
        """Return what turns content into `kind`; ValueError if msgspec cannot read it."""
        _check(kind)
        # A type is prepared for reading once where it is the field of a Struct, and each time where it is given alone.
        box: Any = msgspec.defstruct("Content", [("content", kind)], array_like=True)
        convert = msgspec.convert

        def decode(content: object) -> Any:
            try:
                return convert((content,), box, str_keys=True).content
            except msgspec.ValidationError as error:
                invalid = _invalid(error)
            except RecursionError:
                invalid = InvalidContent("$", "nested too deeply")
            except UnicodeEncodeError:  # in a key; of a translator of the user's own, for ours refuse it
                invalid = InvalidContent("$", "it holds half a surrogate pair")
            raise invalid from None  # here, where no context is left that would show the value

        return decode


def _check(kind: Any) -> None:
    """Raise ValueError if there is anything in a type that msgspec cannot read."""
    try:
        msgspec.json.Decoder(kind)
        info = type_info(kind)
    except (TypeError, ValueError, NameError) as error:
        raise ValueError(f"{inspect.formatannotation(kind)} cannot be read: {error}") from error
    for part in _parts(info, set()):
        if isinstance(part, CustomType):
            raise ValueError(
                f"{inspect.formatannotation(part.cls)} cannot be read from JSON; "
                "give a dataclass, an attrs class, a TypedDict, a msgspec Struct, or a pydantic model"
            )


def _parts(info: Any, seen: set[int]) -> Iterator[object]:
    """Yield a description of a type, and of every type in it, each once."""
    if isinstance(info, tuple):
        for each in info:
            yield from _parts(each, seen)
    elif isinstance(info, msgspec.Struct) and id(info) not in seen:
        seen.add(id(info))
        yield info
        for name in info.__struct_fields__:
            yield from _parts(getattr(info, name), seen)


def _invalid(error: msgspec.ValidationError) -> InvalidContent:
    """Return what is wrong and where, without the value, which msgspec's own text may hold."""
    text = str(error)
    own = error.__cause__  # what the type's own code raised, a `__post_init__` or a validator of attrs
    place = _PLACE.search(text, len(str(own)) if own is not None else 0)
    path = "$" + place["path"] if place else "$"
    if own is not None:
        return InvalidContent(path, "refused by a check of its type")
    said = text[: place.start()] if place else text
    if missing := _MISSING.fullmatch(said):
        return InvalidContent(f"{path}.{missing['field']}", "missing")
    what = _what(said)
    return InvalidContent(path, f"a key: {what}" if place and place["key"] else what)


def _what(said: str) -> str:
    """Return what was expected, as msgspec said it."""
    for pattern, sentence in _SENTENCES:
        if found := pattern.fullmatch(said):
            return sentence.format_map(found.groupdict()).replace("`", "")
    return "it does not fit its type"
