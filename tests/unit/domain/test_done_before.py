"""What is remembered of messages that were done and of which another delivery may come."""

import attrs
import pytest

from loafer.domain.done_before import LATEST, DoneBefore
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


def test_only_the_latest_are_remembered_and_adding_tells_what_is_new() -> None:
    before = DoneBefore()
    assert before.add(DONE)
    before.add(attrs.evolve(DONE, id="other"))
    assert not before.add(DONE)
    for number in range(LATEST - 1):
        assert before.add(attrs.evolve(DONE, id=f"other-{number}"))
    assert len(before) == LATEST
    assert before.knows(DONE)
    assert not before.knows(attrs.evolve(DONE, id="other"))
