"""A worker that starts again when a module of its application changes."""

from pathlib import Path

import pytest
from command import Shell

pytestmark = pytest.mark.slow

APP = """
from contextlib import asynccontextmanager

import words
from loafer import Loafer


@asynccontextmanager
async def lifespan():
    print(words.BEGAN + "\\n", end="", flush=True)  # in one piece: the log has a thread of its own
    yield
    print(words.ENDED + "\\n", end="", flush=True)


app = Loafer(lifespan=lifespan)


@app.route("memory://orders", options={"WaitTimeSeconds": 1})
async def handle(content): ...
"""

LONG = 60.0
"""Seconds that starting twice may take on a machine that is busy."""


def words(number: int) -> str:
    text = f"BEGAN, ENDED = 'began {number}', 'ended {number}'\n"
    return text + "\n" * number  # of its own size: what was compiled within the same second would be taken for it


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    shell = Shell(tmp_path)
    shell.write("shop.py", APP)
    shell.write("words.py", words(1))
    shell.write("other.py", "")
    return shell


def test_it_stops_cleanly_and_starts_again_when_a_module_that_it_imports_changes(shell: Shell) -> None:
    with shell.running("loafer run shop:app --reload", says="") as worker:
        worker.prints("began 1", LONG)
        shell.write("other.py", "changed = 1\n")  # which nobody imports
        shell.write("words.py", words(2))
        worker.prints("began 2", LONG)
        assert worker.stop() == 0
    lines = [line for line in worker.printed.splitlines() if line.startswith(("began", "ended")) or "changed" in line]
    assert lines == ["began 1", "ended 1", "words.py has changed: starting again", "began 2", "ended 2"]


def test_a_mistake_waits_for_its_mending(shell: Shell) -> None:
    shell.write("words.py", "BEGAN =\n")
    with shell.running("loafer run shop:app --reload", says="") as worker:
        worker.prints("it is started again when a file changes", LONG)
        assert "importing shop raised SyntaxError" in worker.printed
        shell.write("words.py", words(3))
        worker.prints("began 3", LONG)
        assert worker.stop() == 0
