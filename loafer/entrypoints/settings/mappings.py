"""A mapping as the text of a setting: JSON, or as Python has it."""

import re
from collections.abc import Mapping
from typing import Any

_UNQUOTED = re.compile(r"([{,]\s*)([A-Za-z]\w*)(\s*:)")
"""A key that a shell or a hurry has left without its quotes."""


def mapping(value: str) -> Mapping[str, Any]:
    """Return the mapping that a JSON object or a Python dictionary literal says.

    Raises:
        ValueError: it is neither, a key is not a string, or a value is something that JSON does not have.

    """
    found = _structure(value)
    if not isinstance(found, dict):
        quoted = _UNQUOTED.sub(r"\1'\2'\3", value.strip())
        if quoted != value.strip() and isinstance(_structure(quoted), dict):
            raise ValueError(f"its keys want quotes; give {quoted}")
        raise ValueError("not a mapping; give one such as {'WaitTimeSeconds': 5}")
    if not all(isinstance(key, str) for key in found):
        raise ValueError("a key is not a string; give a mapping such as {'WaitTimeSeconds': 5}")
    import json  # noqa: PLC0415 - as for what is no JSON, below

    try:
        json.dumps(found, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise ValueError("only finite numbers, strings, booleans, null, lists and mappings may be in it") from error
    return found


def _structure(value: str) -> object:
    import ast  # noqa: PLC0415 - only for options, which `--help` has none of
    import json  # noqa: PLC0415 - as above

    for read in (json.loads, ast.literal_eval):
        try:
            return read(value.strip())
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None
