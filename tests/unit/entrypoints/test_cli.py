import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest

from loafer import Loafer, __version__
from loafer.domain.lifecycle import Outcome
from loafer.entrypoints import cli as cli_module
from loafer.entrypoints.settings.table import SETTINGS
from loafer.entrypoints.worker import logs as logs_module
from loafer.exceptions import ConfigurationError, IgnoreMessage

number = 1
app = Loafer()


async def odd(message: int) -> None:
    if message % 2 == 0:
        raise IgnoreMessage("even numbers are for others")


def nothing() -> None: ...


app.route("orders")(odd)


class Words:
    def translate(self, message: str) -> dict[str, int]:
        return {"content": len(message.split())}


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder, and forget what was put on the import path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "broken.py").write_text("nowhere\n")


def run(*arguments: str, stdin: str | bytes | None = None) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli_module.cli, arguments, input=stdin, prog_name="loafer")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("", "LOAFER_DEFAULT_ROUTE_SOURCE (set nowhere): no source; set it to a queue's name, URL or ARN, or give"),
        ("--source 'no queue'", "LOAFER_DEFAULT_ROUTE_SOURCE='no queue' (option --source): 'no queue' is not a queue"),
        ("--source q --handler no.such", "LOAFER_DEFAULT_ROUTE_HANDLER='no.such' (option --handler): there is no"),
        ("--source q --handler test_cli.nope", "there is no 'nope' in test_cli"),
        (
            "--source q --handler test_cli.number",
            "it is an instance of int, which cannot be called; name a function, a coroutine function, or",
        ),
        (
            "--source q --handler test_cli.nothing",
            "it takes no argument, being nothing() -> None; a handler takes the content",
        ),
        ("--source q --handler broken.handler", "importing broken raised NameError"),
        (
            "--source q --translator test_cli.nope",
            "LOAFER_DEFAULT_MESSAGE_TRANSLATOR_CLASS='test_cli.nope' (option --transl",
        ),
        (
            "--source q --consumer test_cli.Consumer",
            "LOAFER_DEFAULT_CONSUMER_CLASS='test_cli.Consumer' (option --consumer): ",
        ),
        ("--source q --max-jobs 0", "LOAFER_MAX_JOBS='0' (option --max-jobs): too small; give 1 or more"),
        ("--source q --max-jobs ten", "LOAFER_MAX_JOBS='ten' (option --max-jobs): not a whole number; give 1 or more"),
        ("--source q --consumer-opts '[1]'", "LOAFER_DEFAULT_CONSUMER_OPTIONS='[1]' (option --consumer-opts): not a m"),
        ("--source q --consumer-opts '{WaitTimeSeconds:20}'", "its keys want quotes; give {'WaitTimeSeconds':20}"),
        (
            "--source memory://q --consumer-opts '{\"x\": 1}'",
            "consumer option x: unknown; the nearest known one is MaxNumberOfMessages",
        ),
        (
            "--source q --handler test_cli.py",
            "it is the name of a file; give the module's, and what is in it: test_cli:NA",
        ),
        ("--source q --consumer-opts '{\"WaitTimeSeconds\": 21}'", "21 is not a whole number from 0 to 20"),
        ("run test_cli:app --status nowhere", "LOAFER_STATUS='nowhere' (option --status): "),
        ("--status 127.0.0.1:9102 run test_cli:app --status nowhere", "LOAFER_STATUS='nowhere' (option --status): "),
    ],
)
def test_a_mistake_is_told_in_a_line_and_nothing_starts(arguments: str, complaint: str) -> None:
    done = run(*shlex.split(arguments))
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("loafer: LOAFER_")
    assert complaint in line


@pytest.mark.parametrize(
    ("arguments", "processes", "several"),
    [("--source q", "2", True), ("run a:app", "2", True), ("run a:app", "1", False), ("routes a:app", "2", False)],
)
def test_the_log_names_processes_where_there_are_several(
    arguments: str, processes: str, several: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def set_up(*_: object, several: bool, **__: object) -> None:
        asked.append(several)
        raise ConfigurationError("enough is known")

    monkeypatch.setattr(logs_module, "set_up_logs", set_up)
    monkeypatch.setenv("LOAFER_PROCESSES", processes)
    assert run(*shlex.split(arguments)).exit_code == 2
    assert asked == [several]


def test_the_help_shows_every_option() -> None:
    shown = run("--help").stdout
    assert [s.option for s in SETTINGS if s.option and s.option not in shown] == []


@pytest.mark.parametrize("command", ["publish_sqs", "publish-sqs", "publish_sns", "publish-sns", "demo", "replay"])
def test_each_command_has_help(command: str) -> None:
    assert run(command, "-h").stdout.startswith(f"Usage: loafer {command} [OPTIONS]")


def test_only_the_documented_spelling_is_listed() -> None:
    shown = run("--help").stdout
    assert "publish_sqs" in shown
    assert "publish-sqs" not in shown


def test_routes_are_shown_without_what_none_of_them_says() -> None:
    head, row = run("routes", "test_cli:app").stdout.splitlines()
    assert head.split() == ["route", "source", "handler", "line"]
    assert row.split()[:3] == ["orders", "orders", "odd"]


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == f"loafer {__version__}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    done = run("publish_sqss")
    assert done.exit_code == 2
    assert "publish_sqss" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("run shop:app --max-jobs 5", "--max-jobs stands before the command: loafer --max-jobs … run …"),
        ("run shop:app --handler x", "--handler stands before the command: loafer --handler … run …"),
        ("run shop:app --onyl x", "No such option '--onyl'"),
    ],
)
def test_an_option_of_loafer_itself_behind_run_is_told_to_stand_before_it(arguments: str, complaint: str) -> None:
    done = click.testing.CliRunner().invoke(cli_module.cli, shlex.split(arguments), prog_name="loafer")
    assert done.exit_code == 2
    assert f"Error: {complaint}" in done.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_help_imports_nothing_that_is_slow(option: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "loafer", option]
    imported = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert " click\n" in imported
    slow = {"aiobotocore", "botocore", "aiohttp", "asyncio", "dependency_injector", "logging", "pathlib", "traceback"}
    slow |= {"json", "loafer.domain.message", "rich"}
    assert {line.rpartition("|")[2].strip() for line in imported.splitlines()} & slow == set()


