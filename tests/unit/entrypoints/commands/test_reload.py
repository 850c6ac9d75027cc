"""What is watched: the files that an application imports from the working tree, and nothing else."""

import sys
import types
from pathlib import Path

import click.testing
import pytest

from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.reload import imported_files


def module(file: Path | None) -> types.ModuleType:
    made = types.ModuleType("made")
    made.__file__ = None if file is None else str(file)
    return made


def test_only_what_is_imported_from_the_working_tree_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    files = {
        "shop": tmp_path / "shop.py",
        "shop.rules": tmp_path / "shop" / "rules.py",
        "installed": tmp_path / ".venv" / "lib" / "installed.py",
        "elsewhere": tmp_path / "env" / "site-packages" / "elsewhere.py",
        "outside": tmp_path.parent / "outside.py",
        "builtin": None,
    }
    modules = {name: module(file) for name, file in files.items()}
    assert imported_files(tmp_path, {**modules, "none": object()}) == {
        str(tmp_path / "shop.py"),
        str(tmp_path / "shop" / "rules.py"),
    }


def test_without_what_watches_files_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    done = click.testing.CliRunner().invoke(cli, ["run", "shop:app", "--reload"], prog_name="loafer")
    assert done.exit_code == 2
    assert done.stderr == "loafer: --reload watches files with watchfiles; pip install 'loafer[reload]'\n"
