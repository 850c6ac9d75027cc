"""The context of a trace that a message brought along, wherever it was put: what adapters for traces read."""

import json
from collections.abc import Mapping

from loafer.domain.carrying import traceparent_of
from loafer.domain.message import Message


def may_have_context(message: Message) -> bool:
    """Tell whether it is worth looking for a context: most messages have none, and that is seen at once."""
    return bool(message.attributes) or message.trace_header is not None or '"MessageAttributes"' in message.body


def context_of(message: Message) -> Mapping[str, str]:
    """Return what may tell where a message was sent: texts of its attributes, or of its envelope, or X-Ray's header.

    The envelope is that of a topic without raw delivery, in the body; nothing that it says is checked.
    """
    found = {name: each.value for name, each in message.attributes.items() if isinstance(each.value, str)}
    if not found and '"MessageAttributes"' in message.body and '"TopicArn"' in message.body:
        found = _texts_in(message.body)
    if message.trace_header is not None and "traceparent" not in found:
        traceparent = traceparent_of(message.trace_header)
        return found if traceparent is None else {**found, "traceparent": traceparent}
    return found


def _texts_in(envelope: str) -> dict[str, str]:
    """Return the message attributes in an envelope that are texts; none where it cannot be read."""
    try:
        told = json.loads(envelope).get("MessageAttributes")
    except (ValueError, RecursionError, AttributeError):
        return {}
    if not isinstance(told, dict):
        return {}
    return {
        name: entry["Value"]
        for name, entry in told.items()
        if isinstance(entry, dict) and entry.get("Type") == "String" and isinstance(entry.get("Value"), str)
    }
