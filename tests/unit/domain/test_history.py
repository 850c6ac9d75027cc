import pytest

from loafer.domain.history import BACK, CRASHED, HELD, MEANINGS, RAN, Note, is_time, reasons_of
from loafer.ports.observer import Cause


def note(at: float, kind: str, word: str = "", *, worker: int = 41, receives: int = 1) -> Note:
    return Note(at=at, worker=worker, source="orders", id="9f8c", receives=receives, kind=kind, word=word)


def causes(*notes: Note) -> list[str]:
    return [reason.cause for reason in reasons_of(notes)]


@pytest.mark.parametrize("cause", Cause)
def test_what_a_worker_says_is_the_reason_and_is_said_in_a_sentence(cause: Cause) -> None:
    assert causes(note(1, BACK, str(cause))) == [cause]
    assert str(cause) in MEANINGS


def test_reasons_come_in_the_order_of_time_whichever_file_they_are_in() -> None:
    assert causes(note(9, BACK, "stop", receives=2), note(1, BACK, "failed")) == ["failed", "stop"]


def test_a_worker_that_died_with_a_message_crashed() -> None:
    assert causes(note(1, HELD)) == [CRASHED]


def test_what_a_worker_said_after_it_was_last_seen_counts_more_than_that_it_held_it() -> None:
    assert causes(note(1, HELD), note(2, RAN, "failed"), note(2, BACK, "failed")) == ["failed"]


def test_elsewhere_is_explained_by_what_another_worker_of_this_machine_says() -> None:
    elsewhere = note(40, BACK, "elsewhere", worker=42, receives=2)
    assert causes(note(1, HELD), elsewhere) == [CRASHED]
    assert causes(note(1, BACK, "lease lost"), elsewhere) == ["lease lost"]


def test_elsewhere_stays_where_nobody_here_had_it_before() -> None:
    assert causes(note(40, BACK, "elsewhere", receives=2)) == ["elsewhere"]
    assert causes(note(1, BACK, "failed"), note(90, BACK, "elsewhere", receives=3)) == ["failed", "elsewhere"]


def test_that_it_ran_is_no_reason() -> None:
    assert causes(note(1, RAN, "succeeded", receives=2)) == []


def test_a_word_that_a_newer_worker_wrote_stands_for_itself() -> None:
    assert reasons_of([note(1, BACK, "stop")])[0].meaning == MEANINGS["stop"]
    assert reasons_of([note(1, BACK, "beamed away")])[0].meaning == "beamed away"


def test_a_time_is_one_that_a_calendar_can_show() -> None:
    assert [is_time(at) for at in (-1e-9, 0, 0.5, 99_999_999_999, 1e11, 1e12)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_what_a_worker_said_at_the_very_time_at_which_it_was_last_seen_counts_too() -> None:
    assert causes(note(1, HELD), note(1, BACK, "failed")) == ["failed"]


def test_what_a_worker_said_of_an_earlier_delivery_does_not_explain_how_it_lost_a_later_one() -> None:
    assert causes(note(1, BACK, "failed"), note(5, HELD, receives=2)) == ["failed", CRASHED]
