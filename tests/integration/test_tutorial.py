"""The tutorial, followed word for word: its files are written, its commands are run, and what it says is seen."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Shell

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DONE_ALREADY = ("python3 -m venv", ". .venv/bin/activate", "pip install", ".emulator/bin/ministack")
"""Commands that make environments and start the emulator: the tests have them."""

pytestmark = pytest.mark.slow


def steps(endpoint: str) -> Iterator[tuple[str, str]]:
    """Yield the name and text of each file, and `$` with each command."""
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "python":
            yield text.partition("\n")[0].removeprefix("# "), text
            continue
        for command in text.removeprefix("$ ").split("\n$ "):
            if not command.startswith(DONE_ALREADY):
                yield "$", command.strip().replace("http://localhost:4566", endpoint)


def test_whoever_follows_the_tutorial_sees_what_it_says(
    tmp_path: Path, on_ministack: str, aws_environ: pytest.MonkeyPatch
) -> None:
    aws_environ.setenv("AWS_DEFAULT_REGION", "us-east-1")
    shell, commands = Shell(tmp_path), list[str]()
    for what, text in steps(on_ministack):
        if what != "$":
            shell.write(what, text)
        elif text.startswith("pytest"):
            tested = shell.run(f"{sys.executable} -m {text}", seconds=60)
            assert "passed" in tested.stdout, tested.stdout
        elif "loafer run" not in text and "publish_sqs" not in text and "ReceiveMessage" not in text:
            assert shell.run(text).returncode == 0, text
        else:
            commands.append(text)
    run, *sent, look = commands
    with shell.running(run, says="route 'orders'") as worker:
        for command in sent:
            assert shell.run(command).returncode == 0
        worker.prints("order 1: done at attempt 1")
        worker.prints("a negative total")
        while "&quot;total&quot;: 5000" not in (found := shell.run(look).stdout) and '"total": 5000' not in found:
            assert worker.process.poll() is None
        assert worker.printed.count("ValueError: too much for a first order") == 3
        assert worker.stop() == 0
