"""Messages survive the way to the wire and back, and what an endpoint leaves out gets its default."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from loafer.adapters.aws.wire import message_of, wire_attributes
from loafer.domain.message import Attribute, Message

ATTRIBUTES = st.dictionaries(
    st.text(min_size=1),
    st.builds(Attribute, st.text(), st.sampled_from(["String", "Number", "String.id"]))
    | st.builds(Attribute, st.binary(), st.sampled_from(["Binary", "Binary.png"])),
    max_size=10,
)


def entry(**more: Any) -> dict[str, Any]:
    return {"MessageId": "1", "ReceiptHandle": "r", "Body": "b", **more}


def test_a_whole_entry_becomes_a_message() -> None:
    system = {
        "ApproximateReceiveCount": "3",
        "SentTimestamp": "1700000000500",
        "MessageGroupId": "g",
        "MessageDeduplicationId": "d",
    }
    assert message_of(entry(Attributes=system), "orders") == Message(
        "1", "b", "r", receive_count=3, group="g", deduplication_id="d", sent_at=1_700_000_000.5, source="orders"
    )


def test_missing_attributes_get_their_defaults() -> None:
    assert message_of(entry(), "orders") == Message("1", "b", "r", source="orders")


@given(attributes=ATTRIBUTES)
def test_message_attributes_come_back_as_they_went(attributes: dict[str, Attribute]) -> None:
    assert message_of(entry(MessageAttributes=wire_attributes(attributes)), "orders").attributes == attributes
