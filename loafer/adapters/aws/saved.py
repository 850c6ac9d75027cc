"""Messages as files hold them: bodies as JSON lines, outputs of `aws sqs receive-message`, a Lambda event, a dump."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import attrs

from loafer.adapters.aws.strict_json import decode, is_json
from loafer.domain.message import Attribute, OutgoingMessage
from loafer.domain.shown import printable

_FORMATS = "give JSON lines, outputs of `aws sqs receive-message`, a Lambda SQS event, or what `loafer dlq` wrote"

_OF_A_MESSAGE = {"MessageId", "ReceiptHandle", "MD5OfBody", "Body", "Attributes", "MessageAttributes"}
"""The keys of a message as ReceiveMessage spells it."""

_OURS = ("redrive", "purge", "snapshot")
"""How the first lines of journals and snapshots are called."""

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
        ValueError: it is none of the formats, or empty; the text names the line.

    """
    text = text.removeprefix("\ufeff")
    several = _outputs(text)
    if several:
        return _read_entries("Messages", [entry for output in several for entry in output["Messages"]], str)
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


def _outputs(text: str) -> list[dict[str, list[Any]]]:
    """Return several outputs of ReceiveMessage, one after another, as a loop over pages writes them; else none."""
    outputs, decoder, end = list[dict[str, list[Any]]](), json.JSONDecoder(), 0
    try:
        while start := re.compile(r"\s*+(?=\S)").match(text, end):
            output, end = decoder.raw_decode(text, start.end())
            if not isinstance(output, dict) or not isinstance(output.get("Messages"), list):
                return []
            outputs.append(output)
    except (ValueError, RecursionError):
        return []
    return outputs if len(outputs) > 1 else []


def _read_lines(text: str) -> list[Sample]:
    messages: dict[str, Sample] = {}
    ours = False
    # Not splitlines(): a JSON string may hold U+2028 and its like as they are.
    for number, line in enumerate(text.split("\n"), start=1):
        body = line.removesuffix("\r")
        if not body.strip():
            continue
        try:
            content = decode(body)
        except ValueError as error:
            raise ValueError(f"line {number}: not JSON; {_FORMATS}") from error
        ours = ours or (not messages and isinstance(content, dict) and content.get("loafer") in _OURS)
        place, entry = f"line {number}", _entry_in(content, ours=ours)
        if entry is not None:
            sample = _read_entry(place, entry, str)
            messages[sample.id if ours else place] = sample
        elif not ours:
            messages[place] = Sample(place, OutgoingMessage(body))
    if not messages:
        raise ValueError(f"line 1: it holds no message; {_FORMATS}")
    return list(messages.values())


def _entry_in(content: object, *, ours: bool) -> dict[str, Any] | None:
    """Return the message in a line of a dump or a journal; None where it is a body, or tells something else."""
    if ours and isinstance(content, dict) and isinstance(content.get("message"), dict):
        content = content["message"]
    if not isinstance(content, dict) or not {"MessageId", "Body"} <= content.keys() <= _OF_A_MESSAGE:
        return None
    return content


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
