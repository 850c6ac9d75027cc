"""How the content of a publisher becomes a message's body: decided once, by its type."""

import json
import types
import typing
from collections.abc import Callable
from typing import Any

from loafer.application.signature import is_unchecked
from loafer.entrypoints.wiring.decoding import is_pydantics
from loafer.exceptions import InvalidContent
from loafer.ports.encoder import Encoder

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encoding_of(kind: Any) -> Callable[[Any], str]:
    """Return what turns content of a type into bodies, JSON; InvalidContent where content is not of that type.

    Raises:
        ValueError: such content cannot be written, or its extra is not installed.

    """
    classes = _classes_of(kind)
    if is_unchecked(kind):
        return lambda content: _body(_checked(content, classes))
    encode = _encoder_of(kind).encoding(kind)
    return lambda content: _body(encode(_checked(content, classes)))


def _encoder_of(kind: Any) -> Encoder:
    if kind is bytes:
        raise ValueError("JSON has no bytes; give the type of what is to be written as JSON")
    if not is_pydantics(kind):
        from loafer.adapters.msgspec.encoder import MsgspecEncoder  # noqa: PLC0415 - only typed content needs it

        return MsgspecEncoder()
    try:
        from loafer.adapters.pydantic.encoder import PydanticEncoder  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise ValueError("only pydantic can write it; pip install 'loafer[pydantic]'") from error
    return PydanticEncoder()


def _classes_of(kind: Any) -> tuple[type, ...]:
    """Return the classes of which content has to be; none, where that is not a matter of its class."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        of_each = [_classes_of(part) for part in typing.get_args(kind)]
        return () if () in of_each else tuple(each for classes in of_each for each in classes)
    if kind in (object, Any) or not isinstance(kind, type) or typing.is_typeddict(kind) or typing.get_origin(kind):
        return ()
    if kind is float:
        return (int, float)
    return () if getattr(kind, "_is_protocol", False) else (kind,)


def _checked(content: Any, classes: tuple[type, ...]) -> Any:
    if classes and not isinstance(content, classes):
        expected = " or ".join(each.__name__ for each in classes)
        raise InvalidContent("$", f"expected {expected}, not {type(content).__name__}")
    return content


def _body(content: object) -> str:
    try:
        return _JSON.encode(content)
    except (TypeError, ValueError):
        invalid = InvalidContent("$", "it holds what JSON has no place for")
    except RecursionError:
        invalid = InvalidContent("$", "nested too deeply")
    raise invalid  # here, where no context is left that would show the value
