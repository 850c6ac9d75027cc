"""From content to a value of the type that a handler asks for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

Decode: TypeAlias = Callable[[object], Any]
"""Turns content into a value; raises InvalidContent, which shows nothing of the content, where it does not fit."""


class Decoder(ABC):
    """Reads content, which is a JSON value as a translator returned it, into values of a type."""

    @abstractmethod
    def decoding(self, kind: Any) -> Decode:
        """Return what turns content into `kind`: asked for once a route, before anything runs.

        Raises:
            ValueError: it cannot read such a type; one sentence says why.

        """
