"""Content of every type that msgspec reads, checked before it is published: whoever reads that type can read it."""

from typing import Any

import msgspec

from loafer.adapters.msgspec.decoder import MsgspecDecoder
from loafer.exceptions import InvalidContent
from loafer.ports.encoder import Encode, Encoder


class MsgspecEncoder(Encoder):
    """Writes with msgspec: dates as ISO 8601, bytes as base64, fields as their type names them."""

    def encoding(self, kind: Any) -> Encode:
        """Return what turns values of `kind` into content; ValueError if msgspec cannot read it."""
        read = MsgspecDecoder().decoding(kind)

        def encode(content: Any) -> object:
            try:
                plain: object = msgspec.to_builtins(content, str_keys=True)
            except (TypeError, ValueError):
                invalid = InvalidContent("$", "it holds what JSON has no place for")
            except RecursionError:
                invalid = InvalidContent("$", "nested too deeply")
            else:
                read(plain)
                return plain
            raise invalid from None  # here, where no context is left that would show the value

        return encode
