#!/usr/bin/env python3
"""Tells whether the tree can be released as it is; `--next` prints what a person does afterwards."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSION_FILE = "loafer/__init__.py"
CHANGELOG = "CHANGELOG.md"

_DATED = re.compile(r"\d{4}-\d{2}-\d{2}")
_NEXT = """\
Built in dist/. What is left to you:
  git tag -a {version} -m "Loafer {version}"
  git push origin HEAD {version}
  python3 -m twine upload dist/*
"""


def version_of(source: str) -> str:
    """Return the version that the source of `loafer/__init__.py` names; empty if it names none."""
    found = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    return found[1] if found else ""


def sections_of(changelog: str) -> list[tuple[str, str]]:
    """Return each second-level heading of the changelog with the text below it, from the top."""
    parts = re.split(r"^## (.+)$", changelog, flags=re.MULTILINE)[1:]
    return [(heading.strip(), text.strip()) for heading, text in zip(parts[::2], parts[1::2], strict=True)]


def problems_of(version: str, changelog: str, status: str) -> list[str]:
    """Return one line for each thing that stands in the way; `status` is what `git status --porcelain` prints."""
    sections = sections_of(changelog)
    unreleased = sections.pop(0)[1] if sections and sections[0][0] == "Unreleased" else ""
    top = sections[0][0] if sections else "no entry"
    problems = []
    if unreleased:
        problems.append(f"{CHANGELOG}: changes stand under Unreleased; move them below a heading with a version")
    if top.split(" ")[0] != version:
        problems.append(f"{VERSION_FILE} says {version!r}, the top entry of {CHANGELOG} is {top!r}; make them one")
    if not _DATED.search(top):
        problems.append(f"{CHANGELOG}: {top!r} has no date; write '{version} - YYYY-MM-DD'")
    if status.strip():
        problems.append(f"git status: {len(status.splitlines())} path(s) changed or unknown; commit or remove them")
    return problems


def main(arguments: list[str]) -> int:
    """Check, or with `--next` print the next steps; return 0 if nothing is in the way, else 1."""
    version = version_of((ROOT / VERSION_FILE).read_text(encoding="utf-8"))
    if arguments == ["--next"]:
        sys.stdout.write(_NEXT.format(version=version))
        return 0
    git = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607
    problems = problems_of(version, (ROOT / CHANGELOG).read_text(encoding="utf-8"), git.stdout)
    sys.stderr.write("".join(f"release: {problem}\n" for problem in problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
