"""What is locked in requirements/ is what pyproject.toml asks for, with hashes, and from nowhere in particular."""

import re
import runpy
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "locks.py"))
LOCKS, asked_of, problems_of = TOOL["LOCKS"], TOOL["asked_of"], TOOL["problems_of"]
LOCK = "# It locks:\n#   attrs>=24.1\nattrs==26.1.0 \\\n    --hash=sha256:00\nwheel==1 ; python_version < '3'\n"


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LOCKS)
def test_the_locked_requirements_are_those_of_pyproject(name: str, project: dict[str, Any]) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert problems_of(name, asked_of(project, LOCKS[name]), text) == []


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_requirement_has_a_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\w)", "\n" + re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))[1:]
    assert len(entries) > 8
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


def test_every_lock_has_the_versions_of_the_largest_one() -> None:
    def pins(name: str) -> set[tuple[str, str]]:
        text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        return set(re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE))

    names = {name for name, _ in pins("dev")}
    apart = {lock: {pin for pin in pins(lock) - pins("dev") if pin[0] in names} for lock in LOCKS}
    assert apart == {lock: set() for lock in LOCKS}


def test_an_extra_of_the_project_itself_is_followed() -> None:
    project = {
        "project": {"dependencies": ["a"], "optional-dependencies": {"x": ["b", "loafer[y]"], "y": ["c>=1"]}},
        "dependency-groups": {"build": ["d"]},
    }
    assert asked_of(project, type(LOCKS["run"])("x", "build")) == ["a", "b", "c>=1", "d"]
    assert asked_of(project, LOCKS["run"]) == ["a"]


def test_a_lock_that_fits_has_no_problems() -> None:
    assert problems_of("run", ["attrs>=24.1"], LOCK) == []


@pytest.mark.parametrize(
    ("asked", "text", "problem"),
    [
        (["attrs>=24.1"], "", "requirements/run.txt: it is missing"),
        (["attrs>=24.1", "wheel"], LOCK, "'wheel' is new in pyproject.toml"),
        ([], LOCK, "'attrs>=24.1' is no longer in pyproject.toml"),
        (["attrs>=24.1"], LOCK.replace("26.1.0", "23.0"), "'attrs>=24.1' does not fit what is locked, 23.0"),
        (["attrs>=24.1"], LOCK.replace("attrs==", "other=="), "'attrs>=24.1' does not fit what is locked, nothing"),
        (["attrs>=24.1"], f"--index-url https://an.index\n{LOCK}", "names a host"),
    ],
)
def test_a_stale_lock_says_what_is_wrong_and_what_to_run(asked: list[str], text: str, problem: str) -> None:
    problems = problems_of("run", asked, text)
    assert len(problems) == 1
    assert problem in problems[0]
    assert "make locks" in problems[0]


INSTALLS = re.compile(r"pip\"? install (.*)")


@pytest.mark.parametrize("name", [".ci/run", ".github/workflows/ci.yml", "Makefile"])
def test_nothing_is_installed_without_hashes_but_the_project_itself(name: str) -> None:
    installs = INSTALLS.findall((ROOT / name).read_text(encoding="utf-8"))
    assert installs
    assert [what for what in installs if not what.startswith(("--require-hashes -r ", "--no-deps "))] == []


def test_the_readme_runs_the_tests_with_what_is_locked() -> None:
    command = next(
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.endswith("/pytest")
    )
    assert "install -r requirements/test.txt && .venv/bin/pip install --no-deps -e ." in command


def test_every_action_of_the_workflow_is_pinned_to_a_commit() -> None:
    actions = re.findall(r"uses: (\S+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert actions
    assert [action for action in actions if not re.search(r"@[0-9a-f]{40}$", action)] == []


def test_an_audit_that_could_look_nothing_up_fails() -> None:
    [command] = re.findall(r"-m pip_audit (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert "--strict" in command.split()
