"""Which library reads which type, and what of it is told before anything runs."""

import dataclasses
import subprocess
import sys
from typing import Annotated, Any, NewType, TypedDict

import annotated_types
import attrs
import msgspec
import pydantic
import pytest

from loafer.adapters.aws.translator import SNSMessageTranslator, SQSMessageTranslator, StringMessageTranslator
from loafer.entrypoints.wiring.decoding import RouteDecoder
from loafer.exceptions import InvalidContent

NAMED = "loafer.aws.message_translator.StringMessageTranslator"


class Model(pydantic.BaseModel):
    id: int


@pydantic.dataclasses.dataclass
class Checked:
    id: pydantic.PositiveInt


@dataclasses.dataclass
class Half:
    id: Annotated[int, annotated_types.Gt(0)]


@dataclasses.dataclass
class Deep:
    halves: "list[Half]"


@attrs.frozen
class Mixed:
    model: Model


class Plain(TypedDict):
    id: int


class Kept(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(gt=0)]


class Own:
    """A user's translator."""


Number = NewType("Number", pydantic.PositiveInt)


def decoded(kind: Any, content: object, translator: object = SQSMessageTranslator) -> Any:
    return RouteDecoder(translator).decoding(kind)(content)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (Model, {"id": "x"}),
        (list[Model], [{"id": "x"}]),
        (Model | None, {"id": "x"}),
        (Checked, {"id": 0}),
        (Half, {"id": 0}),
        (Deep, {"halves": [{"id": 0}]}),
        (Number, 0),
        (list[pydantic.PositiveInt], [0]),
        (Kept, {"id": 0}),
        (Plain, {"id": "x"}),
    ],
)
def test_what_a_type_says_is_checked_by_the_library_that_heeds_it(kind: Any, content: object) -> None:
    with pytest.raises(InvalidContent):
        decoded(kind, content)


def test_each_type_becomes_what_it_is() -> None:
    assert decoded(Model, {"id": 1}) == Model(id=1)
    assert decoded(Deep, {"halves": [{"id": 1}]}) == Deep([Half(1)])
    assert decoded(Plain, {"id": 1}) == {"id": 1}
    assert decoded(dict[str, Model], {"a": {"id": 1}}) == {"a": Model(id=1)}


def test_a_type_that_only_two_libraries_together_could_read_is_told() -> None:
    with pytest.raises(ValueError, match="Mixed cannot be read: Unable to generate pydantic-core schema"):
        decoded(Mixed, {"model": {"id": 1}})


@pytest.mark.parametrize("translator", [StringMessageTranslator, StringMessageTranslator(), NAMED])
def test_bytes_are_the_body_where_the_translator_leaves_it_as_it_is(translator: object) -> None:
    assert decoded(bytes, "é", translator) == "é".encode()


@pytest.mark.parametrize("translator", [SQSMessageTranslator, SNSMessageTranslator()])
def test_json_has_no_bytes(translator: object) -> None:
    with pytest.raises(ValueError, match="JSON has no bytes; give the route StringMessageTranslator"):
        decoded(bytes, "x", translator)


def test_bytes_of_a_users_own_translator_are_taken_as_they_are() -> None:
    assert decoded(bytes, b"x", Own()) == b"x"
    with pytest.raises(InvalidContent, match="expected bytes"):
        decoded(bytes, "x", Own)


def test_without_pydantic_its_types_are_told_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "loafer.adapters.pydantic.decoder", raising=False)
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(ValueError, match=r"only pydantic can read it; pip install 'loafer\[pydantic\]'"):
        decoded(Half, {"id": 1})


def test_neither_library_is_imported_before_a_type_asks_for_it() -> None:
    program = (
        "import sys; from loafer.entrypoints.wiring.decoding import RouteDecoder\n"
        "assert not {'msgspec', 'pydantic'} & set(sys.modules)\n"
        "RouteDecoder(None).decoding(list[int])\n"
        "assert 'msgspec' in sys.modules and 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
