"""The documentation is true: its examples run, its table is the code's, its links lead somewhere."""

import os
import re
import runpy
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import click.testing
import pytest

import loafer
from loafer import exceptions
from loafer.entrypoints.cli import cli
from loafer.entrypoints.settings.keys import route_of
from loafer.entrypoints.settings.table import SETTINGS
from loafer.testing.faults import SEED

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "loafer" / "guide.md")
    if "_build" not in page.relative_to(ROOT).parts
)
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROW = re.compile(
    r"^\| `(?P<key>LOAFER_\w+)` \| (?P<option>.*?) ?\| (?P<default>.*?) \| (?P<meaning>.+) \|$", re.MULTILINE
)

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def python_blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in FENCE.finditer(text):
            if block[2] == "python":
                yield f"{name_of(page)}:{text.count(chr(10), 0, block.start()) + 1}", textwrap.dedent(block[3])


BLOCKS = dict(python_blocks())
FILE_NAME = re.compile(r"# (\w+\.py)\n")


def named_files(page: str) -> Iterator[tuple[str, str]]:
    """Yield the examples of a page that say in which file they stand."""
    for place, text in BLOCKS.items():
        if place.startswith(f"{page}:") and (name := FILE_NAME.match(text)):
            yield name[1], text


TESTS_IN_IT = re.compile(r"^(def test_|class Test)", re.MULTILINE)


@pytest.mark.parametrize("place", BLOCKS)
def test_a_python_example_is_complete_and_runs(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if TESTS_IN_IT.search(BLOCKS[place]):
        for name, text in named_files(place.partition(":")[0]):
            (tmp_path / name).write_text(text, encoding="utf-8")
        run_by_pytest(BLOCKS[place], tmp_path)
    else:
        exec(compile(BLOCKS[place], place, "exec"), {"__name__": "example"})


def run_by_pytest(block: str, folder: Path) -> None:
    """Run an example as its reader would: in a file of its own, by pytest."""
    (folder / "test_example.py").write_text(block, encoding="utf-8")
    options = ["-q", "-p", "loafer.testing.plugin", "-p", "no:cacheprovider", "-W", "error::ResourceWarning"]
    options += ["--hypothesis-profile=ci"]  # which sets no deadline: the machine may have other work
    command = [sys.executable, "-m", "pytest", *options]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"\d+ passed", ended.stdout)


def test_there_are_python_examples() -> None:
    assert any(place.startswith("docs/handlers.md") for place in BLOCKS)
    tested = [place for place, block in BLOCKS.items() if TESTS_IN_IT.search(block)]
    assert len([place for place in tested if place.startswith("docs/testing.md")]) >= 3
    assert any(place.startswith("README.md") for place in tested)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_console_example_shows_its_commands_after_a_dollar(page: Path) -> None:
    for _, language, text in FENCE.findall(page.read_text(encoding="utf-8")):
        if language == "console":
            assert text.lstrip().startswith("$ ")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_relative_link_leads_to_a_file(page: Path) -> None:
    targets = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    files = [target.split("#")[0] for target in targets if not re.match(r"\w+:", target)]
    assert [file for file in files if not (page.parent / file).exists()] == []


