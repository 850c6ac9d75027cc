"""What SQS does not take, in requests to send and in batches; Refusal says so."""

import json
import re
from collections.abc import Mapping
from typing import Any

from strict.stored import INVALID, Refusal, Stored
from strict.strict_queue import StrictQueue

BATCH = "AWS.SimpleQueueService."
_BATCH_ID = re.compile(r"[\w-]{1,80}", re.ASCII)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def in_range(request: Mapping[str, Any], name: str, default: int, limits: tuple[int, int]) -> int:
    value = request.get(name, default)
    if not isinstance(value, int) or not limits[0] <= value <= limits[1]:
        raise Refusal(INVALID, f"Value {value} for parameter {name} is invalid. Reason: Must be {limits}.")
    return value


def check_message(message: Stored, queue: StrictQueue, request: Mapping[str, Any]) -> None:
    size = len(message.body.encode()) + len(json.dumps(message.attributes)) * bool(message.attributes)
    if len(message.attributes) > 10:
        raise Refusal(
            INVALID, f"Number of message attributes [{len(message.attributes)}] exceeds the allowed maximum [10]."
        )
    if not message.body:
        raise Refusal("MissingParameter", "The request must contain the parameter MessageBody.")
    if _FORBIDDEN.search(message.body):
        raise Refusal("InvalidMessageContents", "Invalid binary character in the message body.")
    if size > queue.settings.largest:
        raise Refusal(INVALID, f"One or more parameters are invalid. Reason: Message of {size} bytes is too long.")
    if queue.fifo and not message.group:
        raise Refusal("MissingParameter", "The request must contain the parameter MessageGroupId.")
    if queue.fifo and "DelaySeconds" in request:
        raise Refusal(INVALID, f"Value {request['DelaySeconds']} for parameter DelaySeconds is invalid. Reason: FIFO.")
    if queue.fifo and message.deduplication_id is None and not queue.settings.by_content:
        reason = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided"
        raise Refusal(INVALID, f"{reason} explicitly")
    if not queue.fifo and message.deduplication_id is not None:
        raise Refusal(INVALID, "The request includes a parameter that is not valid for this queue type")


def trace_header_in(request: Mapping[str, Any]) -> str | None:
    """Return the one system attribute that a message may be sent with."""
    told = request.get("MessageSystemAttributes") or {}
    if told.keys() - {"AWSTraceHeader"}:
        raise Refusal(INVALID, "Message system attribute name is invalid.")
    return told["AWSTraceHeader"]["StringValue"] if told else None


def check_batch(entries: list[dict[str, Any]]) -> None:
    ids = [entry["Id"] for entry in entries]
    if not entries:
        raise Refusal(BATCH + "EmptyBatchRequest", "There should be at least one entry in the request.")
    if len(entries) > 10:
        raise Refusal(BATCH + "TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.")
    if len(set(ids)) < len(ids):
        raise Refusal(BATCH + "BatchEntryIdsNotDistinct", "Two or more batch entries have the same Id.")
    if not all(_BATCH_ID.fullmatch(name) for name in ids):
        raise Refusal(BATCH + "InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters.")
    if sum(len(str(entry.get("MessageBody", "")).encode()) for entry in entries) > 1_048_576:
        raise Refusal(BATCH + "BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes.")
