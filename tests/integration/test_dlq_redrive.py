"""`loafer dlq redrive`, on an endpoint that is as strict as SQS: what it moves, and what it leaves to a person."""

import json
from pathlib import Path

import pytest
from dlq_letters import Dlq, bodies, dead_letters, untouched
from strict.strict_control import StrictEndpoint


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


def test_who_begins_anew_where_a_redrive_has_not_ended_doubles_nothing_and_is_told_to_go_on_with_it(
    strict: StrictEndpoint, dlq: Dlq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, dead = dead_letters(strict, 3)
    with monkeypatch.context() as patched:
        patched.setattr("loafer.application.letters.moving.TRIES", 1)
        strict.faults({"DeleteMessageBatch": {"failed": 1.0}})
        assert dlq("redrive", dead, "--yes").exit_code == 3
        strict.faults({})
    [journal] = tmp_path.glob("*.journal")
    refused = dlq("redrive", dead, "--yes")
    assert refused.exit_code not in (0, 3)
    assert f"3 messages of {dead} were sent, or may have been, and are not deleted" in refused.stderr
    assert f"go on with --resume {journal.name}, or move that file away" in refused.stderr
    assert untouched(strict, dead, 3)
    assert sorted(bodies(strict, queue)) == [0, 1, 2]
    assert list(tmp_path.glob("*.journal")) == [journal]
    assert dlq("redrive", dead, "--resume", journal.name).exit_code == 0
    strict.numbers(dead, 1, start=3)
    assert dlq("redrive", dead, "--yes").exit_code == 0
    assert sorted(bodies(strict, queue)) == [0, 1, 2, 3]
