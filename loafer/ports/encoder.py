"""From a value that is to be published to the content of a message."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

Encode: TypeAlias = Callable[[Any], object]
"""Turns a value into a JSON value; raises InvalidContent, which shows nothing of it, where it is of another type."""


class Encoder(ABC):
    """Turns values of a type into content, which is a JSON value that a Decoder of that type reads."""

    @abstractmethod
    def encoding(self, kind: Any) -> Encode:
        """Return what turns values of `kind` into content: asked for once a publisher, before anything runs.

        Raises:
            ValueError: it cannot write such a type; one sentence says why.

        """
