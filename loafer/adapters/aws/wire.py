"""Messages as SQS and SNS write them, to and from the domain's values."""

import base64
from collections.abc import Mapping
from typing import Any

from loafer.domain.message import NO_ATTRIBUTES, Attribute, Message

_LONGEST_ID = 1_000  # characters of an id or a group; the services give and take some hundred at most
_LONGEST_RECEIPT = 16 * 1024
TRACE_HEADER = "AWSTraceHeader"
"""The one system attribute that a message may be sent with."""

_MOST_ATTRIBUTES = 100  # of a message; SQS takes ten


def message_of(entry: Mapping[str, Any], source: str) -> Message:
    """Return the message in an entry of ReceiveMessage's answer; what an endpoint leaves out gets its default.

    Raises:
        ValueError: it is no message; the text says why, and quotes nothing of it.

    """
    try:
        identity, receipt, body = entry["MessageId"], entry["ReceiptHandle"], entry.get("Body", "")
        # They are shown and sent back: SQS makes them of nothing else.
        if not (
            identity
            and receipt
            and identity.isascii()
            and receipt.isascii()
            and len(identity) <= _LONGEST_ID
            and len(receipt) <= _LONGEST_RECEIPT
        ):
            raise ValueError("its id or its receipt is none")
        system: Mapping[str, Any] = entry.get("Attributes") or {}
        attributes = entry.get("MessageAttributes")
        sent_at: float | None
        try:
            count, sent_at = int(system["ApproximateReceiveCount"]), int(system["SentTimestamp"]) / 1000
        except (KeyError, ValueError, TypeError, OverflowError):
            count, sent_at = _numbers(system.get("ApproximateReceiveCount"), system.get("SentTimestamp"))
        return Message(
            identity,
            body if type(body) is str else _text_or_none(body) or "",
            receipt,
            count if count > 0 else 1,
            _name_of(system["MessageGroupId"]) if "MessageGroupId" in system else None,
            _name_of(system["MessageDeduplicationId"]) if "MessageDeduplicationId" in system else None,
            sent_at,
            _attributes_of(attributes) if attributes else NO_ATTRIBUTES,
            source,
            None,
            0,
            _trace_header_of(system[TRACE_HEADER]) if TRACE_HEADER in system else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("it is not made as a message is") from error


def wire_attributes(attributes: Mapping[str, Attribute]) -> dict[str, dict[str, str | bytes]]:
    """Return message attributes as the services take them."""
    return {
        name: {
            "DataType": attribute.type,
            "BinaryValue" if isinstance(attribute.value, bytes) else "StringValue": attribute.value,
        }
        for name, attribute in attributes.items()
    }


def wire_trace_header(header: str | None) -> dict[str, dict[str, str]] | None:
    """Return system attributes that tell X-Ray's header, as SQS takes them; None without one."""
    return None if header is None else {TRACE_HEADER: {"DataType": "String", "StringValue": header}}


def _trace_header_of(told: object) -> str | None:
    """Return X-Ray's header as it was received; None where it is none: no message is refused for it."""
    fits = isinstance(told, str) and len(told) <= _LONGEST_ID and told.isascii() and told.isprintable()
    return told if isinstance(told, str) and fits else None


def texts_in(parameters: Mapping[str, Any]) -> list[str]:
    """Return the bodies and the attributes in a call's parameters: what the world has no business to see."""
    entries = [parameters, *parameters.get("Entries", ()), *parameters.get("PublishBatchRequestEntries", ())]
    bodies = [entry[name] for entry in entries for name in ("MessageBody", "Message") if name in entry]
    attributes = [value for entry in entries for value in (entry.get("MessageAttributes") or {}).values()]
    return [*bodies, *(value["StringValue"] for value in attributes if "StringValue" in value)]


def _text_or_none(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError


def _name_of(value: str | None) -> str | None:
    if value is None or (isinstance(value, str) and len(value) <= _LONGEST_ID):
        return value
    raise ValueError("its group or its deduplication id is none")


def _numbers(count: Any, sent: Any) -> tuple[int, float | None]:
    """Return how often a message was received, and when it was sent in seconds; what is no number is missing."""
    milliseconds = _number_or_none(sent)
    return int(_number_or_none(count) or 1), None if milliseconds is None else milliseconds / 1000


def _number_or_none(written: Any) -> float | None:
    try:
        return float(int(written))
    except (ValueError, TypeError, OverflowError):
        return None


def _attributes_of(wire: Mapping[str, Mapping[str, Any]]) -> dict[str, Attribute]:
    if len(wire) > _MOST_ATTRIBUTES:
        raise ValueError(f"it has {len(wire)} attributes")
    return {
        name: Attribute(_value_of(written), _text_or_none(written.get("DataType")) or "String")
        for name, written in wire.items()
    }


def _value_of(written: Mapping[str, Any]) -> str | bytes:
    text, value = _text_or_none(written.get("StringValue")), written.get("BinaryValue")
    if text is not None or value is None:
        return text or ""
    # The SDK has decoded it; over the lean transport it comes as it was sent.
    return value if isinstance(value, bytes) else base64.b64decode(value)
