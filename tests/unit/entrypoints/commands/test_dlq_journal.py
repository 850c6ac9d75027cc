"""The journal: on the disk before anything is done, whole after any death, and of one queue and one process."""

import errno
import json
import os
from pathlib import Path

import pytest

from loafer.domain.message import Message
from loafer.entrypoints.commands.dlq.journal import FileJournal, Head
from loafer.exceptions import ConfigurationError
from loafer.ports.journal import Noted, Step

HEAD = Head(queue="https://dead", to="https://orders", where="age > 1")
ONE, TWO = Message("1", "one", "r"), Message("2", "two", "r")


def begun(folder: Path) -> FileJournal:
    return FileJournal.begun(folder, "dead", HEAD)


def test_it_is_for_its_owner_alone_and_named_by_queue_and_time(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert journal.path.name.startswith("dead.2")
    assert journal.path.suffix == ".journal"
    assert begun(tmp_path).path != journal.path
    journal.close()


def test_whoever_goes_on_knows_what_was_noted(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.sending([ONE, TWO], 100.0)
    journal.came([("1", Step.SENT, "copy-1")])
    journal.came([("1", Step.DELETED, "")])
    journal.close()
    again = FileJournal.resumed(journal.path)
    assert again.head == HEAD
    assert again.noted == {"1": Noted(Step.DELETED, 100.0, "copy-1"), "2": Noted(Step.SENDING, 100.0)}
    again.sending([TWO], 200.0)
    assert again.noted["2"].at == 100.0, "its first send may have been taken"
    again.came([("2", Step.REFUSED, "too large")])
    again.sending([TWO], 300.0)
    assert again.noted["2"].at == 300.0
    again.close()


def test_every_line_is_on_the_disk_before_anything_else_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, synced = begun(tmp_path), list[int]()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.append(journal.path.stat().st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    journal.sending([ONE], 1.0)
    journal.came([("1", Step.SENT, "copy")])
    assert len(synced) == 2
    assert synced[-1] == journal.path.stat().st_size
    journal.close()


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_last_line_that_was_not_written_to_its_end_is_dropped(tmp_path: Path, cut: int) -> None:
    journal = begun(tmp_path)
    journal.sending([ONE], 1.0)
    journal.came([("1", Step.SENT, "copy")])
    journal.close()
    journal.path.write_bytes(journal.path.read_bytes()[:-cut])
    again = FileJournal.resumed(journal.path)
    assert again.noted["1"].step is Step.SENDING
    again.came([("1", Step.SENT, "copy")])
    again.close()
    assert [json.loads(line)["loafer"] for line in journal.path.read_text().splitlines()] == [
        "redrive",
        "sending",
        "sent",
    ]


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = begun(tmp_path)
    before, real = journal.path.read_bytes(), os.write

    def full(descriptor: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, data[:10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        journal.sending([ONE], 1.0)
    assert journal.path.read_bytes() == before
    assert journal.noted == {}
    with pytest.raises(OSError, match="No space"):
        begun(tmp_path)
    assert list(tmp_path.glob("*.journal")) == [journal.path]
    journal.close()


def test_two_processes_do_not_write_one(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    with pytest.raises(ConfigurationError, match="another redrive writes this journal"):
        FileJournal.resumed(journal.path)
    journal.close()
    FileJournal.resumed(journal.path).close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}\n",
        "[]\n",
        "plain\n",
        '{"loafer": "sent", "id": "1"}\n',
        '{"loafer": "x", "id": "1"}\n',
        "[" * 100_000 + "\n",
        '{"loafer": "redrive", "queue": 1, "to": [], "where": {}, "out_of_order": 7}\n',
        '{"loafer": "sending", "at": 1, "message": {"MessageId": ["1"]}}\n',
    ],
)
def test_what_is_no_journal_is_refused_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.journal"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"x\.journal.*not .*a journal"):
        FileJournal.resumed(path)
    assert path.read_text() == text


@pytest.mark.parametrize("mode", [0o622, 0o606])
def test_a_journal_that_others_may_write_is_not_believed_for_it_says_what_may_be_deleted(
    tmp_path: Path, mode: int
) -> None:
    journal = begun(tmp_path)
    journal.close()
    journal.path.chmod(mode)
    with pytest.raises(ConfigurationError, match="can be written by"):
        FileJournal.resumed(journal.path)


def test_a_journal_of_somebody_else_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = begun(tmp_path)
    journal.close()
    if os.getuid() == 0:
        os.chown(journal.path, 1234, 1234)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 1234)
    with pytest.raises(ConfigurationError, match="belongs to somebody else"):
        FileJournal.resumed(journal.path)


@pytest.mark.timeout(100)
def test_a_pipe_in_the_place_of_a_journal_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.journal", 0o600)
    for path in (tmp_path / "x.journal", Path("/dev/zero")):
        with pytest.raises(ConfigurationError, match="it is no regular file"):
            FileJournal.resumed(path)


def test_one_of_another_version_is_not_gone_on_with(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.close()
    journal.path.write_text(journal.path.read_text().replace('"version": 1', '"version": 2'))
    with pytest.raises(ConfigurationError, match="version 2 of a journal: another version of loafer has it"):
        FileJournal.resumed(journal.path)
