"""JSON as its standard has it: Python would also take NaN and Infinity."""

import json


def decode(text: str) -> object:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is not JSON, or nested too deeply to be read.

    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def is_json(text: str) -> bool:
    """Tell whether a text is JSON that can be read."""
    try:
        decode(text)
    except ValueError:
        return False
    return True


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
