"""A redrive that is killed at random moments, on an endpoint with faults, and gone on with until all is done."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from command import Shell
from strict.strict_control import StrictEndpoint

MESSAGES, KILLS = 300, 20
FAULTS = {
    "SendMessage": {"lost": 0.05, "throttled": 0.1, "after": 0.02},
    "DeleteMessageBatch": {"lost": 0.1, "throttled": 0.1, "failed": 0.2, "after": 0.02},
    "ReceiveMessage": {"lost": 0.02},
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def shell(tmp_path: Path, aws_environ: pytest.MonkeyPatch) -> Shell:
    aws_environ.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Shell(tmp_path)


def run_and_kill(shell: Shell, command: str, dice: random.Random) -> int:
    """Run a command, kill it some time after it has begun to write its journal, and return its status."""
    before, deadline = size_of(shell.folder), time.monotonic() + 60
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=shell.folder, env=shell.environ(), stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None and size_of(shell.folder) == before and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(dice.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        return process.wait()


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.journal"))


def told_of(journal: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal; a last one that was not written to its end is none."""
    return [json.loads(line) for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]


def never_answered(journal: Path) -> set[str]:
    """Return the ids of those that were sent, and of which nobody heard what came of it, at any time."""
    doubtful, pending = set[str](), set[str]()
    for line in told_of(journal):
        if line["loafer"] == "sending":
            name = line["message"]["MessageId"]
            doubtful |= pending & {name}
            pending.add(name)
        elif line["loafer"] == "unsure":
            doubtful.add(line["id"])
        elif line["loafer"] in ("sent", "refused"):
            pending.discard(line["id"])
    return doubtful | pending


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_nothing_is_lost_and_nothing_doubled_but_what_the_journal_says(
    suffix: str, strict: StrictEndpoint, shell: Shell
) -> None:
    dice = random.Random(14)
    queue, dead = strict.create_redriven(f"orders{suffix}", 3)
    groups = {number: f"g{number % 7}" for number in range(MESSAGES)}
    strict.fill(dead, [{"n": number} for number in groups], list(groups.values()) if suffix else None)
    ids = {event.id: event.detail for event in strict.history(dead, "sent")}
    strict.faults(FAULTS, seed=14)
    kills, resend = 0, ""
    command = f"loafer dlq redrive {dead} --yes"
    while kills < KILLS and strict.left(dead):
        kills += run_and_kill(shell, command, dice) == -signal.SIGKILL
        strict.show(dead)
        journals = list(shell.folder.glob("*.journal"))
        if journals:
            resend = "" if suffix else " --resend-unsure"
            command = f"loafer dlq redrive {dead} --resume {journals[0].name}{resend}"
    assert kills == KILLS, "it was faster than it was killed"
    for _ in range(20):
        done = shell.run(command, seconds=120)
        strict.show(dead)
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    assert strict.counts(dead) == {"visible": 0, "in_flight": 0, "delayed": 0}
    there = [event.detail for event in strict.history(queue, "sent")]
    assert set(there) == set(ids.values()), "something is lost"
    [journal] = shell.folder.glob("*.journal")
    doubled = {body for body, count in Counter(there).items() if count > 1}
    assert doubled <= {ids[name] for name in never_answered(journal)}
    sent = {line["id"]: line["copy"] for line in told_of(journal) if line["loafer"] == "sent"}
    assert set(sent) == set(ids), "the journal knows of all"
    assert set(sent.values()) <= {event.id for event in strict.history(queue, "sent")}
    assert {line["id"] for line in told_of(journal) if line["loafer"] == "deleted"} <= set(ids)
    if suffix:
        assert not doubled
        numbers = [json.loads(body)["n"] for body in there]
        for group in set(groups.values()):
            mine = [number for number in numbers if groups[number] == group]
            assert mine == sorted(mine), "the order of a group is lost"
