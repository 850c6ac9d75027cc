"""One message of a batch: what its handler may say of it alone."""

import pytest

from loafer.domain.item import Item
from loafer.domain.lifecycle import Outcome
from loafer.domain.message import Message
from loafer.exceptions import IgnoreMessage, RejectMessage


def test_an_item_ends_with_its_batch_unless_something_else_is_said() -> None:
    item = Item({"url": "/"}, message=Message("1", "{}", "receipt", receive_count=3), attempts_left=2)
    assert (item.content, item.attempt, item.attempts_left, item.message.id) == ({"url": "/"}, 3, 2, "1")
    assert (item.outcome, item.error) == (Outcome.SUCCEEDED, None)


def test_an_item_is_made_by_hand_of_its_content_alone() -> None:
    assert (Item(5).content, Item(5).attempt, Item(5).attempts_left) == (5, 1, None)


def test_an_item_is_rejected_or_ignored_alone_and_the_last_word_counts() -> None:
    item = Item(5)
    item.reject("no url")
    assert (item.outcome, str(item.error)) == (Outcome.REJECTED, "no url")
    assert isinstance(item.error, RejectMessage)
    item.ignore("later", delay=60)
    assert item.outcome is Outcome.IGNORED
    assert isinstance(item.error, IgnoreMessage)
    assert (item.error.delay, str(item.error)) == (60, "later")


def test_a_delay_that_is_no_number_is_the_handlers_error() -> None:
    with pytest.raises(ValueError, match="no number of seconds"):
        Item(5).ignore(delay=float("nan"))


@pytest.mark.parametrize("name", ["content", "message"])
def test_what_was_received_does_not_change(name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(Item(5), name, 6)


def test_a_word_on_an_item_needs_no_reason() -> None:
    item = Item(1)
    item.reject()
    assert str(item.error) == ""
    item.ignore()
    assert str(item.error) == ""
