"""A first project: what is written passes its own test, and nothing is ever overwritten."""

import os
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest

from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.init import NAMES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return tmp_path


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, arguments, prog_name="loafer")


def test_what_is_written_passes_its_own_test_and_loads(folder: Path) -> None:
    done = run("init")
    assert (done.exit_code, done.stderr) == (0, "")
    assert {path.name for path in folder.iterdir()} == set(NAMES)
    assert ".emulator/bin/pip install ministack" in done.stdout
    assert "    cd " not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    root = Path(__file__).parents[4]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environ = {**os.environ, "PYTHONPATH": str(root)}
    tested = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_overwritten_and_then_nothing_is_written(folder: Path, name: str) -> None:
    (folder / name).write_text("mine")
    done = run("init")
    assert done.exit_code == 2
    assert done.stderr == f"loafer: {name}: already there, and nothing is overwritten; use an empty folder\n"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {name: "mine"}


def test_it_may_go_into_a_folder_of_its_own(folder: Path) -> None:
    done = run("init", "shop/first")
    assert done.exit_code == 0
    assert "\n    cd shop/first\n" in done.stdout
    assert "    cd 'my shop'\n" in run("init", "my shop").stdout
    assert {path.name for path in (folder / "shop" / "first").iterdir()} == set(NAMES)


def test_a_folder_that_cannot_be_written_is_told_in_a_line(folder: Path) -> None:
    (folder / "file").write_text("")
    done = run("init", "file/inside")
    assert done.exit_code == 2
    assert done.stderr == "loafer: file/inside: cannot be written: Not a directory; give another folder\n"


def test_if_one_file_cannot_be_written_none_is_left(folder: Path) -> None:
    (folder / "test_app.py").symlink_to("nowhere/there")
    done = run("init")
    assert done.exit_code == 2
    assert done.stderr == "loafer: .: cannot be written: File exists; give another folder\n"
    assert [path.name for path in folder.iterdir()] == ["test_app.py"]


def test_where_settings_are_read_from_another_folder_it_says_so(folder: Path) -> None:
    (folder / "pyproject.toml").touch()
    assert "Settings are read from the root of the project" in run("init", "inside").stdout
    assert "Settings are read" not in run("init").stdout
