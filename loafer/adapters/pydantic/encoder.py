"""Content of every type that pydantic reads, checked before it is published."""

import inspect
from typing import Any

from pydantic import PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter
from pydantic_core import PydanticSerializationError

from loafer.exceptions import InvalidContent
from loafer.ports.encoder import Encode, Encoder


class PydanticEncoder(Encoder):
    """Writes with pydantic: fields by the names that the model reads, its aliases."""

    def encoding(self, kind: Any) -> Encode:
        """Return what turns values of `kind` into content; ValueError if pydantic cannot write it."""
        try:
            adapter = TypeAdapter(kind)
            adapter.rebuild(raise_errors=True)
        except (PydanticUserError, PydanticUndefinedAnnotation, NameError) as error:
            reason = str(error).splitlines()[0]
            raise ValueError(f"{inspect.formatannotation(kind)} cannot be written: {reason}") from error

        def encode(content: Any) -> object:
            try:
                plain: object = adapter.dump_python(content, mode="json", by_alias=True, warnings="error")
            except (PydanticSerializationError, ValueError, TypeError):
                invalid = InvalidContent("$", "it does not fit its type")
            except RecursionError:
                invalid = InvalidContent("$", "nested too deeply")
            else:
                return plain
            raise invalid from None  # here, where no context is left that would show the value

        return encode
