"""JSON as its standard has it: Python would also take NaN and Infinity, and read 1e999 as infinity."""

import json
import math
import re
from typing import Any, NoReturn

_LONG = 1024
"""Characters from which on a text is worth the faster decoder, which takes 7 ms to import."""

_SURROGATE = re.compile(r"\\u[dD]")
_NO_LONE_SURROGATE = re.compile(
    r"(?:[^\\]++"
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    r"|\\(?!u[dD][89a-fA-F]).)*+"
)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError("a number in it is larger than a float can be")
    return value


_DECODER: Any = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def parse(text: str) -> Any:
    """Return the value of a JSON text, as `json.loads` does, at half its cost.

    Raises:
        ValueError: it is not JSON, or holds a number that no float can be.
        RecursionError: it is nested too deeply.

    """
    if len(text) >= _LONG:
        # orjson, which decodes answers, would make floats of integers of more than 64 bits.
        import msgspec.json  # noqa: PLC0415 - most texts are short

        try:
            return msgspec.json.decode(text.encode())
        except ValueError:
            pass  # what is wrong with it, if anything is, is said below
    try:
        value, end = _DECODER.scan_once(text, 0)
    except StopIteration:
        end = -1
    return value if end == len(text) else _DECODER.decode(text)


def decode(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, holds a number that no float can be, or is nested too deeply to be read.

    """
    try:
        return parse(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_json(text: str) -> bool:
    """Tell whether a text is JSON that can be read."""
    try:
        decode(text)
    except ValueError:
        return False
    return True


def lone_surrogate(text: str) -> int | None:
    """Return where in a JSON text half a pair of surrogates is escaped; None where there is none."""
    # Most texts have no backslash, which is found out at once; a search for more characters takes a third of decoding.
    if "\\" not in text or _SURROGATE.search(text) is None:
        return None
    whole = _NO_LONE_SURROGATE.match(text)
    end = whole.end() if whole else 0
    return end if end < len(text) else None
