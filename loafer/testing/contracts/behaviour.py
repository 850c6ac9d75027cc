"""How one behaviour of a contract is run: in a world of its own, on the event loop that the features name."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from difflib import get_close_matches
from typing import Any, ClassVar

import pytest

from loafer.testing.contracts.features import Features
from loafer.testing.contracts.world import Worlds


class Contract:
    """What all contracts have: a table of features.

    TypeError: its `lacks` names what is no test of the class.
    """

    features: ClassVar[Features] = Features()

    def __init_subclass__(cls) -> None:
        """Look for the tests that the features lack: one that is misspelt would be run."""
        for name in cls.features.lacks:
            if not callable(getattr(cls, name, None)):
                tests = [test for test in dir(cls) if test.startswith("test_")]
                near = get_close_matches(name, tests, n=1)
                right = f"did you mean {near[0]}?" if near else "give the name of one of its tests"
                raise TypeError(f"the features of {cls.__name__} lack {name!r}, which is no test of it; {right}")

    def skip_without(self, test: str, needs: tuple[str, ...]) -> None:
        """Skip the test of a name if it does not apply, with the reason."""
        reason = self.features.missing(test, needs)
        if reason is not None:
            pytest.skip(reason)


def behaviour(*needs: str) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Callable[..., None]]:
    """Make a coroutine of a contract a test that is run in a world of its own, if the features it needs are there."""

    def decorate(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
        @functools.wraps(test)
        def in_a_world(self: Contract, world: Worlds, **arguments: Any) -> None:
            self.skip_without(test.__name__, needs)

            async def run() -> None:
                async with world() as opened:
                    await test(self, opened, **arguments)

            with asyncio.Runner(loop_factory=self.features.loop) as runner:
                runner.run(run())

        return in_a_world

    return decorate
