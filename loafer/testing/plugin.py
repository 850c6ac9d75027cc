"""The pytest plugin: the fixture `loafer_world`, and its seed in the report of a failed test."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from loafer.testing.world import World

_WORLD = pytest.StashKey["World"]()


@pytest.fixture
def loafer_world(request: pytest.FixtureRequest) -> "Iterator[World]":
    """Give queues and topics in memory, and run routes on them in virtual time."""
    from loafer.testing.world import World  # noqa: PLC0415 - most pytest runs never ask for it

    with World() as world:
        request.node.stash[_WORLD] = world
        yield world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the seed of a test that failed."""
    report = yield
    world = item.stash.get(_WORLD, None)
    if world is not None and report.when == "call" and report.failed:
        again = f"LOAFER_TEST_SEED={world.seed} runs it again with the same faults and delays"
        report.sections.append(("loafer", again))
    return report
