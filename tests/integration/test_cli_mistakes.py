"""Wrong settings and sources that refuse: the exit status, and a line for each thing that is wrong."""

import socket
from pathlib import Path

import pytest
from command import Shell
from endpoints import FastSQS, create_queue, free_port, unique


@pytest.fixture
def shell(tmp_path: Path, aws_environ: pytest.MonkeyPatch) -> Shell:
    aws_environ.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    return Shell(tmp_path)


def test_all_mistakes_are_told_at_once(shell: Shell) -> None:
    shell.write(".env", "LOAFER_MAX_JOBS=0\n")
    shell.write("worker.cfg", "[loafer]\ngrace_period = soon\n")
    done = shell.run("LOAFER_MAX_THREAD_POOL=ten loafer --handler no.such")
    assert done.returncode == 2
    origins = [
        "(set nowhere)",
        "(.env line 1)",
        "(environment variable)",
        "(worker.cfg [loafer])",
        "(option --handler)",
    ]
    lines = done.stderr.splitlines()
    assert [origin for origin in origins if sum(origin in line for line in lines) == 1] == origins
    assert len(lines) == len(origins)


def test_an_unknown_key_is_a_warning_with_the_nearest_key(shell: Shell) -> None:
    done = shell.run("LOAFER_MAX_JOB=3 loafer publish_sqs --queue 'no queue' --msg 1")
    assert "LOAFER_MAX_JOB (environment variable) is no setting; did you mean LOAFER_MAX_JOBS?" in done.stderr


def fails(shell: Shell, command: str, *complaints: str) -> None:
    """Expect exit status 1, though nobody asks it to stop, and one line that says all this."""
    done = shell.run(command, seconds=60)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("loafer: ")
    assert all(complaint in line for complaint in complaints), line


@pytest.mark.parametrize("transport", ["lean", "aiobotocore"])
def test_no_secret_of_a_source_is_shown(shell: Shell, transport: str) -> None:
    source = "http://me:TOPSECRET@127.0.0.1:1/1/orders?token=TOPSECRET"
    with shell.running(f"export LOAFER_SQS_TRANSPORT={transport}\nloafer -vv --source '{source}'") as worker:
        worker.prints("trouble with source 'http://127.0.0.1:1/1/orders'")
        assert worker.stop() == 0
    assert "TOPSECRET" not in worker.printed


COMMANDS = ["loafer --source orders", "loafer publish_sqs --queue orders --msg 1"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_credentials_are_an_error(shell: Shell, aws_environ: pytest.MonkeyPatch, command: str) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws_environ.delenv(name)
    fails(shell, command, "queue 'orders'", "no complete AWS credentials found")


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_no_credentials_are_an_error_where_the_metadata_service_hangs(
    shell: Shell, aws_environ: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        aws_environ.delenv(name)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        aws_environ.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        fails(shell, command, "queue 'orders'", "no complete AWS credentials found")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_region_is_an_error(shell: Shell, aws_environ: pytest.MonkeyPatch, command: str) -> None:
    aws_environ.delenv("AWS_DEFAULT_REGION")
    fails(shell, command, "queue 'orders'", "no AWS region: set AWS_DEFAULT_REGION")


@pytest.mark.parametrize("command", COMMANDS)
async def test_denied_access_is_an_error(shell: Shell, fast_sqs: FastSQS, command: str) -> None:
    await fast_sqs.chaos(denied=1)
    fails(shell, command, "queue 'orders'", "denied")


def test_a_queue_that_does_not_exist_is_an_error(shell: Shell, on_ministack: str) -> None:
    fails(shell, "loafer --source no-such-queue", "queue 'no-such-queue' does not exist in region eu-west-1")


def test_an_endpoint_that_is_not_there_is_an_error_for_a_publisher(shell: Shell) -> None:
    fails(shell, "loafer publish_sqs --queue orders --msg 1", "queue 'orders'")


def test_an_error_comes_with_a_traceback_when_everything_is_logged(shell: Shell) -> None:
    done = shell.run("loafer -vv --source q --max-jobs 0")
    assert "Traceback (most recent call last)" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("loafer: LOAFER_MAX_JOBS='0'")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [(b"", "line 1: empty"), (b"1\n2\nthree\n", "line 3: not JSON"), (b"\xff", "utf-8")],
)
def test_a_replay_file_of_no_known_format_is_told_in_a_line(shell: Shell, text: bytes, complaint: str) -> None:
    done = shell.run("loafer replay -", text)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert complaint in line


async def test_a_usage_mistake_sends_nothing(shell: Shell, on_ministack: str) -> None:
    queue = unique("orders")
    await create_queue(queue)
    for mistake in ("--delay 901", "--delay soon", "--attribute kind", "--attribute a=1 --attribute a=2"):
        done = shell.run(f"loafer publish_sqs --queue {queue} --msg 1 {mistake}")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.splitlines()[-1].startswith("Error: Invalid value for ")
