"""What goes wrong with `loafer dlq`, on an endpoint that is as strict as SQS, and what is told of it."""

import asyncio
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from dlq_letters import Dlq, bodies, dead_letters, full_disk, untouched
from strict.strict_control import StrictEndpoint

from loafer.entrypoints.commands.dlq.looking import Stop, run_until_stopped


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
        (("redrive", "orders-dead", "--rate", "nan", "--yes"), 2, "nan is no number"),
        (("redrive", "orders-dead", "--rate", "nan", "--native", "--yes"), 2, "nan is no number"),
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


def test_a_filter_that_never_ends_is_left_by_ctrl_c_twice_and_all_is_given_back() -> None:
    given_back, told = list[bool](), list[str]()
    senders: list[subprocess.Popen[bytes]] = []

    def press_again_and_again() -> None:
        press = f"kill -INT {os.getpid()}"
        command = f"sleep 0.7; {press}; sleep 0.7; {press}; while sleep 15; do {press}; done"
        senders.append(subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    async def work(_: Stop) -> None:
        press_again_and_again()
        try:
            re.match("(a+)+$", "a" * 40 + "!")  # it keeps the interpreter, too: no thread goes on
        finally:
            senders[0].kill()
            senders[0].wait()
            await asyncio.sleep(0)
            given_back.append(True)

    with pytest.raises(KeyboardInterrupt):
        run_until_stopped(work, told.append)
    assert given_back


def deny(strict: StrictEndpoint, *operations: str) -> None:
    strict.faults({operation: {"denied": True} for operation in operations})


def test_what_was_sent_and_may_not_be_deleted_is_told_by_its_ids_and_resumed(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path
) -> None:
    queue, dead = dead_letters(strict, 3)
    deny(strict, "DeleteMessageBatch")
    result = dlq("redrive", dead, "--yes")
    assert (result.exit_code, "sent 3   deleted 0   3 SENT, NOT DELETED (" in result.stdout) == (3, True)
    [journal] = tmp_path.glob("*.journal")
    strict.call("ReceiveMessage", QueueUrl=f"{strict.url}/0/{dead}", MaxNumberOfMessages=10, VisibilityTimeout=60)
    deny(strict)
    result = dlq("redrive", dead, "--resume", journal.name)
    assert (result.exit_code, "sent 0   deleted 0   3 NOT SEEN (" in result.stdout) == (3, True)
    assert "not seen: somebody hides them still" in result.stdout
    strict.show(dead)
    result = dlq("redrive", dead, "--resume", journal.name)
    assert (result.exit_code, "sent 0   deleted 3   (3 seen of ~3)\n") == (0, result.stdout)
    assert dlq("redrive", dead, "--resume", journal.name).exit_code == 0, "what is not on the queue is not waited for"
    assert (bodies(strict, queue), strict.left(dead)) == ([0, 1, 2], 0)


def test_what_a_destination_denied_is_not_unsure(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    queue, dead = dead_letters(strict, 3)
    deny(strict, "SendMessage")
    dlq("redrive", dead, "--yes")
    deny(strict)
    [journal] = tmp_path.glob("*.journal")
    assert dlq("redrive", dead, "--resume", journal.name).exit_code == 0
    assert bodies(strict, queue) == [0, 1, 2]


def test_a_disk_that_is_full_behind_a_send_leaves_it_unsure_and_says_so(
    strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    queue, dead = dead_letters(strict, 3)
    with monkeypatch.context() as patched:
        patched.setattr("loafer.entrypoints.commands.dlq.journal.FileJournal.came", full_disk)
        result = dlq("redrive", dead, "--yes")
    assert (result.exit_code, "sent 0   deleted 0   1 UNSURE (" in result.stdout) == (3, True)
    [journal] = tmp_path.glob("*.journal")
    result = dlq("redrive", dead, "--resume", journal.name, "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, len(told["unsure"]), told["complete"]) == (3, 1, False), "somebody has to decide"
    assert dlq("redrive", dead, "--resume", journal.name, "--skip-unsure").exit_code == 0
    assert (bodies(strict, queue), strict.left(dead)) == ([0, 1, 2], 1)


@pytest.mark.parametrize("command", [("stats",), ("redrive", "--where", "attempts > 4", "--yes"), ("purge",)])
def test_what_may_not_be_given_back_is_told_and_the_result_too(
    strict: StrictEndpoint, dlq: Dlq, command: tuple[str, ...]
) -> None:
    _, dead = dead_letters(strict, 3)
    deny(strict, "ChangeMessageVisibilityBatch")
    result = dlq(command[0], dead, *command[1:])
    left = 2 if command[0] == "redrive" else 3
    assert f"{left} messages could not be given back (queue 'orders-dead': access denied" in result.stderr
    assert "they stay hidden for up to 60 s" in result.stderr
    assert (result.exit_code, "3 seen of ~3" in result.stdout) == (0, True)


def test_a_look_that_moves_messages_on_is_said_before(strict: StrictEndpoint, dlq: Dlq) -> None:
    _, dead = dead_letters(strict, 1)
    strict.create("buried")
    policy = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:buried", "maxReceiveCount": 9}
    attributes = {"RedrivePolicy": json.dumps(policy)}
    strict.call("SetQueueAttributes", QueueUrl=f"{strict.url}/0/{dead}", Attributes=attributes)
    told = dlq("stats", dead).stderr
    assert "orders-dead has a dead-letter queue of its own" in told
    assert "moves on to buried" in told
