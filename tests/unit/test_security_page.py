"""The security page: its table of calls is complete, and its permissions are those that the calls need."""

import json
import re
from pathlib import Path

import pytest

from loafer.entrypoints.cli import cli

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## What is called")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", SECTION, re.MULTILINE)[1:]
NAME = re.compile(r"`(\w+:\w+)`")


@pytest.mark.parametrize("command", [name for name, command in cli.commands.items() if not command.hidden])
def test_every_command_says_what_it_calls(command: str) -> None:
    assert any(row[0].startswith(f"`loafer {command}") for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_permissions_are_those_of_the_calls(row: tuple[str, str, str]) -> None:
    _, calls, permissions = row
    assert [name.removesuffix("Batch") for name in NAME.findall(calls)] == NAME.findall(permissions)


def test_the_policy_allows_what_a_worker_calls_on_its_queue() -> None:
    policy = json.loads(re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)[0])
    rows = [row for row in ROWS if row[0] == "`loafer`" or row[0].startswith(("a source", "a handler", "a message"))]
    wanted = {name for row in rows for name in NAME.findall(row[2])}
    assert set(policy["Statement"][0]["Action"]) == wanted
