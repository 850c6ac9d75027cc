"""Content by annotation: bodies that are read as what a handler's parameter asks for."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
from fuzz_expecting import expect

from loafer.adapters.aws.translator import SQSMessageTranslator
from loafer.domain.lifecycle import InvalidTranslation
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.exceptions import InvalidContent

SECRET = "TOPSECRET"
"""What the seeds have where a text may be anything: no error may repeat it."""


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


def _refused(*_: Any) -> None:
    raise ValueError(f"{SECRET}: {_}")


@attrs.define
class Line:
    sku: str
    number: int = 1
    price: Decimal = Decimal(0)


@attrs.define
class Order:
    id: UUID | int
    at: datetime | None
    lines: list[Line] = attrs.field(factory=list)
    picky: str = attrs.field(default="", validator=[_refused])
    colour: Colour = Colour.RED
    day: date | None = None
    waits: timedelta | None = None
    raw: bytes = b""


class Keyed(TypedDict, total=False):
    numbers: dict[int, float]
    pair: tuple[int, str]
    names: set[str] | None
    kind: Literal["a", "b", 3]


class Leaf(msgspec.Struct, tag=True, forbid_unknown_fields=True):
    value: Annotated[str, msgspec.Meta(max_length=9, pattern="^[a-z]*$")]


class Tree(msgspec.Struct, tag=True):
    children: list["Tree | Leaf"]
    weight: Annotated[float, msgspec.Meta(gt=0)] = 1.0


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    id: int
    at: datetime | None = None
    price: Decimal = Decimal(0)
    pair: tuple[int, str] | None = None
    children: list["Model"] = pydantic.Field(default=[], max_length=3)
    by_name: dict[int, timedelta | date | bytes] = pydantic.Field(default={})
    name: Annotated[str, pydantic.StringConstraints(strip_whitespace=True, pattern="^[A-Z]+$")] = "A"
    link: pydantic.AnyUrl | None = None
    flag: bool = False

    @pydantic.field_validator("flag")
    @classmethod
    def _checked(cls, flag: bool) -> bool:
        if not flag:
            _refused(flag)
        return flag


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)
    at: datetime | date | timedelta
    raw: bytes | UUID | None = None
    colours: set[Colour] = pydantic.Field(default=set())
    ratio: float = pydantic.Field(default=1.0, le=2)


KINDS: tuple[Any, ...] = (
    Order,
    Keyed,
    Tree | Leaf,
    Model,
    Strict,
    list[dict[str, int]],
    Annotated[int, msgspec.Meta(ge=3)],
)
_TRANSLATOR = SQSMessageTranslator()
_DECODINGS = [RouteDecoder(_TRANSLATOR).decoding(kind) for kind in KINDS]


def typed(data: bytes) -> None:
    """A body, as the type that the first byte chooses."""
    number, body = data[0] % len(KINDS) if data else 0, data[1:].decode("utf-8", "replace")
    try:
        content = _TRANSLATOR.translate(body)["content"]
        value = _DECODINGS[number](content)
    except InvalidTranslation:
        return
    except InvalidContent as error:
        text = str(error)
        expect(error.path.startswith("$") and error.what, "it is refused without a reason")
        expect(text.isprintable() and len(text) < 1000, "a reason would break the log")
        expect(SECRET not in text and error.__cause__ is None, "a reason shows the content")
        return
    if isinstance(KINDS[number], type) and KINDS[number] is not Keyed:
        expect(isinstance(value, KINDS[number]), "it is something else")
