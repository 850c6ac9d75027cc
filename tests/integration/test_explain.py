"""Why messages were delivered again, told by the files of workers that ran, and died, on this machine."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from strict.hiring import QUICK, hire, noted_of
from strict.strict_control import StrictEndpoint
from workers import LOAFER, wait_until


def explained(folder: Path, message: str) -> dict[str, Any]:
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(folder)}
    told = subprocess.run(
        [LOAFER, "explain", message, "--json"], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    found: list[dict[str, Any]] = json.loads(told.stdout)["messages"]
    return found[0] if found else {}


@pytest.mark.slow
def test_a_worker_that_is_killed_is_the_reason_why_the_next_one_gets_its_message(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=10)
    strict.fill(queue, [{"n": 1, "seconds": 12}])
    [sent] = strict.history(queue, "sent")
    with hire(tmp_path, "first", queue, "takes_as_long_as_told", QUICK, XDG_RUNTIME_DIR=str(tmp_path)) as worker:
        wait_until(lambda: any((tmp_path / "loafer").glob("[!.]*.held")))  # the others are not complete
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
    with hire(tmp_path, "second", queue, "takes_as_long_as_told", QUICK, XDG_RUNTIME_DIR=str(tmp_path)) as worker:
        wait_until(lambda: strict.left(queue) == 0, 60)
        assert worker.stop() == 0
    assert len(noted_of(tmp_path)) >= 1
    message = explained(tmp_path, sent.id)
    assert [reason["cause"] for reason in message["reasons"]] == ["crashed"]
    assert [(note["kind"], note["word"]) for note in message["notes"]] == [
        ("held", ""),
        ("comes back", "elsewhere"),
        ("ran", "succeeded"),
    ]


@pytest.mark.slow
def test_a_worker_that_is_stopped_says_so_and_what_was_done_at_once_is_not_noted(
    strict: StrictEndpoint, tmp_path: Path
) -> None:
    queue = strict.create("orders", VisibilityTimeout=30)
    strict.fill(queue, [{"n": 1, "seconds": 60}, {"n": 2, "seconds": 0}])
    long, short = strict.history(queue, "sent")
    options = ("--consumer-opts", '{"WaitTimeSeconds": 1}', "--grace-period", "0")
    with hire(tmp_path, "first", queue, "takes_as_long_as_told", options, XDG_RUNTIME_DIR=str(tmp_path)) as worker:
        wait_until(lambda: len(noted_of(tmp_path)) == 2, 60)
        assert worker.stop() == 0
    assert [reason["cause"] for reason in explained(tmp_path, long.id)["reasons"]] == ["stop"]
    assert explained(tmp_path, short.id) == {}
    assert list((tmp_path / "loafer").glob("*.held")) == []
