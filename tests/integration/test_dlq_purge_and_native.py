"""`loafer dlq purge`, and the redrive that SQS makes itself, on an endpoint that is as strict as SQS."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from dlq_letters import Dlq, bodies, dead_letters, full_disk, untouched
from strict.strict_control import StrictEndpoint


def test_what_is_purged_is_kept_in_a_file_before(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    queue, dead = dead_letters(strict)
    dry = dlq("purge", dead, "--where", 'error == "KeyError"')
    assert dry.stdout.startswith("dry run: would delete 12 from orders-dead   (25 seen of ~25)\n")
    assert untouched(strict, dead)
    result = dlq("purge", dead, "--where", 'error == "KeyError"', "--yes")
    [file] = (tmp_path / "state" / "loafer").glob("*.purged")
    assert (result.exit_code, result.stdout) == (
        0,
        f"deleted 12   (25 seen of ~25)\ntheir bodies are in {file}\n",
    )
    assert file.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()][1:]
    assert sorted(json.loads(line["Body"])["n"] for line in lines) == list(range(1, 25, 2))
    assert (untouched(strict, dead, 13), bodies(strict, queue)) == (True, [])
    assert dlq("purge", dead, "--where", 'error == "KeyError"', "--yes").exit_code == 0
    assert dlq("forget").stdout == f"removed {file}\n"


def test_what_cannot_be_kept_is_not_purged(strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch) -> None:
    _, dead = dead_letters(strict, 3)
    monkeypatch.setattr("loafer.entrypoints.commands.dlq.purge.line_of", full_disk)
    result = dlq("purge", dead, "--yes")
    assert (result.exit_code, "cannot be written (No space left on device)" in result.stdout) == (1, True)
    assert untouched(strict, dead, 3)


def test_a_disk_that_is_full_while_purged_keeps_whole_lines_and_says_what_was_deleted(
    strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _, dead = dead_letters(strict, 25)
    real, written = os.write, list[int]()

    def write(descriptor: int, data: bytes) -> int:
        written.append(len(data))
        if len(written) > 1:
            real(descriptor, data[:5])
            full_disk()
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    result = dlq("purge", dead, "--yes")
    monkeypatch.undo()
    [file] = (tmp_path / "state" / "loafer").glob("*.purged")
    assert (result.exit_code, "deleted 10   (" in result.stdout) == (3, True)
    assert f"stopped: {file} cannot be written (No space left on device)" in result.stdout
    assert len([json.loads(line) for line in file.read_text().splitlines()]) == 11
    assert untouched(strict, dead, 15)


def test_what_cannot_be_deleted_is_told(strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch) -> None:
    _, dead = dead_letters(strict, 3)
    monkeypatch.setattr("loafer.application.letters.purging.TRIES", 1)
    strict.faults({"DeleteMessageBatch": {"failed": 1.0}})
    result = dlq("purge", dead, "--yes", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["deleted"], len(told["left"]), told["complete"]) == (3, 0, 3, False)
    assert untouched(strict, dead, 3)


def test_sqs_moves_everything_itself_where_that_is_wanted(
    strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("loafer.entrypoints.commands.dlq.native.LOOK", 0.05)
    queue, dead = dead_letters(strict)
    dry = dlq("redrive", dead, "--native", "--rate", "50")
    assert dry.stdout.startswith("dry run: SQS would move ~25 to orders in about 0 s or more\n")
    assert untouched(strict, dead)
    result = dlq("redrive", dead, "--native", "--rate", "100", "--yes")
    assert (result.exit_code, result.stdout) == (0, "moved ~25 of ~25   completed\n")
    assert sorted(bodies(strict, queue)) == list(range(25))
    assert untouched(strict, dead, 0)
    assert not list(tmp_path.glob("*.journal"))
    assert strict.calls("ReceiveMessage") == 0


def test_ctrl_c_cancels_what_sqs_moves(strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loafer.entrypoints.commands.dlq.native.LOOK", 0.05)
    queue, dead = dead_letters(strict)

    def interrupt() -> None:
        while not strict.history(queue, "sent"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    result = dlq("redrive", dead, "--native", "--rate", "2", "--yes")
    thread.join()
    assert (result.exit_code, "cancelled" in result.stdout) == (3, True)
    assert strict.left(dead) + strict.left(queue) == 25


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("orders-dead", "--where", "age > 1"), 2, "--native moves everything, and has no journal"),
        (("orders-dead", "--rate", "0.5"), 2, "--rate 0.5 cannot be; give a whole number from 1 to 500"),
        (("orders", "--to", "orders-dead", "--yes"), 1, "must be configured as a Dead Letter Queue"),
    ],
)
def test_what_sqs_cannot_move_itself_is_told_in_a_line(
    strict: StrictEndpoint, dlq: Dlq, arguments: tuple[str, ...], status: int, said: str
) -> None:
    dead_letters(strict, 1)
    result = dlq("redrive", *arguments, "--native")
    assert (result.exit_code, said in result.stderr) == (status, True), result.output
