"""What event loops complain of, and go on: an exception in a timer or a callback, which no test would see by itself."""

import asyncio
from collections.abc import Generator, Iterator
from typing import Any

import pytest

__all__ = ["complaints", "pytest_runtest_call", "pytest_runtest_teardown"]

_OF_GARBAGE = ("never retrieved", "destroyed but it is pending!")
"""How complaints end that come whenever garbage is collected: as a rule in the midst of another test."""

_heard: list[dict[str, Any]] = []
_complain = asyncio.BaseEventLoop.call_exception_handler


def _hear(loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
    if not context.get("message", "").endswith(_OF_GARBAGE):
        _heard.append(context)
    _complain(loop, context)


asyncio.BaseEventLoop.call_exception_handler = _hear  # type: ignore[method-assign,assignment]


@pytest.fixture
def complaints() -> Iterator[list[dict[str, Any]]]:
    """Return what event loops complain of in a test, which does not fail for that."""
    yield _heard
    _heard.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test fail for what an event loop complains of."""
    result = yield
    if _heard and "complaints" not in getattr(item, "fixturenames", ()):
        heard, cause = [context.get("message", "") for context in _heard], _heard[0].get("exception")
        _heard.clear()
        raise AssertionError(f"an event loop complained: {'; '.join(heard)}") from cause
    return result


pytest_runtest_teardown = pytest_runtest_call
