"""What a setting is, and how a field of a class is declared to be one."""

from collections.abc import Callable
from typing import TypeVar

import attrs

Value = TypeVar("Value")


@attrs.frozen(slots=True)
class Setting:
    """One line of the settings table.

    Attributes:
        key: The name of the environment variable.
        default: The default's text; None where a value is required.
        parse: From the text to the value; raises ValueError saying what would be right.
        meaning: One line: what it is, and its unit.
        option: The command line option that says the same; None where there is none.
        show: From the text to what of it may be shown.

    """

    key: str
    default: str | None
    parse: Callable[[str], object]
    meaning: str
    option: str | None = None
    show: Callable[[str], str] = str


def setting(key: str, default: str, parse: Callable[[str], Value], meaning: str, option: str | None = None) -> Value:
    """Declare a field that is a setting; its type is what the parser returns."""
    declared = Setting(key, default, parse, meaning, option)
    return attrs.field(factory=lambda: parse(default), metadata={Setting: declared})
