"""The pytest plugin: the fixture `loafer_world`, and the seed in the report of a failed test."""

import sys
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from loafer.testing.world import World


@pytest.fixture
def loafer_world() -> "Iterator[World]":
    """Give queues and topics in memory, and run routes on them in virtual time."""
    from loafer.testing.world import World  # noqa: PLC0415 - most pytest runs never ask for it

    with World() as world:
        yield world


def pytest_runtest_logstart() -> None:
    """Forget the seeds of earlier tests."""
    if (seeds := _seeds()) is not None:
        seeds.forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the seed of the last world of a test that failed, be it while it was set up or torn down."""
    report = yield
    seeds = _seeds()
    if report.failed and seeds is not None and (seed := seeds.used()) is not None:
        report.sections.append(("loafer", f"{seeds.SEED}={seed} runs it again with the same faults and delays"))
    return report


def _seeds() -> "ModuleType | None":
    """Return the module of the seeds, if any test has imported it."""
    return sys.modules.get("loafer.testing.seeds")
