"""Handlers that ask for content of a type: one for each kind of type, imported when it is measured."""

from collections.abc import Awaitable, Callable
from typing import Any

from handlers import METER

Handler = Callable[[Any], Awaitable[None]]


def handler_of(kind: str) -> Handler:
    """Return the handler that asks for that kind of type, by its annotation."""
    made = _KINDS[kind]()

    async def handle(_: Any) -> None:
        METER.count()

    handle.__annotations__["_"] = made
    return handle


def publishing(publish: Callable[[Any], Awaitable[object]]) -> Handler:
    """Return a handler that publishes what it is given, and waits until that is sent."""

    async def handle(content: dict) -> None:  # type: ignore[type-arg]
        await publish(content)
        METER.count()

    return handle


def _dataclass() -> Any:
    from dataclasses import make_dataclass  # noqa: PLC0415 - what is not measured is not imported

    return make_dataclass("Content", [("n", int), ("pad", str)])


def _attrs() -> Any:
    import attrs  # noqa: PLC0415 - as above

    return attrs.make_class("Content", {"n": attrs.field(type=int), "pad": attrs.field(type=str)})


def _msgspec() -> Any:
    import msgspec  # noqa: PLC0415 - as above

    return msgspec.defstruct("Content", [("n", int), ("pad", str)])


def _pydantic() -> Any:
    import pydantic  # noqa: PLC0415 - as above

    return pydantic.create_model("Content", n=(int, ...), pad=(str, ...))


_KINDS: dict[str, Callable[[], Any]] = {
    "untyped": lambda: dict,
    "dataclass": _dataclass,
    "attrs": _attrs,
    "msgspec": _msgspec,
    "pydantic": _pydantic,
}
