#!/usr/bin/env python3
"""Writes `requirements/*.txt` from pyproject.toml, with hashes; `--check` only tells whether they are up to date."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
NAME = "loafer"
HEADER = "# Made by `make locks` from pyproject.toml; not to be edited. It locks:\n"
_ASKED = re.compile(r"^#   (.+)$", re.MULTILINE)
_PIN = re.compile(r"^([\w.-]+)(?:\[[^]]+\])?==([^\s;\\]+)", re.MULTILINE)


class Lock(NamedTuple):
    """A file of `requirements/`, and which extra and group of pyproject.toml it holds beside the dependencies."""

    extra: str = ""
    group: str = ""


LOCKS = {
    "dev": Lock("dev", "build"),  # the first, for the others take their versions from it
    "test": Lock("test", "build"),
    "docs": Lock("docs"),
    "fuzz": Lock("fuzz", "build"),
    "testing": Lock("testing"),
    "run": Lock(),
}


def asked_of(project: dict[str, Any], lock: Lock) -> list[str]:
    """Return the requirements that pyproject.toml has for a lock, sorted; those of its own extras are followed."""
    groups = project["dependency-groups"]
    asked = [*project["project"]["dependencies"], *_extra(project, lock.extra), *groups.get(lock.group, [])]
    return sorted({str(Requirement(text)) for text in asked})


def _extra(project: dict[str, Any], name: str) -> Iterator[str]:
    for text in project["project"]["optional-dependencies"][name] if name else ():
        requirement = Requirement(text)
        if requirement.name != NAME:
            yield text
        for inner in sorted(requirement.extras) if requirement.name == NAME else ():
            yield from _extra(project, inner)


def problems_of(name: str, asked: list[str], text: str) -> list[str]:
    """Return one line for each thing that a lock's text lacks, has too much, or has in a version that does not fit."""
    right = "run `make locks`"
    if not text:
        return [f"requirements/{name}.txt: it is missing; {right}"]
    locked = {str(Requirement(line)) for line in _ASKED.findall(text)}
    pins: dict[str, list[str]] = {}
    for pinned, version in _PIN.findall(text):
        pins.setdefault(canonicalize_name(pinned), []).append(version)
    problems = [f"{requirement!r} is new in pyproject.toml" for requirement in asked if requirement not in locked]
    problems += [f"{requirement!r} is no longer in pyproject.toml" for requirement in sorted(locked - set(asked))]
    for requirement in map(Requirement, asked):
        versions = pins.get(canonicalize_name(requirement.name), [])
        if not versions or not all(requirement.specifier.contains(version, prereleases=True) for version in versions):
            problems.append(f"'{requirement}' does not fit what is locked, {' and '.join(versions) or 'nothing'}")
    problems += [f"{place} names a host" for place in re.findall(r"^.*://.*$", text, re.MULTILINE)]
    return [f"requirements/{name}.txt: {problem}; {right}" for problem in problems]


def write(name: str, lock: Lock, asked: list[str], *, upgrade: bool) -> None:
    """Write a lock; versions that still fit stay, unless all are to be upgraded."""
    output = ROOT / "requirements" / f"{name}.txt"
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--output-file", str(output), "--quiet"]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-emit-index-url"]
    command += ["--no-config", "--no-strip-extras"]  # an older pip takes the newest of what is asked for with extras
    command += ["--extra", lock.extra] if lock.extra else []
    command += ["--group", lock.group] if lock.group else []
    command += ["--upgrade"] if upgrade else []
    command += ["--constraint", "requirements/dev.txt"] if name != "dev" else []
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - uv, with names of ours
    header = HEADER + "".join(f"#   {requirement}\n" for requirement in asked)
    output.write_text(header + output.read_text(encoding="utf-8").removeprefix(header), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the locks (`--upgrade`: the newest versions), or `--check` them; return 0 if they are right, else 1."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    problems = []
    for name, lock in LOCKS.items():
        asked = asked_of(project, lock)
        if "--check" not in arguments:
            write(name, lock, asked, upgrade="--upgrade" in arguments)
        file = ROOT / "requirements" / f"{name}.txt"
        problems += problems_of(name, asked, file.read_text(encoding="utf-8") if file.exists() else "")
    sys.stderr.write("".join(f"locks: {problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
