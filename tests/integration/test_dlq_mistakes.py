"""What goes wrong with `loafer dlq`, on an endpoint that is as strict as SQS, and what is told of it."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from dlq_letters import Dlq, bodies, dead_letters, full_disk, untouched
from strict.strict_control import StrictEndpoint


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("stats", "nope"), 1, "queue 'nope' does not exist"),
        (("stats", "a b"), 2, "'a b' is not a queue name"),
        (("stats", "memory://x"), 2, "a queue in memory ends with its process"),
        (("redrive", "orders-dead", "--to", "nope", "--yes"), 1, "queue 'nope' does not exist"),
        (("redrive", "orders-dead", "--to", "orders-dead", "--yes"), 2, "is the destination too"),
        (("redrive", "orders-dead", "--to", "mails.fifo", "--yes"), 2, "is a standard queue and mails.fifo is a FIFO"),
        (("redrive", "orders", "--yes"), 2, "give the destination with --to"),
        (("redrive", "orders-dead", "--where", "eror == 1"), 2, "did you mean error?"),
        (("redrive", "orders-dead", "--where", "tried.ok"), 2, "nothing of orders-dead was tried"),
        (("redrive", "orders-dead", "--resume", "nope.journal"), 1, "nope.journal: No such file"),
        (("show", "orders-dead", "zzz"), 1, "no message of orders-dead begins with 'zzz'"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    strict: StrictEndpoint, dlq: Dlq, arguments: tuple[str, ...], status: int, said: str
) -> None:
    queue, dead = dead_letters(strict, 3)
    strict.create("mails.fifo")
    result = dlq(*arguments)
    assert (result.exit_code, said in result.stderr) == (status, True), result.output
    assert "Traceback" not in result.output
    assert (bodies(strict, queue), untouched(strict, dead, 3)) == ([], True)


@pytest.mark.parametrize("command", [("stats",), ("redrive", "--yes"), ("purge", "--yes")])
def test_a_queue_that_cannot_be_reached_is_told_in_a_line(
    strict: StrictEndpoint, dlq: Dlq, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dead = dead_letters(strict, 3)
    monkeypatch.setattr("loafer.entrypoints.commands.dlq.looking.AGAIN", 1)
    strict.faults({"ReceiveMessage": {"uncoded": "other"}})
    result = dlq(command[0], dead, *command[1:])
    assert (result.exit_code, result.output.count("queue 'orders-dead' answers without an error code")) == (1, 1)
    strict.faults({"GetQueueAttributes": {"throttled": 1.0}})
    result = dlq(command[0], dead, *command[1:])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "queue 'orders-dead' does not answer for now" in result.stderr
    strict.faults({})
    assert untouched(strict, dead, 3)


def test_a_journal_of_another_queue_is_refused(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    _, dead = dead_letters(strict, 3)
    dlq("redrive", dead, "--yes")
    [journal] = tmp_path.glob("*.journal")
    result = dlq("redrive", "orders", "--resume", journal.name)
    assert (result.exit_code, "it is a journal of" in result.stderr) == (2, True)


def test_a_destination_that_denies_stops_it_before_anything_is_deleted(strict: StrictEndpoint, dlq: Dlq) -> None:
    _, dead = dead_letters(strict, 3)
    strict.faults({"SendMessage": {"denied": True}})
    result = dlq("redrive", dead, "--yes")
    assert (result.exit_code, "stopped: queue 'orders': access denied" in result.stdout) == (1, True)
    assert untouched(strict, dead, 3)


def test_a_message_that_the_destination_does_not_take_stays_and_the_others_go(strict: StrictEndpoint, dlq: Dlq) -> None:
    _, dead = dead_letters(strict, 3)
    strict.create("small", MaximumMessageSize=1024)
    strict.fill(dead, [{"n": 3, "text": "x" * 2000}])
    result = dlq("redrive", dead, "--to", "small", "--yes")
    assert (result.exit_code, "sent 3   deleted 3   1 REFUSED" in result.stdout) == (3, True)
    assert "refused: queue 'small': the request was refused" in result.stdout
    assert untouched(strict, dead, 1)


def test_a_full_disk_stops_it_before_anything_is_sent(
    strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, dead = dead_letters(strict, 3)
    monkeypatch.setattr("loafer.entrypoints.commands.dlq.journal.FileJournal.sending", full_disk)
    result = dlq("redrive", dead, "--yes")
    assert (result.exit_code, bodies(strict, queue)) == (1, [])
    assert "cannot be written (No space left on device): nothing more was sent or deleted" in result.stdout
    assert untouched(strict, dead, 3)


def test_what_comes_back_at_once_stops_it(strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loafer.application.letters.moving.LOOK", 0.2)
    _, dead = dead_letters(strict, 30)
    strict.create("loop")
    ended = threading.Event()

    def bring_back() -> None:
        while not ended.wait(0.01):
            for name in [event.id for event in strict.history("loop", "sent")][:1]:
                strict.call(
                    "SendMessage", QueueUrl=f"{strict.url}/0/{dead}", MessageBody=json.dumps({"n": 99, "of": name})
                )

    thread = threading.Thread(target=bring_back)
    thread.start()
    try:
        result = dlq("redrive", dead, "--to", "loop", "--yes", "--rate", "20")
    finally:
        ended.set()
        thread.join()
    assert (result.exit_code, "stopped: the queue grows" in result.stdout) == (3, True)


def test_ctrl_c_gives_everything_back(strict: StrictEndpoint, dlq: Dlq) -> None:
    _, dead = dead_letters(strict)

    def interrupt() -> None:
        while not strict.history(dead, "received"):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    result = dlq("redrive", dead, "--yes", "--rate", "2")
    thread.join()
    assert (result.exit_code, "stopped: it was stopped" in result.stdout) == (3, True)
    counts = strict.counts(dead)
    assert (counts["in_flight"], counts["visible"] > 10) == (0, True)
