"""A test fails for what an event loop only logs."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from complaints import pytest_runtest_call


def soon(fails: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_soon(fails)


def later(fails: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(60, fails)


def once_done(fails: Callable[[], object]) -> None:
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: fails())
    future.set_result(None)


@pytest.mark.parametrize("ask", [soon, later, once_done])
async def test_what_a_callback_raises_fails_the_test(
    ask: Callable[[Callable[[], object]], None], complaints: list[dict[str, Any]]
) -> None:
    def fails() -> None:
        raise ZeroDivisionError("a bug")

    ask(fails)
    await asyncio.sleep(100)
    assert [str(context["exception"]) for context in complaints] == ["a bug"]
    ends_well("complaints")
    with pytest.raises(AssertionError, match="an event loop complained: Exception in callback") as caught:
        ends_well()
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert complaints == []


def ends_well(*fixtures: str) -> None:
    """Do what is done at the end of a test that went well, and has these fixtures."""
    item: Any = SimpleNamespace(fixturenames=fixtures)
    ending = pytest_runtest_call(item)
    next(ending)
    with pytest.raises(StopIteration):
        ending.send(None)
