"""The pytest plugin: a fixture for plain tests, the seed of a failure, and no weight."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import loafer.testing
from loafer.testing import World, plugin

ROOT = Path(__file__).parents[3]

FAILING = """
import os

def test_that_fails(loafer_world):
    print("the seed:", loafer_world.seed)
    assert False

def test_that_passes(loafer_world):
    assert loafer_world.now() == 0.0
"""


EXAMPLES = """
from hypothesis import given, settings, strategies as st
from loafer.testing import World

@settings(deadline=None)
@given(st.integers(0, 50))
def test_with_examples(number):
    with World() as world:
        world.queue("orders")
        for n in range(10):
            world.publish("orders", n)
        world.faults(lost_acknowledgements=0.05)
        result = world.run("loafer.example.jobs.async_example_job", source="orders")
    assert len(result.deliveries) == 10 and number < 20
"""

AROUND = """
import pytest
from loafer.testing import World

@pytest.fixture
def broken():
    with World(seed=1) as world:
        assert world is None

@pytest.fixture
def broken_in_the_end():
    with World(seed=2) as world:
        yield
        assert world is None

def test_set_up(broken): pass
def test_torn_down(broken_in_the_end): pass
def test_without_a_world(): assert False
"""


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)


def pytest_on(folder: Path, text: str, **environment: str) -> str:
    (folder / "test_example.py").write_text(text, encoding="utf-8")
    options = ("-p", "loafer.testing.plugin", "-p", "no:cacheprovider", "-q")
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the kit needs none but its own
    return python(folder, "-m", "pytest", *options, **environment).stdout


def test_a_failed_test_tells_its_seed(tmp_path: Path) -> None:
    shown = pytest_on(tmp_path, FAILING, LOAFER_TEST_SEED="4711")
    assert "the seed: 4711" in shown
    assert "LOAFER_TEST_SEED=4711 runs it again with the same faults and delays" in shown
    assert "1 failed, 1 passed" in shown


def test_a_failed_test_that_makes_its_worlds_itself_tells_the_one_seed_of_its_examples(tmp_path: Path) -> None:
    shown = pytest_on(tmp_path, EXAMPLES)
    assert "1 failed" in shown
    assert "Flaky" not in shown
    assert len(set(re.findall(r"LOAFER_TEST_SEED=(\d+) runs it again", shown))) == 1


def test_a_test_that_fails_in_its_fixtures_tells_the_seed_and_one_without_a_world_tells_none(tmp_path: Path) -> None:
    shown = pytest_on(tmp_path, AROUND)
    assert shown.count("LOAFER_TEST_SEED=1 runs it again") == 1
    assert shown.count("LOAFER_TEST_SEED=2 runs it again") == 1
    assert shown.count("LOAFER_TEST_SEED") == 2


def test_a_test_that_passes_tells_none(tmp_path: Path) -> None:
    assert "LOAFER_TEST_SEED" not in pytest_on(tmp_path, "def test_it(loafer_world): pass")


def test_the_plugin_imports_nothing_that_a_project_would_wait_for(tmp_path: Path) -> None:
    text = (
        "import sys, pytest; before = set(sys.modules); import loafer.testing.plugin; print(*set(sys.modules) - before)"
    )
    added = python(tmp_path, "-c", text).stdout.split()
    assert sorted(added) == ["loafer", "loafer.testing", "loafer.testing.plugin"]


def test_the_package_registers_the_plugin_under_the_name_that_p_would_give_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {plugin.__name__: plugin.__name__}
    assert hasattr(plugin, "loafer_world")


def test_what_the_kit_offers_is_there_and_nothing_else() -> None:
    assert loafer.testing.World is World
    assert all(getattr(loafer.testing, name) for name in loafer.testing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Worlds'"):
        _ = loafer.testing.Worlds  # type: ignore[attr-defined]
