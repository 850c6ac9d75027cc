"""What `loafer explain` tells of journals, which are written here as `loafer dlq redrive` writes them."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click.testing
import pytest

from loafer.application.letters.reasons import explained
from loafer.domain.failure import Reason
from loafer.domain.message import Message
from loafer.entrypoints.cli import cli
from loafer.entrypoints.commands.dlq.journal import FileJournal, Head
from loafer.entrypoints.commands.moves import moves_of
from loafer.ports.journal import Step

HOST = "https://sqs.eu-west-1.amazonaws.com/123456789012"
HEAD = Head(queue=f"{HOST}/orders-dlq", to=f"{HOST}/orders")
LETTER = Message("9f8c1d32", "{}", "r")


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder of one's own, on a machine where no worker has noted anything."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("LOAFER_STATUS_FILE", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def journal(alone: Path) -> Iterator[FileJournal]:
    with closing(FileJournal.begun(alone, "orders-dlq", HEAD)) as journal:
        yield journal


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, ["explain", *arguments], prog_name="loafer")


def told(*arguments: str) -> list[str]:
    """Return what is told of a message, without the times."""
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    head, *rows = done.stdout.splitlines()
    return [head, *(row.partition("redrive")[2].strip() if row[3:5].isdigit() else row for row in rows)]


def test_what_a_redrive_moved_is_told_by_its_id_and_by_that_of_its_copy(journal: FileJournal) -> None:
    journal.sending([LETTER], 1_000_000.0)
    journal.came([(LETTER.id, Step.SENT, "77aa")])
    journal.came([(LETTER.id, Step.DELETED, "")])
    assert told("9f8c") == [
        "message 9f8c1d32 of orders-dlq",
        "sent from orders-dlq to orders, where it is 77aa",
        "deleted from orders-dlq",
        "delivered again because of",
        "  redrive  somebody sent it again from its dead-letter queue",
    ]
    assert told("77aa") == [
        "message 77aa of orders",
        "sent from orders-dlq, where it was 9f8c1d32",
        "deleted from orders-dlq",
    ]


def test_what_was_sent_and_not_deleted_unsure_refused_or_only_begun_is_told_as_such(journal: FileJournal) -> None:
    letters = [Message(name, "{}", "r") for name in ("kept", "lost", "full", "died")]
    journal.sending(letters, 1_000_000.0)
    journal.came([("kept", Step.SENT, "77aa"), ("lost", Step.UNSURE, "timed out"), ("full", Step.REFUSED, "too large")])
    assert told("kept")[1] == "sent from orders-dlq to orders, where it is 77aa; not deleted from orders-dlq"
    assert told("lost")[1] == "sent from orders-dlq to orders, or not: the answer was lost: timed out"
    assert told("full")[1] == "refused by orders: too large"
    assert told("died")[1] == "about to be sent from orders-dlq to orders: the journal ends there"


def test_a_message_that_loafer_moved_to_its_dead_letter_queue_is_found_by_the_id_that_it_had_before(
    journal: FileJournal,
) -> None:
    reason = Reason(error="KeyError", fingerprint="x", attempts=5, source="orders", message_id="5eed")
    letter = explained(LETTER, reason)
    assert letter is not None
    journal.sending([letter], 1_000_000.0)
    journal.came([(LETTER.id, Step.SENT, "77aa")])
    assert told("5eed")[1].startswith("sent from orders-dlq to orders, where it is 77aa")
    assert [move.before for move in moves_of("5eed", [])] == ["5eed"]


def test_an_id_in_the_body_of_another_message_is_not_that_message(journal: FileJournal) -> None:
    journal.sending([Message("other", '{"id": "9f8c1d32"}', "r")], 1_000_000.0)
    assert run("9f8c1d32").exit_code == 1


def test_json_has_the_moves_and_the_reason(journal: FileJournal) -> None:
    journal.sending([LETTER], 1_000_000.0)
    journal.came([(LETTER.id, Step.SENT, "77aa")])
    [message] = json.loads(run("9f8c", "--json").stdout)["messages"]
    [move] = message["moves"]
    assert (move["step"], move["source"], move["to"], move["copy"]) == ("sent", "orders-dlq", "orders", "77aa")
    assert (move["ends"], move["journal"]) == (True, journal.path.name)
    assert [reason["cause"] for reason in message["reasons"]] == ["redrive"]


def test_a_line_that_was_not_written_to_its_end_is_left_out(journal: FileJournal) -> None:
    journal.sending([LETTER], 1_000_000.0)
    with journal.path.open("a") as file:
        file.write('{"loafer": "sent", "at": 1000000.0, "id": "9f8c1d')
    assert told("9f8c")[1].startswith("about to be sent")


def test_a_journal_in_another_folder_is_read_where_it_is_named(
    journal: FileJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.sending([LETTER], 1_000_000.0)
    monkeypatch.chdir(tmp_path)
    assert run("9f8c").exit_code == 1
    assert told("9f8c", "--journal", str(journal.path))[0] == "message 9f8c1d32 of orders-dlq"


def test_a_named_journal_that_also_lies_here_is_told_once(journal: FileJournal) -> None:
    journal.sending([LETTER], 1_000_000.0)
    assert len(told("9f8c", "--journal", journal.path.name)) == 2


@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_a_journal_that_others_may_write_is_not_read(journal: FileJournal, mode: int) -> None:
    journal.sending([LETTER], 1_000_000.0)
    journal.path.chmod(mode)
    assert run("9f8c").exit_code == 1
    refused = run("9f8c", "--journal", str(journal.path))
    assert refused.exit_code == 2
    assert "it is no file of yours that you alone may write" in refused.stderr


def test_a_journal_of_somebody_else_is_not_read(journal: FileJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.sending([LETTER], 1_000_000.0)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(journal.path).st_uid + 1)  # noqa: PTH116
    assert moves_of("9f8c", []) == []


def test_what_only_has_the_name_of_a_journal_is_passed_by_and_told_where_it_is_named(alone: Path) -> None:
    name = "system.20261128T184506.journal"
    for data in (b"", b"LPKSHHRH\x00\xff", b"[1]\n", b'{"loafer": "purge"}\n', b"[" * 100_000):
        (alone / name).write_bytes(data)
        assert run("9f8c").exit_code == 1
        refused = run("9f8c", "--journal", name)
        assert refused.exit_code == 2
        assert "it is no journal of `loafer dlq redrive`" in refused.stderr
    (alone / name).unlink()
    os.mkfifo(alone / name)
    assert run("9f8c").exit_code == 1
    assert "No such file" in run("9f8c", "--journal", "none.journal").stderr


def test_what_a_journal_says_obeys_nobody_in_a_terminal(journal: FileJournal) -> None:
    journal.sending([LETTER], 1_000_000.0)
    journal.came([(LETTER.id, Step.REFUSED, "a\x1b[2J\nb")])
    assert told("9f8c")[1] == "refused by orders: a\\x1b[2J\\nb"


@pytest.mark.parametrize(
    "line",
    [
        {"loafer": "sent", "at": 1e300, "id": "9f8c1d32", "copy": "77aa"},
        {"loafer": "sent", "at": "x", "id": "9f8c"},
        {"loafer": "sent", "at": 1.0},
        {"loafer": "odd", "at": 1.0, "id": "9f8c"},
        {"loafer": "sending", "at": 1.0, "message": ["9f8c"]},
        {"loafer": "sending", "at": 1.0, "message": {"MessageId": "9f8c", "MessageAttributes": {"loafer.reason": 1}}},
        ["9f8c"],
        "9f8c",
    ],
)
def test_a_line_that_is_not_of_a_journal_is_passed_by(journal: FileJournal, line: object) -> None:
    with journal.path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    assert run("9f8c").exit_code in {0, 1}
    assert moves_of("9f8c", []) == []
