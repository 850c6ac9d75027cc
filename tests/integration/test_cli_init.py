"""A first project runs at once, as what `loafer init` prints says."""

import re
import shlex
import urllib.request
from pathlib import Path

import pytest
from command import Shell

pytestmark = pytest.mark.slow


def test_a_first_project_runs_at_once(tmp_path: Path, on_ministack: str, aws_environ: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        aws_environ.delenv(name)  # what is written says them; the endpoint alone is on another port here
    shell = Shell(tmp_path)
    said = shell.run("loafer init", seconds=60).stdout
    [create] = re.findall(r"curl '([^']+)'", said)
    [send] = re.findall(r"loafer (publish_sqs .+)", said)
    with urllib.request.urlopen(create.replace("http://localhost:4566", on_ministack)) as answer:
        assert answer.status == 200
    with shell.running("loafer run app:app", says="") as worker:
        worker.prints("route 'greetings'", 60)
        assert shell.run(f"loafer {shlex.join(shlex.split(send))}", seconds=60).returncode == 0
        worker.prints("hello Ada", 60)
        assert worker.stop() == 0
