"""`loafer dlq` on an endpoint that is as strict as SQS: what it shows, moves, refuses, and leaves as it was."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import pytest
from strict.strict_control import StrictEndpoint

from loafer.entrypoints.cli import cli

Dlq = Callable[..., click.testing.Result]
REASON = {"error": "KeyError", "place": "shop.orders:charge:41", "fingerprint": "e7c1aaaa", "attempts": "5"}


@pytest.fixture
def dlq(tmp_path: Path, strict: StrictEndpoint, aws_environ: pytest.MonkeyPatch) -> Dlq:
    aws_environ.chdir(tmp_path)
    aws_environ.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    aws_environ.setattr("loafer.application.letters.browsing.WAIT", 0)  # this endpoint has one server alone

    def run(*arguments: str) -> click.testing.Result:
        result = click.testing.CliRunner().invoke(cli, ["dlq", *arguments])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def dead_letters(strict: StrictEndpoint, count: int = 25, suffix: str = "") -> tuple[str, str]:
    """Return a queue and its dead-letter queue, with the bodies {"n": 0} and on; every second one has a reason."""
    queue, dead = strict.create_redriven(f"orders{suffix}", 3)
    for number in range(count):
        more: dict[str, Any] = (
            {"MessageGroupId": f"g{number % 3}", "MessageDeduplicationId": str(number)} if suffix else {}
        )
        if number % 2:
            reason = {"DataType": "String", "StringValue": json.dumps(REASON)}
            more["MessageAttributes"] = {"loafer.reason": reason, "own": {"DataType": "String", "StringValue": "x"}}
        url = f"{strict.url}/000000000000/{dead}"
        strict.call("SendMessage", QueueUrl=url, MessageBody=json.dumps({"n": number}), **more)
    return queue, dead


def bodies(strict: StrictEndpoint, queue: str) -> list[int]:
    return [json.loads(event.detail)["n"] for event in strict.history(queue, "sent")]


def untouched(strict: StrictEndpoint, dead: str, count: int = 25) -> bool:
    return strict.counts(dead) == {"visible": count, "in_flight": 0, "delayed": 0}


def test_stats_show_what_is_there_by_kind_and_give_everything_back(strict: StrictEndpoint, dlq: Dlq) -> None:
    _, dead = dead_letters(strict)
    result = dlq("stats", dead)
    first, second, head, row, last = result.stdout.splitlines()
    assert first == "orders-dead   25 seen of ~25   from: orders"
    assert second.startswith("oldest ")
    assert "FIRST EXPIRES IN 3d 23h" in second
    assert head.split() == ["error", "place", "kind", "sent", "attempts"]
    assert row.split()[:4] == ["12", "KeyError", "shop.orders:charge:41", "e7c1"]
    assert last == "13  no reason recorded: `loafer dlq try orders-dead --app MODULE:APP` finds out"
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "received once more" in result.stderr
    assert untouched(strict, dead)


def test_what_was_seen_once_costs_no_receive_again(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    _, dead = dead_letters(strict)
    dlq("stats", dead)
    calls = strict.calls("ReceiveMessage")
    assert "25 seen of ~25, " in dlq("stats", dead, "--stored").stdout
    told = json.loads(dlq("stats", dead, "--stored", "--json").stdout)
    assert (told["seen"], told["of"], told["from"], told["complete"]) == (25, 25, ["orders"], True)
    assert [group["count"] for group in told["groups"]] == [12, 13]
    dumped = [json.loads(line) for line in dlq("dump", dead, "--stored").stdout.splitlines()]
    assert sorted(json.loads(line["Body"])["n"] for line in dumped) == list(range(25))
    shown = dlq("show", dead, dumped[1]["MessageId"][:12]).stdout
    assert "reason: KeyError at shop.orders:charge:41" in shown
    assert '  "n": 1' in shown
    assert strict.calls("ReceiveMessage") == calls
    [snapshot] = (tmp_path / "state" / "loafer").glob("*.snapshot")
    assert (snapshot.stat().st_mode & 0o777, snapshot.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert dlq("forget", dead).stdout == f"removed {snapshot}\n"
    assert dlq("stats", dead, "--stored").exit_code == 2


def test_a_dump_has_what_the_filter_wants_and_a_new_file_is_its_owners_alone(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path
) -> None:
    _, dead = dead_letters(strict)
    result = dlq("dump", dead, "--where", 'error == "KeyError" and body.n < 6', "--output", "x.jsonl")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "3 of 25 written" in result.stderr
    file = tmp_path / "x.jsonl"
    assert sorted(json.loads(json.loads(line)["Body"])["n"] for line in file.read_text().splitlines()) == [1, 3, 5]
    assert file.stat().st_mode & 0o777 == 0o600
    assert dlq("dump", dead, "--output", "x.jsonl").exit_code == 2
    assert untouched(strict, dead)


def test_without_yes_nothing_is_moved(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    queue, dead = dead_letters(strict)
    result = dlq("redrive", dead, "--where", "body.n < 10", "--rate", "2")
    assert result.stdout.startswith("dry run: would send 10 to orders in about 5 s   (25 seen of ~25)\n")
    assert (result.exit_code, bodies(strict, queue)) == (0, [])
    assert untouched(strict, dead)
    assert not list(tmp_path.glob("*.journal"))
    told = json.loads(dlq("redrive", dead, "--json").stdout)
    assert (told["dry_run"], told["wanted"], told["to"]) == (True, 25, "orders")


def test_what_is_wanted_is_moved_without_its_reason_and_the_rest_is_given_back(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path
) -> None:
    queue, dead = dead_letters(strict)
    result = dlq("redrive", dead, "--where", "body.n < 10", "--yes")
    assert (result.exit_code, result.stdout) == (0, "sent 10   deleted 10   (25 seen of ~25)\n")
    assert sorted(bodies(strict, queue)) == list(range(10))
    assert untouched(strict, dead, 15)
    answer = strict.call(
        "ReceiveMessage", QueueUrl=f"{strict.url}/0/{queue}", MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    attributes = [message.get("MessageAttributes", {}) for message in answer["Messages"]]
    assert sorted(map(list, attributes)) == [[]] * 5 + [["own"]] * 5
    [journal] = tmp_path.glob("orders-dead.*.journal")
    assert journal.stat().st_mode & 0o777 == 0o600
    kinds = [json.loads(line)["loafer"] for line in journal.read_text().splitlines()]
    assert (kinds.count("sending"), kinds.count("sent"), kinds.count("deleted")) == (10, 10, 10)


def test_on_a_fifo_queue_groups_are_moved_in_order_and_stop_where_the_filter_leaves_one(
    strict: StrictEndpoint, dlq: Dlq
) -> None:
    queue, dead = dead_letters(strict, 24, ".fifo")
    assert "seen 10 of ~24, the first of each group" in dlq("stats", dead).stdout
    assert dlq("redrive", dead, "--where", "body.n != 4", "--yes").exit_code == 0
    assert sorted(bodies(strict, queue)) == sorted([1, *range(0, 24, 3), *range(2, 24, 3)])
    assert dlq("redrive", dead, "--yes").exit_code == 0
    moved = bodies(strict, queue)
    assert [[n for n in moved if n % 3 == group] for group in range(3)] == [list(range(g, 24, 3)) for g in range(3)]
    assert untouched(strict, dead, 0)


def test_a_lost_answer_is_unsure_and_a_person_has_to_say(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    queue, dead = dead_letters(strict, 3)
    strict.faults({"SendMessage": {"lost": 1.0, "times": 1}})
    result = dlq("redrive", dead, "--yes")
    assert (result.exit_code, "1 UNSURE" in result.stdout) == (3, True)
    [journal] = tmp_path.glob("*.journal")
    assert f"go on with --resume {journal.name}" in result.stderr
    asked = dlq("redrive", dead, "--resume", journal.name)
    assert (asked.exit_code, "--resend-unsure" in asked.stderr) == (3, True)
    skipped = dlq("redrive", dead, "--resume", journal.name, "--skip-unsure")
    assert (skipped.exit_code, "1 left, for they may have been sent" in skipped.stdout) == (0, True)
    assert untouched(strict, dead, 1)
    resent = dlq("redrive", dead, "--resume", journal.name, "--resend-unsure")
    assert (resent.exit_code, untouched(strict, dead, 0)) == (0, True)
    assert len(bodies(strict, queue)) == 4


def test_on_a_fifo_queue_a_lost_answer_is_asked_for_again(strict: StrictEndpoint, dlq: Dlq) -> None:
    queue, dead = dead_letters(strict, 3, ".fifo")
    strict.faults({"SendMessage": {"lost": 1.0, "times": 2}})
    assert dlq("redrive", dead, "--yes").exit_code == 0
    assert sorted(bodies(strict, queue)) == [0, 1, 2]


def test_what_was_sent_and_not_deleted_is_only_deleted_afterwards(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, dead = dead_letters(strict, 3)
    monkeypatch.setattr("loafer.application.letters.moving.TRIES", 1)
    strict.faults({"DeleteMessageBatch": {"failed": 1.0}})
    result = dlq("redrive", dead, "--yes")
    assert (result.exit_code, "sent 3   deleted 0   3 SENT, NOT DELETED" in result.stdout) == (3, True)
    strict.faults({})
    assert untouched(strict, dead, 3)
    [journal] = tmp_path.glob("*.journal")
    again = dlq("redrive", dead, "--resume", journal.name)
    assert (again.exit_code, again.stdout) == (0, "sent 0   deleted 3   (3 seen of ~3)\n")
    assert sorted(bodies(strict, queue)) == [0, 1, 2]


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


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


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


def test_a_dump_can_be_replayed(strict: StrictEndpoint, dlq: Dlq, tmp_path: Path) -> None:
    _, dead = dead_letters(strict, 3)
    dlq("dump", dead, "--output", "x.jsonl")
    (tmp_path / "own_jobs.py").write_text("def handle(content):\n    if content['n'] == 1:\n        raise KeyError\n")
    command = ["replay", str(tmp_path / "x.jsonl"), "--handler", "own_jobs.handle", "--json"]
    result = click.testing.CliRunner().invoke(cli, command)
    told = json.loads(result.stdout)
    assert (result.exit_code, told["outcomes"]) == (1, {"succeeded": 2, "failed": 1})
    assert {message["error"] for message in told["messages"]} == {"", "KeyError:"}


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


def test_what_cannot_be_deleted_is_told(strict: StrictEndpoint, dlq: Dlq, monkeypatch: pytest.MonkeyPatch) -> None:
    _, dead = dead_letters(strict, 3)
    monkeypatch.setattr("loafer.application.letters.purging.TRIES", 1)
    strict.faults({"DeleteMessageBatch": {"failed": 1.0}})
    result = dlq("purge", dead, "--yes", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["deleted"], len(told["left"]), told["complete"]) == (3, 0, 3, False)
    assert untouched(strict, dead, 3)


SHOP = """
from loafer import Loafer, RejectMessage

