"""Messages as files hold them: bodies as JSON lines, the output of `aws sqs receive-message`, a Lambda event."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from loafer.adapters.aws.strict_json import decode, is_json
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.domain.shown import printable

_FORMATS = "give JSON lines, the output of `aws sqs receive-message`, or a Lambda SQS event"

Spelling: TypeAlias = Callable[[str], str]
"""How a format spells the names of SQS: `MessageId` as it is, or as `messageId`."""


@attrs.frozen
class Sample:
    """A message to be delivered once, under an id of its own."""

    id: str = attrs.field(converter=printable)
    message: OutgoingMessage


def read_messages(text: str) -> list[Sample]:
    """Return the messages of a replay file's content, at least one; where it gives no id, `line 3` is one.

    Raises:
        ValueError: it is none of the three formats, or empty; the text names the line.

    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ValueError(f"line 1: empty; {_FORMATS}")
    match _document(text):
        case {"Messages": [*entries]}:
            return _read_entries("Messages", entries, str)
        case {"Records": [*entries]} if not entries or any(map(_is_from_sqs, entries)):
            return _read_entries("Records", entries, _camel)
    return _read_lines(text)


def _document(text: str) -> object:
    """Return the whole text as JSON; None if its first line is JSON by itself.

    Raises:
        ValueError: neither is JSON.

    """
    try:
        return decode(text)
    except ValueError as error:
        first, *_ = text.strip().split("\n", 1)
        if is_json(first):
            return None
        line = getattr(error, "lineno", 1)
        raise ValueError(f"line {line}: {error}; {_FORMATS}") from error


def _read_lines(text: str) -> list[Sample]:
    messages = []
    # Not splitlines(): a JSON string may hold U+2028 and its like as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        body = line.removesuffix("\r")
        if not body.strip():
            continue
        if not is_json(body):
            raise ValueError(f"line {number}: not JSON; {_FORMATS}")
        messages.append(Sample(f"line {number}", OutgoingMessage(body)))
    return messages


def _read_entries(name: str, entries: list[Any], spelling: Spelling) -> list[Sample]:
    if not entries:
        raise ValueError(f"line 1: {name} is empty; {_FORMATS}")
    return [_read_entry(f"{name}[{place}]", entry, spelling) for place, entry in enumerate(entries)]


def _read_entry(place: str, entry: object, spelling: Spelling) -> Sample:
    if not isinstance(entry, dict) or not isinstance(body := entry.get(spelling("Body")), str):
        raise ValueError(f"line 1: {place} has no {spelling('Body')} that is a string; {_FORMATS}")
    system = entry.get(spelling("Attributes")) or {}
    own = entry.get(spelling("MessageAttributes")) or {}
    try:
        message = OutgoingMessage(
            body,
            attributes={name: _attribute(value, spelling) for name, value in own.items()},
            group=system.get("MessageGroupId"),
            deduplication_id=system.get("MessageDeduplicationId"),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"line 1: the attributes of {place} are not those of an SQS message; {_FORMATS}") from error
    return Sample(str(entry.get(spelling("MessageId"), place)), message)


def _attribute(written: Mapping[str, Any], spelling: Spelling) -> Attribute:
    data_type: str = written[spelling("DataType")]
    if data_type.startswith("Binary"):
        return Attribute(base64.b64decode(written[spelling("BinaryValue")], validate=True), data_type)
    return Attribute(str(written[spelling("StringValue")]), data_type)


def _is_from_sqs(record: object) -> bool:
    """Return whether a record came from SQS: the events of S3 are lists of records too, and common as bodies."""
    return isinstance(record, dict) and record.get("eventSource") == "aws:sqs"


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]
