"""What is remembered of messages that were done and not deleted."""

import attrs
import pytest

from loafer.domain.message import Message
from loafer.domain.undeleted import LATEST, Undeleted

DONE = Message("m-1", "body", "r-1", receive_count=2, sent_at=5.0)


@pytest.mark.parametrize(
    ("again", "known"),
    [
        (attrs.evolve(DONE, receive_count=3, receipt="r-2"), True),
        (attrs.evolve(DONE, receipt="r-2"), False),  # the same delivery, or an older one
        (attrs.evolve(DONE, receive_count=3, sent_at=6.0), False),  # another one that has its id
        (attrs.evolve(DONE, receive_count=3, id="m-2"), False),
    ],
)
def test_a_later_delivery_of_what_was_done_is_known_and_nothing_else(again: Message, known: bool) -> None:
    undeleted = Undeleted()
    assert not undeleted.knows(again)
    undeleted.add(DONE)
    assert undeleted.knows(again) is known


def test_where_nobody_says_when_a_message_was_sent_it_is_not_known() -> None:
    undeleted, untold = Undeleted(), attrs.evolve(DONE, sent_at=None)
    undeleted.add(untold)
    assert not undeleted.knows(attrs.evolve(untold, receive_count=3))


def test_only_the_latest_are_remembered_and_adding_tells_what_is_new() -> None:
    undeleted = Undeleted()
    assert undeleted.add(DONE)
    assert not undeleted.add(DONE)
    for number in range(LATEST):
        assert undeleted.add(attrs.evolve(DONE, id=f"other-{number}"))
    assert len(undeleted) == LATEST
    assert not undeleted.knows(attrs.evolve(DONE, receive_count=3))
