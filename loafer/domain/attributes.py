"""Message attributes as one writes them in code: strings, numbers and bytes."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from loafer.domain.message import Attribute

AttributeValue: TypeAlias = str | int | float | bytes | Attribute
"""What a message attribute can be made of."""

NO_VALUES: Mapping[str, AttributeValue] = MappingProxyType({})


def attributes_of(values: Mapping[str, AttributeValue]) -> dict[str, Attribute]:
    """Return message attributes: strings, numbers, or bytes.

    Raises:
        TypeError: one is none of these, or there is no mapping of names.

    """
    if values is NO_VALUES:
        return {}
    if not isinstance(values, Mapping):
        raise TypeError(
            f"attributes are a {type(values).__name__}; give a mapping of names, such as {{'kind': 'order'}}"
        )
    return {name: _attribute(name, value) for name, value in values.items()}


def _attribute(name: str, value: AttributeValue) -> Attribute:
    match value:
        case Attribute():
            return value
        case str():
            return Attribute(value)
        case bytes():
            return Attribute(value, "Binary")
        case int() | float() if not isinstance(value, bool) and math.isfinite(value):
            return Attribute(str(value), "Number")
    what = repr(value) if isinstance(value, bool | int | float) else f"a {type(value).__name__}"
    raise TypeError(f"attribute {name!r} is {what}; give a string, bytes, a number, or an Attribute")
