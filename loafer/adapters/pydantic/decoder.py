"""Content of every type that pydantic reads, checked as the model says."""

import inspect
import json
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from loafer.exceptions import InvalidContent
from loafer.ports.decoder import Decode, Decoder

_KNOWN = frozenset(get_args(ErrorType)) - {"value_error", "assertion_error"}
"""The errors whose text is pydantic's own; of the others it is the model's, and may show the value."""

_TOO_DEEP = "nested too deeply"
_SENTENCES = {
    "missing": "missing",
    "extra_forbidden": "a field that its type does not have",
    "union_tag_invalid": "its tag is none of {expected_tags}",
}
_OF_THE_TYPE = frozenset({
    "class", "class_name", "decimal_places", "discriminator", "expected", "expected_schemes", "expected_tags",
    "expected_version", "field_type", "ge", "gt", "le", "lt", "max_digits", "max_length", "min_length", "multiple_of",
    "pattern", "whole_digits",
})  # fmt: skip
"""What pydantic tells of the type; all else that it tells is of the value."""


class PydanticDecoder(Decoder):
    """Reads with pydantic: as a model's configuration says, and of a strict one what it would take from JSON."""

    def decoding(self, kind: Any) -> Decode:
        """Return what turns content into `kind`; ValueError if pydantic cannot read it."""
        try:
            adapter = TypeAdapter(kind)
            adapter.rebuild(raise_errors=True)
        except (PydanticUserError, PydanticUndefinedAnnotation, NameError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{inspect.formatannotation(kind)} cannot be read: {reason}") from error
        schema: Any = adapter.core_schema
        names = frozenset(_strings(schema))
        read: Decode = adapter.validator.validate_python
        if any(part.get("strict") for part in _parts(schema) if isinstance(part, dict)):
            read = _from_json(adapter)

        def decode(content: object) -> Any:
            try:
                return read(content)
            except ValidationError as error:
                invalid = _invalid(error, names)
            except RecursionError:
                invalid = InvalidContent("$", _TOO_DEEP)
            raise invalid from None  # here, where no context is left that would show the value

        return decode


def _from_json(adapter: TypeAdapter[Any]) -> Decode:
    """Return what reads content as JSON: a strict model takes a date from JSON, and refuses the same string."""
    read = adapter.validator.validate_json
    return lambda content: read(json.dumps(content))


def _parts(schema: object) -> Iterator[object]:
    """Yield everything in a schema: its dictionaries, their keys and their values."""
    yield schema
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key
            yield from _parts(value)
    elif isinstance(schema, list | tuple):
        for value in schema:
            yield from _parts(value)


def _strings(schema: object) -> Iterator[str]:
    return (part for part in _parts(schema) if isinstance(part, str))


def _invalid(error: ValidationError, names: frozenset[str]) -> InvalidContent:
    """Return the first thing that is wrong and where, without values: keys that the type does not name are values."""
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"].startswith("recursion"):
        return InvalidContent("$", _TOO_DEEP)  # its path is as long as it is deep
    path = "$" + "".join(_step(step, names) for step in first["loc"])
    return InvalidContent(path, _what(first["type"], first.get("ctx", {})))


def _step(step: int | str, names: frozenset[str]) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step in names else "[...]"


def _what(kind: str, context: dict[str, Any]) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind].format_map(context)
    if kind not in _KNOWN:
        return "refused by a check of its type"
    text = PydanticKnownError(kind, context).message()  # type: ignore[arg-type]  # one of them, as was just looked up
    if not context.keys() <= _OF_THE_TYPE:
        text = text.partition(", ")[0].partition(": ")[0]
    return text.removeprefix("Input ")