@pytest.mark.parametrize("name", ["docs/settings.md", "README.md"])
def test_the_documented_settings_are_those_of_the_code(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    documented = {row["key"]: (row["option"].strip("`"), row["default"].strip("`")) for row in ROW.finditer(page)}
    assert documented == {s.key: (s.option or "", s.default or "required") for s in SETTINGS}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_no_setting_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"\bLOAFER_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    assert {key for key in named if route_of(key) is None} <= {SEED, *(setting.key for setting in SETTINGS)}


@pytest.mark.parametrize("name", exceptions.__all__)
def test_every_public_exception_is_documented(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", loafer.__all__)
def test_the_guide_names_everything_public(name: str) -> None:
    assert re.search(rf"`[^`]*\b{name}\b[^`]*`", (ROOT / "loafer" / "guide.md").read_text(encoding="utf-8"))


def test_the_guide_has_ten_mistakes_and_an_example_that_runs() -> None:
    text = (ROOT / "loafer" / "guide.md").read_text(encoding="utf-8")
    assert re.findall(r"^(\d+)\. \*\*", text, re.MULTILINE) == [str(number) for number in range(1, 11)]
    assert any(place.startswith("loafer/guide.md") for place in BLOCKS)
    assert click.testing.CliRunner().invoke(cli, ["guide"]).stdout == f"{text}\n"


def test_the_built_documentation_has_the_guide_for_assistants(tmp_path: Path) -> None:
    connected: dict[str, Callable[..., object]] = {}
    runpy.run_path(str(ROOT / "docs" / "conf.py"))["setup"](SimpleNamespace(connect=connected.__setitem__))
    connected["build-finished"](SimpleNamespace(outdir=str(tmp_path)), None)
    assert (tmp_path / "llms.txt").read_bytes() == (ROOT / "loafer" / "guide.md").read_bytes()


def test_the_readme_tests_with_what_is_locked_so_that_pip_has_nothing_to_try() -> None:
    [command] = re.findall(r"^\$ (.*bin/pytest.*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    installs = re.findall(r"pip install ([^&]+?) &&", command)
    assert installs == ["-r requirements/test.txt", "--no-deps -e ."]


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@needs_make
def test_make_alone_shows_every_documented_target() -> None:
    shown = make()
    assert shown == make("help")
    assert {"test", "test-cov", "lint", "docs", "dist", "release"} <= set(re.findall(r"make (\S+)", shown))


@needs_make
def test_make_release_checks_builds_and_uploads_nothing() -> None:
    commands = [line for line in make("-n", "release", "PYTHON=a-python").splitlines() if line.startswith("a-python")]
    check = "a-python tools/release_check.py"
    assert commands == [check, "a-python -m build", f"{check} --next"]


DATED = "# Changelog\n\n## Unreleased\n\n## 1.2.0 - 2026-01-31\n\n- A change.\n"


@pytest.fixture(scope="module")
def problems_of() -> Callable[[str, str, str], list[str]]:
    found: Callable[[str, str, str], list[str]] = runpy.run_path(str(ROOT / "tools" / "release_check.py"))[
        "problems_of"
    ]
    return found


def test_a_clean_tree_with_a_dated_entry_can_be_released(problems_of: Callable[[str, str, str], list[str]]) -> None:
    assert problems_of("1.2.0", DATED, "") == []


@pytest.mark.parametrize(
    ("version", "changelog", "status", "problem"),
    [
        ("1.3.0", DATED, "", "says '1.3.0', the top entry of CHANGELOG.md is '1.2.0 - 2026-01-31'"),
        ("1.2.0", DATED.replace(" - 2026-01-31", ""), "", "has no date"),
        ("1.2.0", DATED.replace("Unreleased\n", "Unreleased\n\n- More.\n"), "", "under Unreleased"),
        ("1.2.0", DATED, " M loafer/__init__.py\n", "1 path(s) changed"),
    ],
)
def test_a_tree_that_cannot_be_released_says_why(
    problems_of: Callable[[str, str, str], list[str]], version: str, changelog: str, status: str, problem: str
) -> None:
    problems = problems_of(version, changelog, status)
    assert len(problems) == 1
    assert problem in problems[0]


def test_a_changelog_without_entries_cannot_be_released(problems_of: Callable[[str, str, str], list[str]]) -> None:
    assert "no entry" in problems_of("1.2.0", "# Changelog\n", "")[0]


NAMED_TESTS = re.findall(r"`(test_\w+)`", (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMED_TESTS)
def test_every_test_that_a_promise_names_exists(name: str) -> None:
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "loafer" / "testing" / "contracts").glob("*.py")]
    assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files)


def test_every_promise_names_its_tests() -> None:
    sections = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8").split("\n## ")[2:]
    assert len(sections) == 10
    assert all("<summary>The tests that show it</summary>" in section and "`test_" in section for section in sections)
