"""What a project file says, whatever its format."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import attrs

from loafer.entrypoints.settings.load import NO_TABLES, Table
from loafer.entrypoints.settings.mistakes import Layer, Mistake


@attrs.frozen
class Said:
    """What a project file says.

    Attributes:
        layer: The settings.
        aws: The AWS_ variables; never shown, for there are credentials among them.
        mistakes: What cannot be read, and is about loafer.
        warnings: What else should be told.
        section: Whether it has a section for loafer, which only one file may have.
        tables: The tables that it has for routes, by what stands for them in variables.

    """

    layer: Layer = attrs.field(factory=dict)
    aws: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    mistakes: tuple[Mistake, ...] = ()
    warnings: tuple[str, ...] = ()
    section: bool = False
    tables: Mapping[str, Table] = NO_TABLES

    @property
    def concerns_us(self) -> bool:
        """Whether anything in it is a setting, or is meant to be one."""
        return bool(self.layer or self.aws or self.mistakes or self.section or self.tables)


Read: TypeAlias = Callable[[str, str], Said]
"""Reads a format: from a file's name and text."""
