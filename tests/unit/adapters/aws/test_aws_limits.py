"""What a service would refuse is refused before anything is sent, and batches fit its limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.limits import Limits, check, size_of, split
from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.exceptions import PublisherError

QUEUE, TOPIC = Limits(1_048_576, 900), Limits(262_144, None)
ELEVEN = {f"a{number}": Attribute("x") for number in range(11)}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (OutgoingMessage(""), "the body is empty"),
        (OutgoingMessage("x" * 1_048_577), "1048577 bytes: at most 1048576"),
        (OutgoingMessage("x" * 1_048_570, {"a": Attribute("x")}), "1048578 bytes: at most 1048576"),
        (OutgoingMessage("ab\x00"), r"the body holds U\+0000 at character 2"),
        (OutgoingMessage("\ud800"), r"the body holds U\+D800 at character 0"),
        (OutgoingMessage("\ufffe"), r"the body holds U\+FFFE at character 0"),
        (OutgoingMessage("x", {"a": Attribute("\x0b")}), r"attribute 'a' holds U\+000B at character 0"),
        (
            OutgoingMessage("x", {"\ud800": Attribute("x")}),
            r"the name of attribute '\\ud800' holds U\+D800 at character 0",
        ),
        (
            OutgoingMessage("x", {"a": Attribute("x", "\ud800")}),
            r"the type of attribute 'a' holds U\+D800 at character 0",
        ),
        (OutgoingMessage("x", group="g\ud800"), r"the group holds U\+D800 at character 1"),
        (OutgoingMessage("x", deduplication_id="\ud800"), r"the deduplication id holds U\+D800 at character 0"),
        (OutgoingMessage("x", ELEVEN), "11 message attributes: at most 10"),
        (OutgoingMessage("x", delay=-1), "it must be from 0 to 900"),
        (OutgoingMessage("x", delay=901), "it must be from 0 to 900"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_queue_would_refuse_is_refused_in_one_line(message: OutgoingMessage, said: str) -> None:
    with pytest.raises(PublisherError, match=said) as caught:
        check(message, QUEUE, "message 3: ")
    assert str(caught.value).startswith("message 3: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "message",
    [
        OutgoingMessage("x" * 1_048_576),
        OutgoingMessage("\t\n\r \ud7ff\ue000\ufffd\U00010000\U0010ffff", {"a": Attribute(b"\x00")}, delay=900),
    ],
    ids=["size", "characters"],
)
def test_what_is_just_within_the_limits_passes(message: OutgoingMessage) -> None:
    check(message, QUEUE)


@pytest.mark.parametrize(
    "message", [OutgoingMessage("x" * 262_145), OutgoingMessage("x", delay=0)], ids=["size", "delay"]
)
def test_a_topic_takes_less_and_cannot_delay(message: OutgoingMessage) -> None:
    with pytest.raises(PublisherError, match=r"262144|cannot delay"):
        check(message, TOPIC)


@given(sizes=st.lists(st.integers(1, 100), max_size=40))
def test_batches_keep_the_order_and_both_limits(sizes: list[int]) -> None:
    messages = [OutgoingMessage("x" * size) for size in sizes]
    batches = list(split(messages, 100))
    assert [message for batch in batches for message in batch] == messages
    assert all(1 <= len(batch) <= 10 and sum(map(size_of, batch)) <= 100 for batch in batches)


async def test_a_batch_with_a_wrong_message_is_refused_by_position_before_anything_is_sent() -> None:
    messages = [OutgoingMessage("fine"), OutgoingMessage("")]
    for publisher in (SQSPublisher("orders"), SNSPublisher("news")):
        with pytest.raises(PublisherError, match="message 1: the body is empty"):
            await publisher.publish_batch(messages)


async def test_a_publisher_that_is_not_open_says_so() -> None:
    with pytest.raises(PublisherError, match="queue 'orders': the publisher is not open"):
        await SQSPublisher("orders").publish(OutgoingMessage("x"))


@pytest.mark.parametrize("name", ["two words", ""])
def test_what_names_no_queue_or_topic_is_a_publisher_error(name: str) -> None:
    with pytest.raises(PublisherError, match="is not a queue name"):
        SQSPublisher(name)
    with pytest.raises(PublisherError, match="is not a topic name"):
        SNSPublisher(name)
