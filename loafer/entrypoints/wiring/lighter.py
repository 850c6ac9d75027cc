"""Imports the container library without the frameworks that it looks for, and that no container here needs.

The library imports FastAPI, Starlette, Werkzeug and pydantic-settings wherever they are installed: a quarter of a
second and 20 MiB of every worker. An application that uses the library itself, or one of these, gets the whole of both.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_LIBRARY = "dependency_injector"
_WIRING = f"{_LIBRARY}.wiring"
_PYDANTIC = "pydantic_settings"


@contextmanager
def frameworks_put_off() -> Iterator[None]:
    """Have the library imported within the block take stand-ins, each of which imports its module once it is used."""
    if _LIBRARY in sys.modules:
        yield
        return
    later = [_Later(_WIRING, wire=_wire, unwire=_unwire)]
    if _PYDANTIC not in sys.modules and find_spec(_PYDANTIC):
        later.append(_Later(_PYDANTIC, BaseSettings=_BaseSettings))
    for module in later:
        sys.modules[module.__name__] = module
    try:
        yield
    finally:
        for module in later:
            module.give_way()


class _Later(ModuleType):
    """Stands in for a module as far as it is known what the library takes of it."""

    def __init__(self, name: str, **taken: object) -> None:
        super().__init__(name)
        self.__dict__.update(taken)

    def __getattr__(self, name: str) -> Any:
        # Also for another thread that imports it at this very moment.
        self.give_way()
        return getattr(import_module(self.__name__), name)

    def give_way(self) -> None:
        """Let the module itself be imported from now on."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def _wire(*given: Any, **named: Any) -> Any:
    return import_module(_WIRING).wire(*given, **named)


def _unwire(*given: Any, **named: Any) -> Any:
    return import_module(_WIRING).unwire(*given, **named)


class _Settings(type):
    """The class of what stands in for pydantic's settings: what is of theirs is of its."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, import_module(_PYDANTIC).BaseSettings)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, import_module(_PYDANTIC).BaseSettings)


class _BaseSettings(metaclass=_Settings):
    """What the library asks whether settings are of it."""
