"""From a service's answer to values: null is missing, and an entry that cannot be read is skipped with a warning."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from loafer.adapters.aws.address import queue_address
from loafer.adapters.aws.details import UnreadableAnswer
from loafer.adapters.aws.wire import message_of
from loafer.domain.limits import LARGEST_BATCH
from loafer.domain.message import Message

logger = logging.getLogger(__name__)

POSITIONS = [str(position) for position in range(LARGEST_BATCH)]
"""The ids that are given to the entries of a batch: their positions in it."""
_POSITIONS = {name: position for position, name in enumerate(POSITIONS)}
_LONGEST_ID = 100  # characters of an id that are shown


def messages_in(answer: Mapping[str, Any], source: str, most: int) -> list[Message]:
    """Return the messages in ReceiveMessage's answer, without those that cannot be read.

    Raises:
        UnreadableAnswer: it has no list of messages, or one of more than were asked for.

    """
    entries = answer.get("Messages")
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise UnreadableAnswer("the answer's Messages is no list")
    if len(entries) > most:
        raise UnreadableAnswer(f"the answer has {len(entries)} messages where {most} were asked for")
    try:
        return [message_of(entry, source) for entry in entries]
    except ValueError:
        return list(_readable(entries, source))


def all_succeeded(answer: Mapping[str, Any], size: int) -> bool:
    """Tell whether a batch's answer says so of all its entries, in their order, as it usually does."""
    try:
        return not answer.get("Failed") and [entry["Id"] for entry in answer["Successful"]] == POSITIONS[:size]
    except (KeyError, TypeError):
        return False


def placed(answer: Mapping[str, Any], name: str, size: int) -> list[tuple[int, Mapping[str, Any]]]:
    """Return the entries in a list of a batch's answer, each with its id: its position in the batch of `size`."""
    entries = answer.get(name)
    if entries is None:
        return []
    if not isinstance(entries, list):
        logger.warning("an answer's %s is no list, and skipped", name)
        return []
    try:
        found = [(_POSITIONS[entry["Id"]], entry) for entry in entries]
        if size == LARGEST_BATCH:
            return found  # where every position is one of the batch's
    except (KeyError, TypeError):
        found = [(_position_of(entry, size), entry) for entry in entries]
    readable = [pair for pair in found if pair[0] < size]
    if len(readable) < len(entries):
        for position, entry in found:
            if position >= size:
                text = "an entry in an answer's %s is skipped: %s is no position in the batch"
                logger.warning(text, name, _shown(entry, "Id"))
    return readable


def _position_of(entry: Any, none: int) -> int:
    try:
        return _POSITIONS[entry["Id"]]
    except (KeyError, TypeError):
        return none


def text_in(answer: Mapping[str, Any], name: str) -> str:
    """Return a text in an answer; UnreadableAnswer if there is none."""
    text = answer.get(name)
    if not isinstance(text, str) or not text:
        raise UnreadableAnswer(f"the answer has no {name}")
    return text


def mapping_in(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an object in an answer, without what is null; UnreadableAnswer if there is something else."""
    mapping = answer.get(name)
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        raise UnreadableAnswer(f"the answer's {name} is no object")
    return {key: value for key, value in mapping.items() if value is not None}


def count_in(values: Mapping[str, Any], name: str) -> int:
    """Return a count, written as a number or as a text; 0 where there is none, or what is no number."""
    try:
        return max(int(values.get(name) or 0), 0)
    except (ValueError, TypeError, OverflowError):
        logger.warning("an answer's %s is no number, and taken for missing", name)
        return 0


def redrive_policy_in(attributes: Mapping[str, Any]) -> tuple[int, str | None]:
    """Return after how many receives a queue moves a message, and the ARN of the queue to which; 0 and None: never."""
    written = attributes.get("RedrivePolicy")
    if not written:
        return 0, None
    try:
        policy = json.loads(written)
        arn = queue_address(policy["deadLetterTargetArn"]).arn
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        arn = None
    if arn is None:
        logger.warning("the queue's redrive policy cannot be read, and is unknown")
        return 0, None
    return count_in(policy, "maxReceiveCount"), arn


def _readable(entries: Sequence[Any], source: str) -> Iterator[Message]:
    for entry in entries:
        try:
            yield message_of(entry, source)
        except ValueError as error:
            shown = _shown(entry, "MessageId")
            logger.warning("message %s of %r is skipped, and comes back: %s", shown, source, error)


def _shown(entry: Any, name: str) -> str:
    """Return an id so that it cannot pass for anything else in a log."""
    found = entry.get(name) if isinstance(entry, dict) else None
    return ascii(found[:_LONGEST_ID]) if isinstance(found, str) else "without an id"
