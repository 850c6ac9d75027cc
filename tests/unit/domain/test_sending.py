"""In which calls a batch goes out to a FIFO destination: one of a group in each, and none behind a failed one."""

from hypothesis import given
from hypothesis import strategies as st

from loafer.domain.limits import LARGEST_BATCH, size_of
from loafer.domain.message import OutgoingMessage
from loafer.domain.sending import GroupedSending

LARGEST = 100

messages = st.builds(
    lambda group, size: OutgoingMessage("x" * size, group=group), st.sampled_from("abcdefghijklm"), st.integers(1, 60)
)


@given(st.lists(messages, max_size=60), st.randoms(use_true_random=False), st.sampled_from([0.0, 0.1, 0.5]))
def test_no_group_loses_its_order_whatever_fails(batch: list[OutgoingMessage], chance: object, rate: float) -> None:
    sending, out, failed = GroupedSending(batch, LARGEST), list[int](), set[str | None]()
    calls = 0
    while positions := sending.next_call():
        calls += 1
        groups = [batch[position].group for position in positions]
        assert len(set(groups)) == len(groups) <= LARGEST_BATCH, "two of a group went out in one call"
        assert sum(size_of(batch[position]) for position in positions) <= LARGEST
        assert not failed & set(groups), "a message was sent after one of its group had failed"
        for position in positions:
            if chance.random() < rate:  # type: ignore[attr-defined]
                failed.add(batch[position].group)
                sending.failed(position)
            else:
                sending.sent(position)
                out.append(position)
    for group in {message.group for message in batch}:
        whole = [position for position, message in enumerate(batch) if message.group == group]
        sent = [position for position in out if batch[position].group == group]
        assert sent == (whole[: len(sent)] if group in failed else whole)
    assert calls <= len(batch)


def test_groups_share_calls() -> None:
    batch = [OutgoingMessage("x", group=group) for _ in range(3) for group in "abcdefghijkl"]
    sending, calls = GroupedSending(batch, LARGEST), 0
    while positions := sending.next_call():
        calls += 1
        for position in positions:
            sending.sent(position)
    assert calls == 4


def test_a_batch_of_none_needs_no_call() -> None:
    assert GroupedSending([], LARGEST).next_call() == []


def test_a_call_is_filled_to_the_last_byte_and_to_ten() -> None:
    full = [OutgoingMessage("x" * 50, group="a"), OutgoingMessage("x" * 50, group="b"), OutgoingMessage("x", group="c")]
    assert GroupedSending(full, LARGEST).next_call() == [0, 1]
    many = [OutgoingMessage("x", group=str(number)) for number in range(LARGEST_BATCH + 1)]
    assert GroupedSending(many, LARGEST).next_call() == list(range(LARGEST_BATCH))


def test_what_is_larger_than_a_call_goes_out_alone_to_be_refused() -> None:
    sending = GroupedSending([OutgoingMessage("x" * 101, group="a"), OutgoingMessage("x", group="b")], LARGEST)
    assert (sending.next_call(), sending.next_call()) == ([0], [1])
