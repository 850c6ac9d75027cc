"""What a handler may know besides the content."""

import pytest

from loafer.domain.context import Context
from loafer.domain.message import Message

MESSAGE = Message("1", "body", "receipt", receive_count=3)


def test_a_context_is_made_by_hand_of_state_and_message() -> None:
    context = Context("state", MESSAGE)
    assert (context.state, context.message, context.messages) == ("state", MESSAGE, (MESSAGE,))
    assert (context.attempt, context.attempts_left, context.route) == (3, None, "")
    assert Context(None, MESSAGE, attempts_left=2, route="orders").attempts_left == 2


@pytest.mark.parametrize("name", ["message", "attempt", "attempts_left"])
def test_the_context_of_a_batch_says_where_to_look_instead(name: str) -> None:
    context = Context(None, messages=[MESSAGE])
    assert context.messages == [MESSAGE]
    with pytest.raises(RuntimeError, match="a batch has no message of its own: each item has one"):
        getattr(context, name)
    with pytest.raises(RuntimeError, match=r"made without a message; give it one: Context\(state, message\)$"):
        getattr(Context(None), name)
