"""Which library reads the content of a route: pydantic what is pydantic's, msgspec everything else."""

import typing
from collections.abc import Iterator
from typing import Any

import attrs

from loafer.entrypoints.wiring.loading import import_name
from loafer.exceptions import InvalidContent
from loafer.ports.decoder import Decode, Decoder

_PYDANTICS = ("pydantic", "annotated_types")
"""The packages whose metadata says something of a type that only pydantic heeds."""


@attrs.frozen
class RouteDecoder(Decoder):
    """Reads the content of one route; the libraries are imported when a type asks for them.

    Attributes:
        translator: The route's translator, its class, or its dotted name.

    """

    translator: object

    def decoding(self, kind: Any) -> Decode:
        """Return what turns content into `kind`; ValueError if it cannot be read, or its extra is not installed."""
        if kind is bytes:
            return self._decoding_of_bytes()
        return _decoder_of(kind).decoding(kind)

    def _decoding_of_bytes(self) -> Decode:
        from loafer.adapters.aws.translator import (  # noqa: PLC0415 - adapters are imported where they are used
            SNSMessageTranslator,
            SQSMessageTranslator,
            StringMessageTranslator,
        )

        named = import_name(self.translator) if isinstance(self.translator, str) else self.translator
        made_by = named if isinstance(named, type) else type(named)
        if issubclass(made_by, StringMessageTranslator):
            return lambda content: str(content).encode()
        if issubclass(made_by, SQSMessageTranslator | SNSMessageTranslator):
            raise ValueError("JSON has no bytes; give the route StringMessageTranslator, whose content is the body")
        return _bytes


def _bytes(content: object) -> bytes:
    """Return the bytes that a user's own translator gave."""
    if not isinstance(content, bytes):
        raise InvalidContent("$", "expected bytes")
    return content


def _decoder_of(kind: Any) -> Decoder:
    if not is_pydantics(kind):
        from loafer.adapters.msgspec.decoder import MsgspecDecoder  # noqa: PLC0415 - only typed content needs it

        return MsgspecDecoder()
    try:
        from loafer.adapters.pydantic.decoder import PydanticDecoder  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ValueError("only pydantic can read it; pip install 'loafer[pydantic]'") from error
    return PydanticDecoder()


def is_pydantics(kind: Any) -> bool:
    """Tell whether there is anything in a type that only pydantic reads and writes."""
    return any(map(_only_pydantic_heeds, _parts(kind)))


def _only_pydantic_heeds(part: object) -> bool:
    if isinstance(part, type):
        return hasattr(part, "__get_pydantic_core_schema__") or hasattr(part, "__pydantic_validator__")
    return type(part).__module__.partition(".")[0] in _PYDANTICS


def _parts(kind: Any) -> Iterator[object]:
    """Yield a type and everything in it, each once: its arguments, its metadata, and the types of its fields."""
    seen: dict[int, object] = {}
    waiting = [kind]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part
        yield part
        waiting += typing.get_args(part)
        waiting += [inner for name in ("__origin__", "__value__", "__supertype__") if (inner := _inner(part, name))]
        waiting += _fields(part)


def _inner(part: object, name: str) -> object:
    """Return the type that another one is made of: a generic, an alias, a NewType."""
    return None if isinstance(part, type) else getattr(part, name, None)


def _fields(part: object) -> list[object]:
    if not isinstance(part, type) or part.__module__ == "builtins":
        return []
    try:
        return list(typing.get_type_hints(part, include_extras=True).values())
    except Exception:  # noqa: BLE001 - an annotation may be anything; whoever reads the type says what is wrong with it
        return []
