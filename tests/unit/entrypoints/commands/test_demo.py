import os
import pty
import subprocess
import sys
from functools import partial
from pathlib import Path

import click.testing
import pytest

from loafer.domain.lifecycle import Outcome
from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.demo import KINDS, run_demo
from loafer.entrypoints.settings.table import Settings
from loafer.exceptions import ConfigurationError, RejectMessage


def rejects(message: object) -> None:
    raise RejectMessage("not of ours")


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])


def demo(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["demo", *arguments], prog_name="loafer")


def test_it_shows_how_each_kind_of_message_ends() -> None:
    done = demo("--messages", "12")
    assert (done.exit_code, done.stderr) == (0, "")
    head, *rows, rate = done.stdout.splitlines()
    assert head.split() == ["what", "happens", "delivered", "acknowledged", "kept"]
    assert [row.rsplit(maxsplit=3) for row in rows] == [
        ["a coroutine returns", "2", "2", "0"],
        ["a function in a thread returns", "2", "2", "0"],
        ["the handler raises RejectMessage", "2", "2", "0"],
        ["the handler raises IgnoreMessage", "2", "0", "2"],
        ["the handler raises another error", "2", "0", "2"],
        ["the body cannot be translated", "2", "0", "2"],
    ]
    assert rate.startswith("12 messages in ")
    assert rate.endswith(" messages a second")


def test_a_handler_of_ones_own_gets_all_messages_and_the_rows_are_outcomes() -> None:
    done = demo("--messages", "6", "--handler", f"{__name__}.rejects")
    lines = done.stdout.splitlines()
    rows = dict(line.split(maxsplit=1) for line in lines[1:6])
    assert set(rows) == {outcome.value for outcome in Outcome}
    assert rows["rejected"].split() == ["5", "5", "0"]
    assert rows["untranslated"].split() == ["1", "0", "1"]
    assert "rejected, the first: RejectMessage: not of ours" in lines[6:]


def test_a_handler_that_does_not_load_is_one_mistake() -> None:
    done = demo("--handler", "no.such")
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert "LOAFER_DEFAULT_ROUTE_HANDLER='no.such' (option --handler)" in line


def test_there_is_at_least_one_message() -> None:
    assert demo("--messages", "0").exit_code == 2


def test_progress_is_told_once_a_message() -> None:
    told: list[int] = []
    report = run_demo(Settings(), 20, None, lambda: told.append(1))
    assert (len(told), report.delivered, report.complete) == (20, 20, True)
    assert report.seconds > 0


def test_the_demo_obeys_the_settings() -> None:
    report = run_demo(Settings(max_jobs=1, max_threads=1), len(KINDS), None, lambda: None)
    assert report.complete


def test_the_handler_is_loaded_before_anything_is_delivered() -> None:
    with pytest.raises(ConfigurationError):
        run_demo(Settings(), 6, "no.such", lambda: pytest.fail("a message was delivered"))


def read(terminal: int) -> bytes:
    """Read what a terminal shows next; nothing: nobody writes to it any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize(("messages", "shown"), [(1001, True), (1000, False)])
def test_a_terminal_shows_progress_for_many_messages(messages: int, shown: bool) -> None:
    here, there = pty.openpty()
    command = [sys.executable, "-m", "loafer", "demo", "--messages", str(messages)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=there) as process:
        os.close(there)
        told = b"".join(iter(partial(read, here), b""))  # meanwhile, for a terminal holds no more than some pages
    os.close(here)
    assert (process.returncode, b"delivering" in told) == (0, shown)


def test_without_a_terminal_there_is_no_progress_bar() -> None:
    assert demo("--messages", "1001").stderr == ""
