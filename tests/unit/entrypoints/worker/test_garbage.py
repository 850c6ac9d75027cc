"""While a worker runs, Python looks for garbage less often than it would, unless somebody has said how often."""

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from loafer.entrypoints.worker.garbage import SELDOM, USUAL, seldom_collected

OTHERS = gc.get_threshold()[1:]


@pytest.fixture(autouse=True)
def thresholds() -> Iterator[None]:
    """Leave the thresholds as they were."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_this_version_of_python_looks_as_often_as_is_known() -> None:
    assert gc.get_threshold()[0] in USUAL


@pytest.mark.parametrize("usual", sorted(USUAL))
def test_a_worker_looks_seldom_and_leaves_it_as_it_was(usual: int) -> None:
    gc.set_threshold(usual, *OTHERS)
    with suppress(ZeroDivisionError), seldom_collected():
        assert gc.get_threshold() == (SELDOM, *OTHERS)
        raise ZeroDivisionError
    assert gc.get_threshold() == (usual, *OTHERS)


@pytest.mark.parametrize("chosen", [0, 50, 100_000])
def test_what_somebody_has_said_before_holds(chosen: int) -> None:
    gc.set_threshold(chosen, *OTHERS)
    with seldom_collected():
        assert gc.get_threshold() == (chosen, *OTHERS)
    assert gc.get_threshold() == (chosen, *OTHERS)


def test_what_a_handler_says_meanwhile_holds_too() -> None:
    with seldom_collected():
        gc.set_threshold(500, *OTHERS)
    assert gc.get_threshold() == (500, *OTHERS)
