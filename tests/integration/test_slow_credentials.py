"""A program that gives credentials slowly, as single sign-on helpers do, while messages are held."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Shell
from strict.strict_control import StrictEndpoint

PROGRAM = """
import datetime, json, os, sys, time
with open("runs", "a") as runs:
    print(time.time(), file=runs)
time.sleep({takes})
if os.path.exists("broken"):
    sys.exit("no session")
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds={lasts})
keys = {{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": end.isoformat()}}
print(json.dumps(keys))
"""
pytestmark = pytest.mark.slow

HANDLER = """
import asyncio

async def handle(content, *_):
    await asyncio.sleep(9)
"""
WORKER = "export AWS_CONFIG_FILE=aws-config AWS_PROFILE=p\nloafer --source orders --handler slow.handle --max-jobs 10"


@pytest.fixture
def shell(tmp_path: Path, strict: StrictEndpoint, aws_environ: pytest.MonkeyPatch) -> Shell:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_environ.delenv(name)
    shell = Shell(tmp_path)
    shell.write("aws-config", f"[profile p]\ncredential_process = {sys.executable} program.py\n")
    shell.write("slow.py", HANDLER)
    return shell


def until(happened: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_refresh_slower_than_an_extension_may_take_costs_no_lease_and_runs_once_at_a_time(
    shell: Shell, strict: StrictEndpoint
) -> None:
    shell.write("program.py", PROGRAM.format(takes=1, lasts=8))
    strict.create("orders", VisibilityTimeout=3)
    strict.numbers("orders", 5)
    with shell.running(WORKER) as worker:
        began = time.time()
        until(lambda: not strict.left("orders"))
        seconds = time.time() - began
        assert worker.stop() == 0
    assert len(strict.history("orders", "received")) == 5, "a lease was lost"
    runs = [float(run) for run in shell.read("runs").split()]
    assert len(runs) <= 2 + seconds / 6, "each refresh is read once, for all threads"


def test_a_program_that_fails_while_a_worker_runs_is_told_in_one_line_and_waited_out(
    shell: Shell, strict: StrictEndpoint
) -> None:
    shell.write("program.py", PROGRAM.format(takes=0, lasts=12))
    strict.create("orders")
    with shell.running(WORKER) as worker:
        until(lambda: strict.calls("ReceiveMessage") > 0)
        shell.write("broken", "")
        worker.prints("the credentials could not be refreshed, and are used until they end: their source:")
        worker.prints("trouble with source 'orders', trying again until it works: queue 'orders': credential_process")
        (shell.folder / "broken").unlink()
        strict.numbers("orders", 1)
        until(lambda: not strict.left("orders"), 60)
        assert worker.stop() == 0
    assert "Traceback" not in worker.printed
