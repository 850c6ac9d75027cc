"""What is remembered of messages that were done and of which another delivery may come."""

import attrs
import pytest

from loafer.domain.done_before import LATEST, LATEST_DELETED, DoneBefore
from loafer.domain.message import Message

DONE = Message("m-1", "body", "r-1", receive_count=2, sent_at=5.0)


@pytest.mark.parametrize(
    ("again", "known"),
    [
        (attrs.evolve(DONE, receive_count=3, receipt="r-2"), True),
        (attrs.evolve(DONE, receive_count=1, receipt="r-0"), True),
        (attrs.evolve(DONE, receive_count=3, sent_at=6.0), False),  # another one that has its id
        (attrs.evolve(DONE, receive_count=3, sent_at=None), False),
        (attrs.evolve(DONE, receive_count=3, id="m-2"), False),
    ],
)
def test_another_delivery_of_what_was_done_is_known_and_nothing_else(again: Message, known: bool) -> None:
    before = DoneBefore()
    assert not before.knows(again)
    before.add(DONE)
    assert before.knows(again) is known


def test_what_was_not_delivered_before_what_was_done_may_be_there_still() -> None:
    before = DoneBefore()
    before.add(DONE)
    assert [before.is_newer(attrs.evolve(DONE, receive_count=number)) for number in (1, 2, 3)] == [False, True, True]


def test_where_nobody_says_when_a_message_was_sent_it_is_not_known() -> None:
    before, untold = DoneBefore(), attrs.evolve(DONE, sent_at=None)
    assert before.add(untold)
    assert not before.knows(attrs.evolve(untold, receive_count=3))


FIRST = attrs.evolve(DONE, receive_count=1)


@pytest.mark.parametrize(
    ("again", "known"),
    [
        (attrs.evolve(FIRST, receive_count=2, receipt="r-2"), True),
        (FIRST, False),  # another one that has its id, and was sent in the same moment
        (attrs.evolve(FIRST, receive_count=2, sent_at=6.0), False),
        (attrs.evolve(FIRST, receive_count=2, sent_at=None), False),
        (attrs.evolve(FIRST, receive_count=2, id="m-2"), False),
    ],
)
def test_another_delivery_of_what_was_deleted_after_its_first_receive_is_known_and_nothing_else(
    again: Message, known: bool
) -> None:
    before = DoneBefore()
    before.add_deleted(FIRST)
    assert before.knows(again) is known


def test_what_comes_again_of_what_was_deleted_after_its_first_receive_may_be_there_still() -> None:
    before = DoneBefore()
    before.add_deleted(FIRST)
    assert before.is_newer(attrs.evolve(FIRST, receive_count=2))


def test_of_what_was_deleted_at_least_the_latest_are_remembered_and_at_most_twice_as_many() -> None:
    before = DoneBefore()
    for number in range(2 * LATEST_DELETED + 1):
        before.add_deleted(attrs.evolve(FIRST, id=f"m-{number}"))
    known = [
        before.knows(attrs.evolve(FIRST, id=f"m-{number}", receive_count=2)) for number in range(2 * LATEST_DELETED + 1)
    ]
    assert all(known[-LATEST_DELETED:])
    assert sum(known) <= 2 * LATEST_DELETED


def test_only_the_latest_are_remembered_and_adding_tells_what_is_new() -> None:
    before = DoneBefore()
    assert before.add(DONE)
    before.add(attrs.evolve(DONE, id="other"))
    assert not before.add(DONE)
    for number in range(LATEST - 1):
        assert before.add(attrs.evolve(DONE, id=f"other-{number}"))
    assert before.knows(DONE)
    assert not before.knows(attrs.evolve(DONE, id="other"))


def test_another_message_of_the_same_id_that_was_deleted_may_be_there_still() -> None:
    before = DoneBefore()
    before.add(attrs.evolve(DONE, receive_count=5, sent_at=1.0))
    before.add_deleted(FIRST)
    again = attrs.evolve(FIRST, receive_count=2)
    assert before.knows(again)
    assert before.is_newer(again)