def test_a_replay_prints_a_line_per_message_and_a_summary() -> None:
    done = run("replay", "-", "--handler", "test_cli.odd", stdin="1\n3\n")
    assert (done.exit_code, done.stderr) == (0, "")
    *lines, summary = done.stdout.splitlines()
    assert sorted(lines) == ["line 1  succeeded", "line 2  succeeded"]
    assert summary == "2 messages: 2 succeeded; 2 would be acknowledged, 0 kept"


def test_what_an_encoding_does_not_have_is_escaped() -> None:
    command = [sys.executable, "-m", "loafer", "replay", "-", "--handler", "test_cli.odd"]
    done = subprocess.run(
        command,
        input=json.dumps({"Messages": [{"MessageId": "caf\u00e9\u2026", "Body": "1"}]}).encode(),
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        check=True,
    )
    assert done.stdout.splitlines()[0] == b"caf\xe9\\u2026  succeeded"


def test_a_replay_fails_if_a_message_would_be_kept() -> None:
    done = run("replay", "-", "--handler", "test_cli.odd", stdin='1\n2\n"x"\nnull\n')
    assert done.exit_code == 1
    *lines, summary = done.stdout.splitlines()
    assert sorted(lines) == [
        "line 1  succeeded",
        "line 2  ignored  IgnoreMessage: even numbers are for others",
        "line 3  failed  TypeError: not all arguments converted during string formatting",
        "line 4  untranslated  InvalidTranslation: the translator returned content None",
    ]
    assert summary.startswith("4 messages: ")
    assert summary.endswith("; 1 would be acknowledged, 3 kept")


@pytest.mark.parametrize(
    ("document", "message_id"),
    [
        ({"Messages": [{"MessageId": "an-id", "Body": "three small words"}]}, "an-id"),
        ({"Records": [{"messageId": "an-id", "body": "three small words", "eventSource": "aws:sqs"}]}, "an-id"),
    ],
    ids=["receive-message", "lambda"],
)
def test_a_replay_reads_files_of_other_tools(tmp_path: Path, document: object, message_id: str) -> None:
    file = tmp_path / "messages.json"
    file.write_text(json.dumps(document, indent=2))
    done = run("replay", str(file), "--handler", "test_cli.odd", "--translator", "test_cli.Words")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, f"{message_id}  {Outcome.SUCCEEDED.value}")


async def quotes(message: str) -> None:
    raise ValueError(message)


def test_a_replay_shows_one_line_a_message_whatever_its_id_and_its_error_say() -> None:
    messages = [{"MessageId": "1\x1b[2J\n2  succeeded", "Body": '"\\u001b]0;pwned\\u0007\\u2028x"'}] * 2
    done = run("replay", "-", "--handler", "test_cli.quotes", stdin=json.dumps({"Messages": messages}))
    first, second, summary = done.stdout.split("\n")[:-1]
    shown = "  failed  ValueError: \\x1b]0;pwned\\x07 x"
    assert [first, second] == [f"1\\x1b[2J\\n2  succeeded{again}{shown}" for again in ("", " (2)")]
    assert summary.startswith("2 messages: 2 failed;")


def test_a_replay_of_no_known_format_is_a_mistake_with_its_line() -> None:
    done = run("replay", "-", "--handler", "test_cli.odd", stdin="1\ntwo\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("loafer: <stdin> (replay file): line 2: not JSON; ")


def test_a_replay_tells_the_mistakes_of_options_too() -> None:
    done = run("replay", "-", "--handler", "test_cli.nope", "--translator", "test_cli.nope", stdin="")
    assert done.exit_code == 2
    assert [line.split("(")[1].split(")")[0] for line in done.stderr.splitlines()] == [
        "replay file",
        "option --handler",
        "option --translator",
    ]


def test_without_a_traceback_wish_there_is_none() -> None:
    assert "Traceback" not in run("--max-jobs", "0").stderr
    assert "Traceback" in run("-vv", "--max-jobs", "0").stderr


@pytest.mark.parametrize("where", [("-vv", "replay"), ("replay", "-vv"), ("-v", "replay", "--verbose")])
def test_more_is_logged_wherever_that_is_asked_for(where: tuple[str, ...]) -> None:
    done = run(*where, "--handler", "test_cli.nope", "-", stdin="1")
    assert (done.exit_code, "Traceback" in done.stderr) == (2, True)


@pytest.mark.usefixtures("own_signals")
def test_an_error_that_nobody_expects_is_shown_and_the_status_is_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd(BaseException): ...

    def raises(**_: object) -> None:
        raise Odd("so odd")

    monkeypatch.setattr(cli_module, "cli", raises)
    with pytest.raises(SystemExit) as caught:
        cli_module.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err.endswith("Odd: so odd\n")


def test_an_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "loafer", "guide"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (
        1,
        "loafer: what is printed cannot be written: No space left on device\n",
    )