app = Loafer()
receipts = app.publisher("receipts", dict)


@app.route("orders")
async def handle(content: dict) -> None:
    if content["n"] % 3 == 0:
        raise TimeoutError("the text of it is nobody's business")
    if content["n"] == 1:
        raise RejectMessage
    await receipts.publish(content)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "dlq_shop.py").write_text(SHOP)
    (tmp_path / "dlq_jobs.py").write_text("def handle(content):\n    if content['n'] > 3:\n        raise KeyError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("dlq_shop", "dlq_jobs"):
        sys.modules.pop(name, None)
    return "dlq_shop:app"


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_todays_code_is_tried_on_a_snapshot_and_what_passes_can_be_redriven(
    strict: StrictEndpoint, dlq: Dlq, shop: str, tmp_path: Path, suffix: str
) -> None:
    queue, dead = dead_letters(strict, 9, suffix)
    if suffix:
        (tmp_path / "dlq_shop.py").write_text(SHOP.replace('"orders"', '"orders.fifo"'))
    dlq("stats", dead)
    calls = strict.calls("ReceiveMessage")
    result = dlq("try", dead, "--app", shop, "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "6 would succeed · 3 still TimeoutError",
        f"next: loafer dlq redrive {dead} --where 'tried.ok'",
    ]
    assert (strict.calls("ReceiveMessage"), untouched(strict, dead, 9), bodies(strict, queue)) == (calls, True, [])
    assert "tried: 6 would succeed · 3 still TimeoutError" in dlq("stats", dead).stdout
    assert "nobody's business" not in next((tmp_path / "state" / "loafer").glob("*.snapshot")).read_text()
    arguments = ["redrive", dead, "--where", 'tried.ok or tried.error == "TimeoutError"', "--yes"]
    if not suffix:
        arguments[3] = "tried.ok"
    assert dlq(*arguments).exit_code == 0
    assert sorted(bodies(strict, queue)) == ([1, 2, 4, 5, 7, 8] if not suffix else list(range(9)))


def test_a_handler_alone_is_tried_too_and_told_as_json(strict: StrictEndpoint, dlq: Dlq, shop: str) -> None:
    _, dead = dead_letters(strict, 9)
    told = json.loads(dlq("try", dead, "--handler", "dlq_jobs.handle", "--yes", "--json").stdout)
    assert (told["would_succeed"], told["still"], told["complete"]) == (4, {"KeyError": 5}, True)


def test_messages_of_queues_that_the_application_does_not_know_are_not_tried(
    strict: StrictEndpoint, dlq: Dlq, shop: str, tmp_path: Path
) -> None:
    _, dead = dead_letters(strict, 3)
    text = SHOP.replace('@app.route("orders")', '@app.route("mails")\n@app.route("news")')
    (tmp_path / "dlq_shop.py").write_text(text)
    result = dlq("try", dead, "--app", shop, "--yes")
    assert (result.exit_code, "3 of queues that the application does not receive from" in result.stdout) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "say what is to be tried: --app MODULE:APP, or --handler NAME"),
        (("--app", "dlq_shop:app", "--handler", "x.y", "--yes"), "say what is to be tried"),
        (("--app", "dlq_shop:nope", "--yes"), "there is no 'nope' in dlq_shop"),
        (("--handler", "dlq_jobs.nope", "--yes"), "there is no 'nope' in dlq_jobs"),
        (("--app", "dlq_shop:app"), "nobody can be asked here: --yes agrees"),
    ],
)
def test_nothing_is_tried_of_what_is_not_there_or_nobody_agreed_to(
    strict: StrictEndpoint, dlq: Dlq, shop: str, arguments: tuple[str, ...], said: str
) -> None:
    _, dead = dead_letters(strict, 2)
    result = dlq("try", dead, *arguments)
    assert (result.exit_code, said in result.stderr) == (2, True), result.output
