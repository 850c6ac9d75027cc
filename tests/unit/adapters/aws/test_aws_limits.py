"""What a service would refuse is refused before anything is sent."""

import pytest

from loafer.adapters.aws.publisher import SNSPublisher, SQSPublisher
from loafer.domain.message import OutgoingMessage
from loafer.exceptions import PublisherError


@pytest.mark.parametrize(
    ("publisher", "message", "said"),
    [
        (SQSPublisher("orders"), OutgoingMessage("x" * 1_048_577), "1048577 bytes; give it 1048576 at most"),
        (SNSPublisher("news"), OutgoingMessage("x" * 262_145), "262145 bytes; give it 262144 at most"),
        (SNSPublisher("news"), OutgoingMessage("x", delay=0), "a topic has no delay"),
        (SQSPublisher("orders.fifo"), OutgoingMessage("x", group="g", delay=3), "no delay of their own"),
        (SQSPublisher("orders.fifo"), OutgoingMessage("x"), "need a group id"),
        (SNSPublisher("news.fifo"), OutgoingMessage("x"), "need a group id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_would_be_refused_is_refused_before_anything_is_sent(
    publisher: SQSPublisher | SNSPublisher, message: OutgoingMessage, said: str
) -> None:
    with pytest.raises(PublisherError, match=f"does not take the message: .*{said}"):
        await publisher.publish(message)
    fine = OutgoingMessage("fine", group="g")
    with pytest.raises(PublisherError, match=f"does not take message 1: .*{said}"):
        await publisher.publish_batch([fine, message])


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
