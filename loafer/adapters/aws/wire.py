"""Messages as SQS and SNS write them, to and from the domain's values."""

from collections.abc import Mapping
from typing import Any

from loafer.domain.message import NO_ATTRIBUTES, Attribute, Message


def message_of(entry: Mapping[str, Any], source: str) -> Message:
    """Return the message in an entry of ReceiveMessage's answer; what an endpoint leaves out gets its default."""
    system: Mapping[str, str] = entry.get("Attributes") or {}
    sent = system.get("SentTimestamp")
    attributes = entry.get("MessageAttributes")
    return Message(
        entry["MessageId"],
        entry.get("Body", ""),
        entry["ReceiptHandle"],
        int(system.get("ApproximateReceiveCount", 1)),
        system.get("MessageGroupId"),
        system.get("MessageDeduplicationId"),
        int(sent) / 1000 if sent else None,
        _attributes_of(attributes) if attributes else NO_ATTRIBUTES,
        source,
    )


def wire_attributes(attributes: Mapping[str, Attribute]) -> dict[str, dict[str, str | bytes]]:
    """Return message attributes as the services take them."""
    return {
        name: {
            "DataType": attribute.type,
            "BinaryValue" if isinstance(attribute.value, bytes) else "StringValue": attribute.value,
        }
        for name, attribute in attributes.items()
    }


def _attributes_of(wire: Mapping[str, Mapping[str, Any]]) -> dict[str, Attribute]:
    return {
        name: Attribute(value.get("StringValue", value.get("BinaryValue", "")), value.get("DataType", "String"))
        for name, value in wire.items()
    }
