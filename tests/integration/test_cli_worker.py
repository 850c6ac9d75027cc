"""The worker on a real queue: banner, signals, what its handlers do to it."""

import json
import signal
from pathlib import Path

import pytest
from command import Shell
from endpoints import client, create_queue, queue_counts, send, unique

from loafer import __version__


@pytest.fixture
def shell(tmp_path: Path, on_ministack: str) -> Shell:
    return Shell(tmp_path)


async def test_the_banner_says_what_runs(shell: Shell) -> None:
    url = await create_queue(unique("orders"))
    with shell.running(f"loafer --source {url} --max-jobs 3 --consumer-opts '{{\"WaitTimeSeconds\": 1}}'") as worker:
        assert worker.stop() == 0
        assert worker.printed.splitlines() == [
            f"loafer {__version__}",
            "max jobs: 3",
            "route 'default':",
            f"  source:     {url}",
            "  handler:    loafer.example.jobs.async_example_job",
            "  translator: loafer.aws.message_translator.SQSMessageTranslator",
            "  consumer:   loafer.aws.consumer.Consumer",
            "  options:    {'WaitTimeSeconds': 1}",
        ]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_cleanly_as_soon_as_the_banner_is_there(shell: Shell, number: int) -> None:
    queue = unique("orders")
    await create_queue(queue)
    with shell.running(f"loafer --source {queue}") as worker:
        assert worker.stop(number) == 0
        assert "Traceback" not in worker.printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_while_it_starts(shell: Shell, number: int) -> None:
    shell.write("shop.py", "import time\n\nprint('importing', flush=True)\nfor _ in range(600):\n    time.sleep(0.1)\n")
    with shell.running("loafer run shop:app", says="importing") as worker:
        assert worker.stop(number) == 0
        assert worker.printed == "importing\n"


async def test_a_stop_waits_for_the_running_handler(shell: Shell) -> None:
    url = await create_queue(unique("orders"))
    await send(url, "1")
    shell.write(
        "jobs.py",
        """
import asyncio

async def slow(message):
    print("begun", flush=True)
    await asyncio.sleep(1)
    print("done", flush=True)
""",
    )
    with shell.running(f"python -m loafer --source {url} --handler jobs.slow") as worker:
        worker.prints("begun")
        assert worker.stop() == 0
        assert "done" in worker.printed
    assert await queue_counts(url) == (0, 0)


async def test_a_function_handles_messages_and_ignores_and_rejects(shell: Shell) -> None:
    url = await create_queue(unique("orders"))
    for word in ("return", "reject", "ignore"):
        await send(url, f'"{word}"')
    shell.write(
        "jobs.py",
        """
from loafer.exceptions import IgnoreMessage, RejectMessage

def handler(message):
    print(f"got {message}\\n", end="", flush=True)  # written in one go, for there are three threads
    if message != "return":
        raise {"reject": RejectMessage, "ignore": IgnoreMessage}[message]
""",
    )
    with shell.running(f"loafer --source {url} --handler jobs.handler") as worker:
        for word in ("return", "reject", "ignore"):
            worker.prints(f"got {word}")
        assert worker.stop() == 0
        [warning] = [line for line in worker.printed.splitlines() if "WARNING" in line]
        assert warning.endswith("is deleted: rejected by its handler, without a reason")
    assert sum(await queue_counts(url)) == 1


async def test_a_handler_that_raises_system_exit_stops_the_worker_and_keeps_its_message(shell: Shell) -> None:
    url = await create_queue(unique("orders"))
    await send(url, "1")
    shell.write("jobs.py", "def leave(message):\n    raise SystemExit(3)\n")
    with shell.running(f"loafer --source {url} --handler jobs.leave") as worker:
        assert worker.process.wait(60) == 3
        assert "Traceback" not in worker.printed
    assert sum(await queue_counts(url)) == 1


async def test_everything_is_logged_but_credentials(shell: Shell, aws_environ: pytest.MonkeyPatch) -> None:
    url = await create_queue(unique("orders"))
    for body in ("1", "null"):
        await send(url, body)
    aws_environ.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    with shell.running(f"loafer -vv --source {url}") as worker:
        worker.prints("message received by async_example_job: 1")
        worker.prints("loafer.application.report - DEBUG - ")
        assert worker.stop() == 0
        assert "do-not-tell" not in worker.printed
        assert "Signature=" not in worker.printed


async def test_a_log_in_json_is_an_object_a_line_from_the_banner_to_the_last_error(shell: Shell) -> None:
    url = await create_queue(unique("orders"))
    ids = {body: await send(url, f'"{body}"') for body in ("good", "bad")}
    shell.write(
        "jobs.py",
        """
import logging

def handler(message):
    logging.warning("got %s", message)
    if message == "bad":
        raise KeyError
""",
    )
    with shell.running(f"export LOAFER_LOG_FORMAT=json\nloafer -v --source {url} --handler jobs.handler") as worker:
        worker.prints("KeyError")
        async with client("sqs") as sqs:
            await sqs.delete_queue(QueueUrl=url)
        assert worker.process.wait(60) == 1
    lines = [json.loads(line) for line in worker.printed.splitlines()]
    about = {line["message"]: line.get("messaging.message.id") for line in lines}
    assert (about["got good"], about["got bad"]) == (ids["good"], ids["bad"])
    [error] = [line for line in lines if line.get("error.type")]
    assert (error["error.type"], error["messaging.message.id"], error["loafer.attempt"]) == ("KeyError", ids["bad"], 1)
    assert lines[-1]["message"].startswith("loafer: ")


def test_the_version_is_printed(shell: Shell) -> None:
    assert shell.run("loafer --version").stdout == f"loafer {__version__}\n"


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_the_help_names_every_command(shell: Shell, option: str) -> None:
    done = shell.run(f"loafer {option}")
    assert done.returncode == 0
    for command in ("demo", "publish_sns", "publish_sqs", "replay"):
        assert f"\n  {command} " in done.stdout


def test_the_demo_needs_neither_network_nor_settings(shell: Shell) -> None:
    done = shell.run("env -i PATH=$PATH HTTPS_PROXY=http://127.0.0.1:1 loafer demo --messages 12")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("12 messages in ")
